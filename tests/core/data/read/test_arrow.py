"""Arrow files: their rows, and damaged ones, which end the process that reads them."""

import sys
from datetime import date, datetime
from pathlib import Path
from unittest.mock import patch
from zoneinfo import ZoneInfo

import nanoarrow
import nanoarrow.ipc
import psutil
import pytest

from core.data.read import arrow
from core.data.read.arrow import read_arrow
from core.data.read.reader import Row, iterate_rows, read_rows
from core.data.read.source import Source
from core.errors import BadData


def write_arrow(path: Path, texts: list[str], prefix: bytes = b"") -> Path:
    """An Arrow stream with one column of texts; as a file where it begins with a prefix."""
    column = nanoarrow.c_array(texts, nanoarrow.string())
    schema = nanoarrow.struct({"text": nanoarrow.string()})
    array = nanoarrow.c_array_from_buffers(schema, len(texts), [None], children=[column])
    with path.open("wb") as file:
        file.write(prefix)
        with nanoarrow.ipc.StreamWriter.from_writable(file) as writer:
            writer.write_stream(nanoarrow.c_array_stream(array))
    return path


@pytest.mark.parametrize("prefix", [b"", b"ARROW1\0\0"])
def test_arrow(prefix: bytes, tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "rows.arrow", ["a", "é"], prefix)
    rows = [(row.line, row.value) for row in read_rows(path) if isinstance(row, Row)]
    assert rows == [(1, {"text": "a"}), (2, {"text": "é"})]
    assert [row.value for row in iterate_rows(Source(path, (2, 2))) if isinstance(row, Row)] == [{"text": "é"}]
    damaged = tmp_path / "damaged.arrow"
    damaged.write_bytes(path.read_bytes()[:60])
    with pytest.raises(BadData, match=r"is a damaged Arrow file: (?!it ends the program)"):
        list(read_rows(damaged))


def test_an_arrow_file_whose_schema_would_end_its_reader(tmp_path: Path) -> None:
    texts = nanoarrow.string()
    columns = [nanoarrow.c_array(["q0", "q1", "q2"], texts), nanoarrow.c_array(["a", "a", "a"], texts)]
    schema = nanoarrow.struct({"question": texts, "answer": texts})
    path = tmp_path / "rows.arrow"
    with nanoarrow.ipc.StreamWriter.from_path(path) as writer:
        writer.write_array(nanoarrow.c_array_from_buffers(schema, 3, [None], children=columns))
    assert [row.value for row in read_rows(path) if isinstance(row, Row)][1] == {"question": "q1", "answer": "a"}
    data = bytearray(path.read_bytes())
    assert data[172] == 8
    data[172] = 0  # where a field's kind is said: nanoarrow 0.9 follows it to where there is nothing
    path.write_bytes(data)
    with pytest.raises(BadData, match="is a damaged Arrow file: it ends the program that reads it"):
        list(read_rows(path))


def test_an_arrow_file_whose_rows_would_end_its_reader(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "rows.arrow", ["q0", "q1", "q2"])
    data = bytearray(path.read_bytes())
    data[172:176] = b"\xff\xff\xff\xff"  # where the first batch's description begins, behind the schema
    path.write_bytes(data)
    with pytest.raises(BadData, match="is a damaged Arrow file: it ends the program that reads it"):
        list(read_rows(path))


def test_times_in_an_arrow_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.arrow"
    kinds = {"zoned": nanoarrow.timestamp("us", "Europe/Berlin"), "plain": nanoarrow.date32()}
    columns = [nanoarrow.c_array([0], kind) for kind in kinds.values()]
    with nanoarrow.ipc.StreamWriter.from_path(path) as writer:
        writer.write_array(nanoarrow.c_array_from_buffers(nanoarrow.struct(kinds), 1, [None], children=columns))
    ((_, values),) = read_arrow(Source(path))
    berlin = ZoneInfo("Europe/Berlin")
    assert values == {"zoned": datetime(1970, 1, 1, 1, tzinfo=berlin), "plain": date(1970, 1, 1)}
    assert values["zoned"].tzinfo is berlin


def test_values_of_other_kinds_are_not_made(tmp_path: Path) -> None:
    """The process that reads a stranger's file can ask for no more than the values of a column."""
    reader = tmp_path / "reader.py"
    reader.write_text(
        "import os, pickle, struct, sys\n"
        "data = pickle.dumps((1, {'a': os.system}))\n"
        "sys.stdout.buffer.write(struct.pack('<Q', len(data)) + data)\n"
    )
    path = write_arrow(tmp_path / "rows.arrow", ["a"])
    with (
        patch.object(arrow, "child_command", lambda *_: [sys.executable, str(reader)]),
        pytest.raises(BadData, match=r"holds a value of the kind posix.system"),
    ):
        list(read_arrow(Source(path)))


def test_an_arrow_file_that_is_left_early_leaves_no_process(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "rows.arrow", [str(n) * 100 for n in range(20_000)])
    rows = read_arrow(Source(path))
    assert next(rows) == (1, {"text": "0" * 100})
    (child,) = psutil.Process().children()
    rows.close()
    assert not child.is_running()
