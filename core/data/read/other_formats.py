"""Files that people drop by mistake: what they are, and what to do with them."""

from pathlib import Path

from core.errors import BadData
from core.text.sentence import say

_BY_START = (  # (first bytes, what they are and, behind the colon, what helps)
    (b"\x28\xb5\x2f\xfd", say("packed by zstd, not a data file: unpack it, or pack it with gzip")),
    (b"7z\xbc\xaf", say("a 7z archive, not a data file: unpack it, and choose the files or their folder")),
    (b"Rar!", say("a RAR archive, not a data file: unpack it, and choose the files or their folder")),
    (b"%PDF", say("a PDF, not a data file: save its text as .txt")),
    (b"{\\rtf", say("a document, not a data file: save it as plain text, .txt")),
    (b"\xd0\xcf\x11\xe0", say("an old Office document, not a data file: save a sheet as CSV, a text as .txt")),
    (b"\x89PNG", say("a picture, not a data file")),
    (b"\xff\xd8\xff", say("a picture, not a data file")),
    (b"SQLite format 3", say("a database, not a data file")),
    (b"GGUF", say("a model in GGUF format, not a data file")),
    (b"version https://git-lfs", say("a Git LFS pointer, not a data file: fetch the data itself with git lfs pull")),
    (b"<!doctype html", say("a web page, not a data file: save its text as .txt")),
    (b"<html", say("a web page, not a data file: save its text as .txt")),
    (b"<?xml", say("XML, not a data file: convert it to JSON Lines or CSV")),
)
_BY_NAME = {  # what files are by their names, where their first bytes do not say it so well
    **dict.fromkeys((".xlsx", ".xlsm", ".ods", ".numbers"), say("a workbook, not a data file: save its sheet as CSV")),
    **dict.fromkeys(
        (".docx", ".odt", ".pages", ".epub", ".pptx"), say("a document, not a data file: save it as plain text, .txt")
    ),
    **dict.fromkeys((".ipynb",), say("a notebook, not a data file: save its text as .md or its code as .py")),
    **dict.fromkeys((".toml",), say("TOML, not a data file: convert it to JSON Lines or CSV")),
    **dict.fromkeys((".pdf",), say("a PDF, not a data file: save its text as .txt")),
    **dict.fromkeys((".yaml", ".yml"), say("YAML, not a data file: convert it to JSON Lines or CSV")),
    **dict.fromkeys((".xml",), say("XML, not a data file: convert it to JSON Lines or CSV")),
    **dict.fromkeys((".html", ".htm"), say("a web page, not a data file: save its text as .txt")),
    **dict.fromkeys(
        (".tar", ".tgz"), say("an archive, not a data file: unpack it, and choose the files or their folder")
    ),
    **dict.fromkeys((".safetensors", ".pt", ".pth", ".ckpt"), say("the weights of a model, not a data file")),
    **dict.fromkeys(
        (".pkl", ".pickle", ".npy", ".npz"),
        say("an object of Python, not a data file: save it as JSON Lines, CSV or Parquet"),
    ),
}


def describe_other_format(suffix: str, head: bytes = b"") -> str:
    """What a file is that is no data file, as part of a sentence, by its name's ending in lower case or by its first
    bytes; "" where it may be data."""
    start = head[:64].lower()
    return _BY_NAME.get(suffix) or next((name for mark, name in _BY_START if start.startswith(mark.lower())), "")


def refuse_other_format(path: Path, suffix: str, head: bytes) -> None:
    """Raise BadData for a file that is no data file, see describe_other_format()."""
    description = describe_other_format(suffix, head)
    if description:
        raise BadData(say("{path} is {description}.", path=path, description=description))
