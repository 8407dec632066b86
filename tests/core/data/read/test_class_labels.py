"""Columns of classes in Parquet and Arrow files are read by the names of the classes."""

import json
from pathlib import Path

import duckdb
import nanoarrow
import nanoarrow.ipc
import pytest

from core.data.dataset import load_dataset
from core.data.read.class_labels import class_names, with_names
from core.data.read.reader import Row, read_rows

FEATURES = {
    "question": {"dtype": "string", "_type": "Value"},
    "answer": {"names": ["neg", "pos"], "_type": "ClassLabel"},
}
METADATA = json.dumps({"info": {"features": FEATURES}})


def write_parquet(path: Path) -> Path:
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT * FROM (VALUES ('Hi?', 1), ('So?', 0), ('Oh?', -1)) t(question, answer)) "
            f"TO '{path}' (FORMAT parquet, KV_METADATA {{huggingface: '{METADATA}'}})"
        )
    return path


def write_arrow(path: Path) -> Path:
    columns = [
        nanoarrow.c_array(["Hi?", "So?", "Oh?"], nanoarrow.string()),
        nanoarrow.c_array([1, 0, -1], nanoarrow.int64()),
    ]
    schema = nanoarrow.c_schema(nanoarrow.struct({"question": nanoarrow.string(), "answer": nanoarrow.int64()}))
    schema = schema.modify(metadata={b"huggingface": METADATA.encode()})
    with nanoarrow.ipc.StreamWriter.from_path(path) as writer:
        writer.write_array(nanoarrow.c_array_from_buffers(schema, 3, [None], children=columns))
    return path


@pytest.mark.parametrize(("name", "write"), [("rows.parquet", write_parquet), ("rows.arrow", write_arrow)])
def test_classes_are_read_by_their_names(name: str, write: object, tmp_path: Path) -> None:
    path = write(tmp_path / name)  # type: ignore[operator]
    rows = [row.value for row in read_rows(path) if isinstance(row, Row)]
    assert rows == [
        {"question": "Hi?", "answer": "pos"},
        {"question": "So?", "answer": "neg"},
        {"question": "Oh?", "answer": None},  # -1 stands for no class
    ]
    assert [f.message for f in load_dataset(path, "text").findings] == ["answer is null."]


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        b"",
        b"{}",
        b"[1]",
        b'{"info": null}',
        b'{"info": {"features": {"a": {"_type": "ClassLabel", "names": [1]}}}}',
    ],
)
def test_metadata_that_name_no_classes(metadata: bytes | None) -> None:
    assert class_names(metadata) == {}


def test_only_numbers_of_classes_are_named() -> None:
    names = {"a": ["no", "yes"]}
    assert with_names({"a": 2, "b": 1}, names) == {"a": None, "b": 1}
    assert with_names({"a": True}, names) == {"a": True} and with_names({"a": "x"}, names) == {"a": "x"}


def test_bytes_of_a_parquet_file_are_the_text_that_they_are(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    with duckdb.connect() as connection:
        rows = "('Hi?', encode('Où.')), ('So?', '\\xFF\\xFE'::BLOB)"
        connection.execute(f"COPY (SELECT * FROM (VALUES {rows}) t(question, answer)) TO '{path}' (FORMAT parquet)")
    dataset = load_dataset(path, "text")
    assert [e.messages[-1]["content"] for e in dataset.examples if e.messages] == ["Où."]
    assert [f.message for f in dataset.findings] == ["answer is not text."]
