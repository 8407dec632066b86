"""Files that people drop by mistake: what they are, and what to do with them."""

from pathlib import Path

from core.errors import BadData

_BY_START = (  # (first bytes, what they are and, behind the colon, what helps)
    (b"PK\x03\x04", "a ZIP archive: unpack it, and choose the files or their folder"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd: unpack it, or pack it with gzip"),
    (b"BZh", "packed by bzip2: unpack it, or pack it with gzip"),
    (b"\xfd7zXZ", "packed by xz: unpack it, or pack it with gzip"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it, and choose the files or their folder"),
    (b"Rar!", "a RAR archive: unpack it, and choose the files or their folder"),
    (b"%PDF", "a PDF: save its text as .txt"),
    (b"{\\rtf", "a document: save it as plain text, .txt"),
    (b"\xd0\xcf\x11\xe0", "an old Office document: save a sheet as CSV, a text as .txt"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"SQLite format 3", "a database"),
    (b"GGUF", "a model in GGUF format"),
    (b"version https://git-lfs", "a Git LFS pointer: fetch the data itself with git lfs pull"),
    (b"<!doctype html", "a web page: save its text as .txt"),
    (b"<html", "a web page: save its text as .txt"),
    (b"<?xml", "XML: convert it to JSON Lines or CSV"),
)
_BY_NAME = {  # what files are by their names, where their first bytes do not say it so well
    **dict.fromkeys((".xlsx", ".xlsm", ".ods", ".numbers"), "a workbook: save its sheet as CSV"),
    **dict.fromkeys((".docx", ".odt", ".pages", ".epub", ".pptx"), "a document: save it as plain text, .txt"),
    **dict.fromkeys((".yaml", ".yml"), "YAML: convert it to JSON Lines or CSV"),
    **dict.fromkeys((".xml",), "XML: convert it to JSON Lines or CSV"),
    **dict.fromkeys((".html", ".htm"), "a web page: save its text as .txt"),
    **dict.fromkeys((".tar", ".tgz"), "an archive: unpack it, and choose the files or their folder"),
    **dict.fromkeys((".safetensors", ".pt", ".pth", ".ckpt"), "the weights of a model"),
    **dict.fromkeys((".pkl", ".pickle", ".npy", ".npz"), "an object of Python: save it as JSON Lines, CSV or Parquet"),
}


def describe_other_format(suffix: str, head: bytes = b"") -> str:
    """What a file is that is no data file, as part of a sentence, by its name's ending in lower case or by its first
    bytes; "" where it may be data."""
    start = head[:64].lower()
    found = _BY_NAME.get(suffix) or next((name for mark, name in _BY_START if start.startswith(mark.lower())), "")
    name, _, advice = found.partition(": ")
    return f"{name}, not a data file{': ' + advice if advice else ''}" if found else ""


def refuse_other_format(path: Path, suffix: str, head: bytes) -> None:
    """Raise BadData for a file that is no data file, see describe_other_format()."""
    description = describe_other_format(suffix, head)
    if description:
        raise BadData(f"{path} is {description}.")
