"""Check: what is wrong or odd about rows, and what can be done about it."""
