"""Files on the disk: written whole or not at all, with checksums, read with care, and what the system refuses."""
