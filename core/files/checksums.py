"""SHA-256 of files, and such a sum at a file's own end."""

from pathlib import Path

CHECKSUM_BYTES = 32  # that add_checksum() adds
_BLOCK_BYTES = 1 << 20


def hash_file(path: Path) -> str:
    """The SHA-256 of a file's contents."""
    import hashlib  # OpenSSL: not before the window stands

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def add_checksum(path: Path) -> None:
    """Add the SHA-256 of a file to its end, for has_checksum(). NumPy's files may be followed by anything."""
    digest = bytes.fromhex(hash_file(path))
    with path.open("ab") as file:
        file.write(digest)


def has_checksum(path: Path) -> bool:
    """Whether a file ends with the SHA-256 of all that stands before."""
    import hashlib

    digest, left = hashlib.sha256(), path.stat().st_size - CHECKSUM_BYTES
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(left, _BLOCK_BYTES))):
            digest.update(block)
            left -= len(block)
        return left == 0 and file.read() == digest.digest()
