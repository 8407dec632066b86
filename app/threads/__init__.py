"""Work off the UI thread: runs, chats, other background tasks, and where their errors go."""
