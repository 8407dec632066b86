"""What ends an answer, from the tokenizer, its chat template and the files beside it together."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from core.data.tokenize.end_of_turn import EndOfTurn, configured_ids, find_end_of_turn
from core.data.tokenize.templates import set_chat_template
from core.data.tokenize.tokenizer import load_tokenizer
from core.resources import STARTER
from tests.core.data.conftest import CHATML, make_tokenizer


def names(tokenizer: Any, end: EndOfTurn) -> list[str]:
    return [str(token) for token in tokenizer.convert_ids_to_tokens(end.stops)]


@pytest.mark.parametrize(
    ("template", "stops", "added", "spelled_out"),
    [
        (CHATML, ["<|im_end|>", "</s>"], False, ""),
        (CHATML.replace("<|im_end|>", "</s>"), ["</s>"], False, ""),
        (CHATML.replace("<|im_end|>\n", "\n"), ["</s>"], True, ""),
        (CHATML.replace("<|im_end|>", "### End"), ["</s>"], True, "### End"),
        # A line of text before the token is no reason to add another.
        (CHATML.replace("<|im_end|>", "\n[done] </s>"), ["</s>"], False, ""),
        ("{{ raise_exception('only with functions') }}", ["</s>"], False, ""),
        (None, ["</s>"], True, ""),
    ],
)
def test_the_chat_template_says_what_ends_an_answer(
    template: str | None, stops: list[str], added: bool, spelled_out: str
) -> None:
    tokenizer = make_tokenizer(template)
    end = find_end_of_turn(tokenizer)
    assert names(tokenizer, end) == stops
    assert end.token == stops[0]
    assert end.spelled_out == spelled_out
    assert end.added == added


def test_a_template_chosen_later_changes_it() -> None:
    tokenizer = make_tokenizer(None)
    assert find_end_of_turn(tokenizer).token == "</s>"
    set_chat_template(tokenizer, "chatml")
    assert find_end_of_turn(tokenizer).token == "<|im_end|>"


def test_without_any_token_it_is_told() -> None:
    tokenizer = make_tokenizer(CHATML.replace("<|im_end|>", "### End"))
    tokenizer.eos_token = None
    end = find_end_of_turn(tokenizer)
    assert (end.token, end.stops) == ("", ())
    assert end.describe() == (
        "Nothing ends an answer: the model has no token for it, and answers go on until their longest."
    )


def starter_copy(folder: Path, **files: Any) -> Path:
    shutil.copytree(STARTER, folder)
    for name, content in files.items():
        file = folder / f"{name}.json"
        before = json.loads(file.read_text()) if file.is_file() and name != "generation_config" else {}
        file.write_text(json.dumps(before | content))
    return folder


def test_files_beside_the_tokenizer_are_read(tmp_path: Path) -> None:
    named = starter_copy(tmp_path / "named", generation_config={"eos_token_id": [0, 5]}, config={"eos_token_id": 7})
    tokenizer = load_tokenizer(named)
    end = find_end_of_turn(tokenizer)
    assert end.token == "<|im_end|>"
    assert sorted(end.stops) == sorted({tokenizer.convert_tokens_to_ids("<|im_end|>"), tokenizer.eos_token_id, 0, 5, 7})
    outside = starter_copy(tmp_path / "outside", generation_config={"eos_token_id": [10**9, -1, "2", True, None]})
    assert set(find_end_of_turn(load_tokenizer(outside)).stops) == set(find_end_of_turn(load_tokenizer(STARTER)).stops)


@pytest.mark.parametrize("content", ["{", "[" * 9000])
def test_a_broken_file_beside_the_tokenizer_names_no_ends(tmp_path: Path, content: str) -> None:
    broken = starter_copy(tmp_path / "broken")
    (broken / "generation_config.json").write_text(content)
    assert find_end_of_turn(load_tokenizer(broken)).stops == find_end_of_turn(load_tokenizer(STARTER)).stops


@pytest.mark.parametrize(
    ("settings", "ids"),
    [({"eos_token_id": 2}, [2]), ({"eos_token_id": [2, 0]}, [2, 0]), ({"eos_token_id": None}, []), ({}, []), ([], [])],
)
def test_one_or_several_ids_may_be_configured(settings: Any, ids: list[int]) -> None:
    assert configured_ids(settings) == ids


def test_a_spelled_out_end_is_cut_off() -> None:
    end = EndOfTurn("</s>", (1,), added=True, spelled_out="### End")
    assert end.cut("Four.\n### End\n### User: and") == "Four.\n"
    assert EndOfTurn("</s>", (1,), added=False).cut("### End") == "### End"
