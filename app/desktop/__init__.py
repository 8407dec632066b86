"""The system around the window: this machine, dropped and pasted files, preferences, the file manager."""
