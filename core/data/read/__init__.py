"""Read: data files as a stream of rows and findings, at flat memory."""
