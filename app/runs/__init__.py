"""Runs as the window knows them: the queue, what a run reports, its history and its words. No page here."""
