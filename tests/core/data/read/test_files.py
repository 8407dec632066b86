"""Which files are meant by a file, a folder, a pattern, several names."""

from pathlib import Path

import pytest

from core.data.dataset import load_dataset
from core.data.format.mapping import ColumnMap, parse_fill_in
from core.data.read.files import find_files, partition_files
from core.errors import BadData, BadOption


def fill(folder: Path, *names: str) -> None:
    for n, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f'{{"text": "{n}"}}\n')


@pytest.mark.parametrize(
    ("names", "train", "valid", "test"),
    [
        (("train.jsonl", "valid.jsonl", "test.jsonl"), ["train.jsonl"], ["valid.jsonl"], ["test.jsonl"]),
        (
            ("data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl", "data/validation-0.jsonl"),
            ["data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl"],
            ["data/validation-0.jsonl"],
            [],
        ),
        (("wiki_train.csv.gz", "wiki_dev.csv.gz"), ["wiki_train.csv.gz"], ["wiki_dev.csv.gz"], []),
        (("train/a.json", "eval/a.json"), ["train/a.json"], ["eval/a.json"], []),
        (("one.json", "two.json", "README.md", ".hidden.json", "dataset_info.json"), ["one.json", "two.json"], [], []),
        (("trainers.json", "contest.json"), ["contest.json", "trainers.json"], [], []),
    ],
)
def test_a_folder(tmp_path: Path, names: tuple[str, ...], train: list[str], valid: list[str], test: list[str]) -> None:
    fill(tmp_path, *names)
    files_found = find_files(tmp_path, "text")
    parts = [
        [str(f.relative_to(tmp_path)) for f in part]
        for part in (files_found.train, files_found.valid, files_found.test)
    ]
    assert parts == [train, valid, test]


def test_files_beside_those_named_as_training_data_are_told_not_read(tmp_path: Path) -> None:
    fill(tmp_path, "train.jsonl", "more.jsonl", "valid.jsonl", "other.csv")
    assert [f.name for f in find_files(tmp_path, "text").unread] == ["more.jsonl", "other.csv"]
    (finding,) = (f for f in load_dataset(tmp_path, "text").findings if f.code == "unread")
    assert finding.severity == "warning"
    assert finding.message == ("2 files of the folder are not read beside the others: more.jsonl, other.csv.")


def test_code_beside_data_is_told_not_read(tmp_path: Path) -> None:
    fill(tmp_path, "notes.jsonl", "main.py", ".hidden.py")
    assert [f.name for f in find_files(tmp_path, "text").unread] == ["main.py"]
    fill(tmp_path, "train.jsonl")  # a dataset with a script of its own
    assert [f.name for f in find_files(tmp_path, "text").unread] == ["notes.jsonl"]


def test_a_folder_without_data(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"")
    with pytest.raises(BadData) as error:
        find_files(tmp_path, "text")
    endings = "json, jsonl, ndjson, csv, tsv, tab, txt, md, parquet, arrow"
    sentence = f"The folder {tmp_path} has no data file ({endings}; also packed: gz, bz2, xz)."
    assert str(error.value) == sentence
    for name, advice in (
        ("code.py", "To learn from code.py and the like as text, choose the files."),
        ("book.pdf", "book.pdf is a PDF, not a data file: save its text as .txt."),
        ("rows.zip", "It holds rows.zip: choose that file, or unpack it."),
    ):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(BadData) as error:
            find_files(tmp_path, "text")
        assert str(error.value) == f"{sentence} {advice}"
    fill(tmp_path, "test.json")
    with pytest.raises(BadData, match="has no data file to train on"):
        find_files(tmp_path, "text")


def test_a_pattern_and_several_files(tmp_path: Path) -> None:
    fill(tmp_path, "b.jsonl", "a.jsonl", "c.txt")
    assert [f.name for f in find_files(tmp_path / "*.jsonl", "text").train] == ["a.jsonl", "b.jsonl"]
    assert [f.name for f in find_files([tmp_path / "b.jsonl", tmp_path / "a.jsonl"], "text").train] == [
        "b.jsonl",
        "a.jsonl",
    ]
    with pytest.raises(BadData) as error:
        find_files(tmp_path / "*.csv", "text")
    assert str(error.value) == f"No file matches {tmp_path}/*.csv."


def test_a_dataset_of_several_files_knows_where_each_row_stands(tmp_path: Path) -> None:
    fill(tmp_path, "train-1.jsonl", "train-2.jsonl", "valid.jsonl")
    with (tmp_path / "train-2.jsonl").open("a") as file:
        file.write('{"text": ""}\n')
    dataset = load_dataset(tmp_path, "text")
    single, two = (str(tmp_path / f"train-{n}.jsonl") for n in (1, 2))
    assert [(e.file, e.line, e.text) for e in dataset.examples] == [(single, 1, "0"), (two, 1, "1")]
    assert [(f.file, f.line) for f in dataset.findings] == [(single, None), (two, 2)]
    assert (dataset.path, dataset.valid) == (str(tmp_path), (str(tmp_path / "valid.jsonl"),))
    assert dataset.sentence == "Plain text, 3 rows: text."


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("question", "columns: 'question' is not of the form question=column; a text with a comma stands in quotes."),
        ("=a", "columns: '=a' is not of the form question=column; a text with a comma stands in quotes."),
    ],
)
def test_a_mapping_that_is_none(entry: str, sentence: str) -> None:
    with pytest.raises(BadOption) as error:
        ColumnMap.parse([entry])
    assert str(error.value) == sentence


def test_a_mapping_to_an_unknown_role_and_from_an_unknown_column(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="columns: there is no 'frage' to map a column to; there are messages, "):
        ColumnMap.parse(["frage=question"])
    fill(tmp_path, "rows.jsonl")
    for entry in ("text=body", "text=Say {body}"):
        with pytest.raises(BadData) as error:
            load_dataset(tmp_path / "rows.jsonl", "text", columns=[entry])
        assert (
            str(error.value)
            == f"{tmp_path}/rows.jsonl, line 1: There is no column body; the row has text. There is no other row."
        )
    with pytest.raises(BadOption, match="fill: 'name' is not of the form name=text"):
        parse_fill_in(["name"])


def test_several_files_are_one_text_of_several_lines(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('{"text": "' + name + '"}\n')
    path = f"{tmp_path}/a.jsonl\n{tmp_path}/b.jsonl\n"
    assert find_files(path, "text").train == (tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    assert [e.text for e in load_dataset(path, "text").examples] == ["a.jsonl", "b.jsonl"]
    assert load_dataset(path, "text").path == f"{tmp_path}/a.jsonl, {tmp_path}/b.jsonl"


def test_files_chosen_together_are_parted_by_their_names() -> None:
    names = [Path(name) for name in ("x/train.jsonl", "x/valid.jsonl", "x/more.jsonl")]
    assert partition_files(names) == ([names[0], names[2]], [names[1]])
    assert partition_files(names[1:2]) == (names[1:2], [])
    assert partition_files([Path("valid/rows.jsonl"), Path("valid/more.jsonl")])[1] == []
