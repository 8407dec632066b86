"""How the window looks: theme and icons."""
