"""Odd model folders from the first step to the end: trained, resumed, asked, fused, and the fused model loaded again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
import pytest

from core.chat import Chat
from core.export import fuse
from core.model.load import load
from core.run import Run
from core.train import resume, train
from tests.cases.folders import FOLDERS, INDEX, WEIGHTS, Change, weights
from tests.core.conftest import TEMPLATE

QUESTION = [{"role": "user", "content": "What is 3?"}]


def split(folder: Path) -> None:
    """The weights in two files with an index, the second of them with the embeddings alone."""
    tensors = {name: value + 0 for name, value in mx.load(str(folder / WEIGHTS)).items()}
    (folder / WEIGHTS).unlink()
    parts: list[dict[str, mx.array]] = [{}, {}]
    for name, value in tensors.items():
        parts["embed" in name][name] = value
    weight_map: dict[str, str] = {}
    for number, part in enumerate(parts, 1):
        file = f"model-0000{number}-of-00002.safetensors"
        mx.save_safetensors(str(folder / file), part)
        weight_map |= dict.fromkeys(part, file)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def template_in_json(folder: Path) -> None:
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": TEMPLATE}))


def other_head(tensors: dict[str, mx.array]) -> dict[str, mx.array]:
    return tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"] * 2}


def template_in_config(folder: Path) -> None:
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": TEMPLATE}))


STORIES: dict[str, Change] = {
    "two precisions": FOLDERS["two precisions"][0],
    "a head that differs from the embeddings": weights(other_head),
    "consolidated beside": FOLDERS["consolidated beside"][0],
    "index of files long gone": FOLDERS["index of files long gone"][0],
    "two files with an index": split,
    "a template in chat_template.json": template_in_json,
    "a template in tokenizer_config.json": template_in_config,
}
IN_THE_SUITE = ("two precisions", "a head that differs from the embeddings")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in IN_THE_SUITE else pytest.mark.slow) for name in STORIES]
)
def test_an_odd_folder_is_trained_resumed_asked_and_fused(
    name: str, make_run: Callable[..., Run], tmp_path: Path, model_folder: Path
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    STORIES[name](folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    run = make_run(model={"path": str(folder)}, train={"steps": 2, "save_every": 1, "learning_rate": 0.05})
    list(train(run))
    list(resume(str(run.output), changes={"train.steps": 4}))
    fused = tmp_path / "fused"
    list(fuse(str(run.output), fused))
    base, trained, merged = (
        "".join(chat.answer(QUESTION, max_tokens=12))
        for chat in (
            Chat(str(folder), backend_name="cpu"),
            Chat(str(folder), Path(str(run.output)), backend_name="cpu"),
            Chat(str(fused), backend_name="cpu"),
        )
    )
    assert merged == trained != base
    loaded = load(fused, device="cpu")
    assert loaded.tokenizer.chat_template == load(folder, device="cpu").tokenizer.chat_template
    assert not any("differs from its embeddings" in note for note in loaded.notes)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
