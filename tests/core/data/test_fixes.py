"""What can be done about findings: rows left out, rows kept apart from the validation data, placeholders filled in."""

from pathlib import Path

import pytest

from core.data.fixes import EXCLUSIONS, safe, to_fill_in
from core.data.load import apart, load
from core.data.read import Finding
from core.data.scan import scan
from core.errors import BadOption

FILES = Path(__file__).parent / "files"
OVERLAP = FILES / "overlap-train.jsonl", FILES / "overlap-valid.jsonl"


def test_rows_that_also_stand_in_the_validation_data_are_found_with_their_line() -> None:
    train, valid = OVERLAP
    *_, found, _, last = scan(train, "text", held=valid)
    assert isinstance(found, Finding)
    assert (found.code, found.severity, found.line) == ("overlap", "warning", 2)
    assert found.message == "The row also stands in the validation data, which would flatter the result."
    assert last.usable == 3
    *_, last = scan(train, "text", held=valid, exclude=["overlap"])
    assert last.usable == 2
    assert last.problems == {"overlap": 1}


def test_they_can_be_left_out_of_what_is_trained_on() -> None:
    train, valid = (load(path, "text", exclude=["overlap"]).examples for path in OVERLAP)
    assert [e.line for e in apart(train, valid)] == [1, 3]


def test_the_safe_ones_lose_nothing_that_could_be_learned() -> None:
    assert safe(["placeholder", "duplicate", "json", "overlap", "ends-with-user"]) == ["duplicate", "overlap"]
    assert [code for code, e in EXCLUSIONS.items() if e.safe] == ["duplicate", "overlap", "same-as-question"]


def test_a_placeholders_name_is_told() -> None:
    (found, *_) = load(FILES / "placeholders.jsonl", "text").findings
    assert to_fill_in(found) == "name"
    assert to_fill_in(Finding("json", "error", "a", 1, "{{name}}")) == ""


def test_what_rows_cannot_be_left_out_for_is_refused() -> None:
    with pytest.raises(BadOption) as error:
        load(FILES / "duplicates.jsonl", "text", exclude=["doubles"])
    assert str(error.value) == (
        "exclude: rows cannot be left out for 'doubles'; they can for duplicate, overlap, same-as-question, "
        "ends-with-user, placeholder."
    )
