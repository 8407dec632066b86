"""Exports, proved with the programs that use them; those run in environments of their own (README.md)."""
