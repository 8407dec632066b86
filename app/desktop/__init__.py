"""What the system around the window gives: this machine, dropped and pasted files, preferences, the file manager."""
