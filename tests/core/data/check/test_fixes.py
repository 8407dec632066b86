"""What can be done about findings: rows left out, rows kept apart from the validation data, placeholders filled in."""

from pathlib import Path
from typing import Any

import pytest

from core.data.check.content_keys import key_array, stand_in
from core.data.check.exclude import excluded_rows, finding_codes, row_entry
from core.data.check.fixes import EXCLUSIONS, placeholder_to_fill, safe_exclusions
from core.data.dataset import load_dataset
from core.data.format.example import content_key
from core.data.preview.lengths import measure_lengths
from core.data.preview.scan import scan_files
from core.data.read.reader import Finding
from core.errors import BadOption

FILES = Path(__file__).parents[1] / "files"
OVERLAP = FILES / "overlap-train.jsonl", FILES / "overlap-valid.jsonl"


def test_rows_that_also_stand_in_the_validation_data_are_found_with_their_line() -> None:
    train, valid = OVERLAP
    *_, finding, _, _, last = scan_files(train, "text", held_out=valid)
    assert isinstance(finding, Finding)
    assert (finding.code, finding.severity, finding.line) == ("overlap", "warning", 2)
    assert finding.message == "The row also stands in the validation data, which would flatter the result."
    assert last.usable == 3
    *_, last = scan_files(train, "text", held_out=valid, exclude=["overlap"])
    assert last.usable == 2
    assert last.problems == {"overlap": 1, "no-template": 1}


def test_they_can_be_left_out_of_what_is_trained_on() -> None:
    train, valid = (load_dataset(path, "text", exclude=["overlap"]).examples for path in OVERLAP)
    keys = [key_array(map(content_key, examples)) for examples in (train, valid)]
    assert stand_in(*keys).tolist() == [False, True, False]


def test_the_safe_ones_lose_nothing_that_could_be_learned() -> None:
    assert safe_exclusions(["placeholder", "duplicate", "json", "overlap", "ends-with-user"]) == [
        "duplicate",
        "overlap",
    ]
    assert [code for code, e in EXCLUSIONS.items() if e.is_safe] == ["duplicate", "overlap", "same-as-question"]


def test_a_placeholders_name_is_told() -> None:
    (finding, *_) = load_dataset(FILES / "placeholders.jsonl", "text").findings
    assert placeholder_to_fill(finding) == "name"
    assert placeholder_to_fill(Finding("json", "error", "a", 1, "{{name}}")) == ""


def test_what_rows_cannot_be_left_out_for_is_refused() -> None:
    with pytest.raises(BadOption) as error:
        load_dataset(FILES / "duplicates.jsonl", "text", exclude=["doubles"])
    assert str(error.value) == (
        "exclude: rows cannot be left out for 'doubles'; they can for duplicate, overlap, same-as-question, "
        "ends-with-user, worse-chosen, not-text, garbled, escaped, template-token, empty-word, placeholder, "
        "or one by one: row:17."
    )


def test_single_rows_are_left_out_by_their_number_over_all_files(tmp_path: Path) -> None:
    files = [tmp_path / "a.jsonl", tmp_path / "b.json"]
    files[0].write_text("".join(f'{{"prompt": "{n}", "completion": "x {n}"}}\n\n' for n in (1, 2, 3)))
    files[1].write_text('[{"prompt": "4", "completion": "x 4"}, {"prompt": "5", "completion": "x 5"}, {"prompt": "6"}]')
    all_rows, remaining = load_dataset(files, "text"), load_dataset(files, "text", exclude=["row:2", "row:5", "row:6"])
    assert [e.prompt for e in all_rows.examples] == ["1", "2", "3", "4", "5"]
    assert [e.prompt for e in remaining.examples] == ["1", "3", "4"]
    assert [f.row for f in all_rows.findings if f.row] == [6]
    (finding,) = (f for f in remaining.findings if f.code == "left-out")
    assert (finding.severity, finding.line) == ("note", None)
    assert finding.message == "3 rows are left out by number, as chosen."
    *_, last = scan_files(files, "text", exclude=["row:2", "row:5", "row:6"])
    assert (last.usable, last.index.rows, last.left_out) == (3, 6, 0)  # the pages still show them


def test_rows_left_out_are_not_measured(tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"prompt": "a", "completion": "{"b " * n}c"}}\n' for n in (1, 5, 3)))
    *_, last = scan_files(path, "text")
    lengths = [
        [*measure_lengths(last.index, last.parser, tokenizer, train_on="answers", exclude=e)][-1].longest.tolist()
        for e in ([], ["row:2"])
    ]
    assert lengths[1] == [lengths[0][0], lengths[0][2]]


def test_a_row_that_is_not_there_any_more_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "1", "completion": "x"}\n')
    finding, _ = load_dataset(path, "text", exclude=["row:9"]).findings
    assert (finding.code, finding.severity) == ("no-such-row", "warning")
    assert finding.message == "Row 9 is to be left out, but there are only 1: the files may have changed."


@pytest.mark.parametrize("entry", ["row:", "row:0", "row:-1", "row:two", "row:1.5", "row:²"])
def test_a_row_that_is_no_number_is_refused(entry: str) -> None:
    with pytest.raises(BadOption, match="names no row; rows are counted from 1, as in 'row:17'"):
        load_dataset(FILES / "duplicates.jsonl", "text", exclude=[entry])


def test_kinds_hold_for_any_file_and_rows_for_these() -> None:
    entries = ("duplicate", row_entry(17), "overlap", row_entry(3))
    assert excluded_rows(entries) == {3, 17}
    assert finding_codes(entries) == ("duplicate", "overlap")
