"""Read: a person's files as a stream of rows and findings, at flat memory."""
