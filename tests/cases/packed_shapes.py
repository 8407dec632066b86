"""Files that are packed, and folders that hold something else. In the form of tests/cases/shapes.py; the test of folders
is tests/core/data/read/test_files.py."""

import bz2
import io
import lzma
import zipfile

from core.data.kinds import TEXT
from tests.cases.shapes import PLAIN, Case

ROW = '{"question": "Hi?", "answer": "Yes."}\n'
TABLE = "question;answer\nHi?;Yes.\n"


def archive(**members: str) -> bytes:
    """A ZIP archive of these files; "__" in a name stands for a dot, "_in_" for a folder."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name.replace("_in_", "/").replace("__", "."), text)
    return packed.getvalue()


def _locked() -> bytes:
    """An archive whose file is marked as protected by a password."""
    data = bytearray(archive(rows__jsonl=ROW))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    return bytes(data)


PACKED = (
    Case("packed with bzip2", TEXT, bz2.compress(ROW.encode()), PLAIN, file="rows.jsonl.bz2"),
    Case("packed with xz", TEXT, lzma.compress(TABLE.encode()), PLAIN, file="rows.csv.xz"),
    Case("packed with bzip2 under another name", TEXT, bz2.compress(ROW.encode()), PLAIN, file="rows.jsonl"),
    Case("the only data file of an archive", TEXT, archive(archive_in_rows__csv=TABLE), PLAIN, file="archive.zip"),
    Case("an archive of a Mac's", TEXT, archive(rows__jsonl=ROW, __MACOSX_in___rows__jsonl="\0\0", README__md="# Rows"), PLAIN,
         file="rows.zip"),
    Case("an archive of several data files", TEXT, archive(a__jsonl=ROW, b__csv=TABLE), (), (),
         "is a ZIP archive with 2 data files (a.jsonl, b.csv): unpack it, and choose the files or their folder.", "rows.zip"),
    Case("an archive without data", TEXT, archive(a__png="?"), (), (), "is a ZIP archive without a data file of text in it: unpack it",
         "rows.zip"),
    Case("an archive with a password", TEXT, _locked(), (), (), "is protected by a password: unpack it", "rows.zip"),
    Case("an archive that was cut off", TEXT, archive(rows__jsonl=ROW)[:60], (), (), "rows.zip cannot be read: it is no ZIP archive, or a damaged one.",
         "rows.zip"),
    Case("a file of xz that was cut off", TEXT, lzma.compress(ROW.encode())[:30], (), (), "cannot be read: it ends in the middle.", "rows.jsonl.xz"),
    Case("a notebook", TEXT, '{"cells": [], "nbformat": 4}', (), (), "is a notebook, not a data file: save its text as .md", "a.ipynb"),
    Case("TOML", TEXT, '[[rows]]\nquestion = "Hi?"\n', (), (), "is TOML, not a data file: convert it to JSON Lines or CSV", "rows.toml"),
)  # fmt: skip
