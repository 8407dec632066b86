"""Other people's Python packages: their versions, importing them quickly, and keeping their warnings quiet."""
