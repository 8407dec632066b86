"""A model whose turn ends with another token than its tokenizer's end of text learns that end, obeys it, and takes it
along where it is fused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.chat import Chat
from core.events import Warned
from core.export import fuse
from core.model.generate import _stop_at
from core.resources import STARTER
from core.run import Run
from core.train import train
from tests.core.conftest import only

QUESTION = "Item 7?"


def write_lines(folder: Path, rows: list[dict[str, str]]) -> Path:
    file = folder / "rows.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    return file


@pytest.fixture
def base_model(tmp_path: Path) -> Path:
    """The starter as a base model: no chat template, and <|im_end|> is a token but not the end of text."""
    folder = tmp_path / "base"
    shutil.copytree(STARTER, folder)
    (folder / "chat_template.jinja").unlink()
    for name, more in (("tokenizer_config", {"eos_token": "<|endoftext|>"}), ("config", {"eos_token_id": 0})):
        file = folder / f"{name}.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | more))
    (folder / "generation_config.json").write_text('{"eos_token_id": 0, "pad_token_id": 0}')
    return folder


def test_the_end_of_a_chosen_template_is_learned_obeyed_and_taken_along(base_model: Path, tmp_path: Path) -> None:
    import mlx_lm

    rows = [{"prompt": f"Item {n}?", "completion": f"It is number {n}."} for n in range(12)]
    run = Run.from_dict(
        {
            "output": str(tmp_path / "run"),
            "model": {"path": str(base_model)},
            "data": {"path": str(write_lines(tmp_path, rows)), "chat_template": "chatml", "eval_split": 0.0},
            "train": {"steps": 30, "batch_size": 4, "samples": 0},
        }
    )
    assert "no-stop" not in [e.code for e in only(Warned, list(train(run)))]

    chat = Chat(str(base_model), tmp_path / "run")
    answer = "".join(chat.answer([{"role": "user", "content": QUESTION}], max_tokens=40))
    assert 0 < len(answer) < 40 and "<|im_end|>" not in answer  # it went on behind the end before

    list(fuse(tmp_path / "run", tmp_path / "fused"))
    end = chat.tokenizer.convert_tokens_to_ids("<|im_end|>")
    for name in ("config.json", "generation_config.json"):
        settings = json.loads((tmp_path / "fused" / name).read_text())
        assert settings["eos_token_id"] == [end, 0] and settings["pad_token_id"] == 0
    model, tokenizer = mlx_lm.load(str(tmp_path / "fused"))
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": QUESTION}], add_generation_prompt=True)
    assert mlx_lm.generate(model, tokenizer, prompt, max_tokens=40) == answer


def test_a_run_whose_rows_never_reach_their_end_is_told(make_run: Callable[..., Run], tmp_path: Path) -> None:
    rows = [{"prompt": "a", "completion": "the user asks and the assistant answers " * 20} for _ in range(4)]
    data: dict[str, Any] = {"path": str(write_lines(tmp_path, rows)), "max_seq_len": 64, "eval_split": 0.0}
    warnings = [e.message for e in only(Warned, list(train(make_run(data=data)))) if e.code == "no-stop"]
    assert warnings == ["No row is learned up to its <|im_end|>: the model will not learn to stop."]
    data["max_seq_len"] = 512
    longer = make_run(data=data, output="longer")
    assert not [e for e in only(Warned, list(train(longer))) if e.code == "no-stop"]


@pytest.mark.parametrize(
    ("pieces", "ending", "kept"),
    [
        (["It is ", "4.\n##", "# E", "nd\nUser"], "### End", "It is 4.\n"),
        (["##", "# Ended no", "t"], "### End!", "### Ended not"),
        (["a ##"], "### End", "a ##"),
        (["a", "b"], "", "ab"),
        (["### End"], "### End", ""),
    ],
)
def test_a_spelled_out_end_stops_an_answer(pieces: list[str], ending: str, kept: str) -> None:
    consumed = iter(pieces)
    assert "".join(_stop_at(consumed, ending)) == kept
