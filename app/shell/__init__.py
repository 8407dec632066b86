"""The window itself: sidebar, menus, what comes in from outside, and which page is shown."""
