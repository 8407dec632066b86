"""Hone's window: what a person sees of the library in core."""
