"""Data files that are packed: by gzip, bzip2 or xz, or as the only one in a ZIP archive. All with what Python has."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal, cast

from core.errors import BadData
from core.text.sentence import say

Packing = Literal["", "gzip", "bzip2", "xz", "zip"]
PACKED_ENDINGS = (".gz", ".bz2", ".xz")  # of a data file's name, behind its own
ZIP = ".zip"
EXPORTED_CHAT = "_chat.txt"  # beside the pictures of a chat of WhatsApp's; other names that begin so are hidden
# What reading raises where a packed file is cut off or damaged, or packed in a way that Python does not know.
UNPACK_ERRORS = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
_BY_START: tuple[tuple[bytes, Packing], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"PK\x03\x04", "zip"),
)
START_BYTES = 6
_UNPACKERS: dict[str, Any] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
_MEMBERS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".tab", ".txt", ".md")  # that are read out of an archive
_MOST_NAMES = 3


def packing_of(start: bytes) -> Packing:
    """How a file is packed that begins with these bytes; "" where it is not."""
    return next((packing for mark, packing in _BY_START if start.startswith(mark)), "")


def unpacked_name(name: str) -> str:
    """The name of a data file, in lower case, without the ending that says how it is packed."""
    name = name.lower()
    return next((name.removesuffix(end) for end in PACKED_ENDINGS if name.endswith(end)), name)


def only_member(path: Path) -> str:
    """The name of the only data file in a ZIP archive. Raises BadData where there are several or none, or it is
    protected by a password."""
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if _is_data(info)]
    if len(members) != 1:
        names = ", ".join(PurePosixPath(info.filename).name for info in members[:_MOST_NAMES])
        names += say(" and others") if len(members) > _MOST_NAMES else ""
        held = say("with {count} data files ({names})", count=len(members), names=names)
        held = held if members else say("without a data file of text in it")
        raise BadData(
            say(
                "{path} is a ZIP archive {held}: unpack it, and choose the files or their folder.",
                path=path,
                held=held,
            )
        )
    if members[0].flag_bits & 1:
        raise BadData(say("{path} is protected by a password: unpack it, and choose what was in it.", path=path))
    return members[0].filename


def open_packed(path: Path, packing: Packing, member: str) -> tuple[BinaryIO, BinaryIO]:
    """(the unpacked bytes, the file on the disk) of a packed file; `member` is the file in a ZIP archive."""
    raw = path.open("rb")
    try:
        if packing == "zip":
            archive = zipfile.ZipFile(raw)
            unpacked = _open_member(archive, member)
        else:
            unpacked = _UNPACKERS[packing](raw)
    except BaseException:
        raw.close()
        raise
    return cast(BinaryIO, _Closing(cast(io.RawIOBase, unpacked), raw)), raw


def _open_member(archive: zipfile.ZipFile, member: str) -> Any:
    """A file in an archive, which holds its name twice. Raises BadZipFile where the second is damaged."""
    try:
        return archive.open(member)
    except UnicodeDecodeError:
        raise zipfile.BadZipFile(f"File name in directory {member!r} and header differ.") from None


class _Closing(io.BufferedReader):
    """The unpacked bytes, which close the file on the disk as well."""

    def __init__(self, unpacked: io.RawIOBase, raw: BinaryIO) -> None:
        super().__init__(unpacked)
        self._file = raw

    def close(self) -> None:
        super().close()
        self._file.close()


def _is_data(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename)
    is_hidden = path.name != EXPORTED_CHAT and any(part.startswith((".", "_")) for part in path.parts)
    is_documentation = path.name.lower().startswith(("readme", "license", "changelog", "dataset_info"))
    return not info.is_dir() and not is_hidden and not is_documentation and path.suffix.lower() in _MEMBERS
