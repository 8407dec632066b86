"""Talking to a model: several adapters over one base in memory, what an answer may be, and thinking."""

import json
from pathlib import Path

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten

from core import adapters
from core.chat import Chat
from core.device import select
from core.errors import BadModel
from core.evaluation.evaluate import evaluate
from core.events import Warned
from core.export import fuse, quantize
from core.model.load import load
from core.run.sections import Adapter, Model
from core.serve.server import Server
from tests.core.conftest import TEMPLATE, only, write_model

QUESTION = [{"role": "user", "content": "the user asks"}]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def write_adapter(folder: Path, model: Path, seed: int, kind: str = "lora", quantization: str = "none") -> Path:
    """An adapter of a model that changes its answers, in Hone's format."""
    loaded = load(model, device="cpu").model
    options = Adapter(type=kind, rank=4, targets="q_proj,v_proj,down_proj" if seed % 2 else "all")
    adapters.attach(loaded, options)
    mx.random.seed(seed)
    loaded.load_weights(
        [(name, value + 0.3 * mx.random.normal(value.shape)) for name, value in adapters.saved_tensors(loaded).items()],
        strict=False,
    )
    folder.mkdir()
    mx.save_safetensors(str(folder / adapters.WEIGHTS), adapters.saved_tensors(loaded))
    base = Model(path=str(model), quantization=quantization)
    (folder / adapters.CONFIG).write_text(json.dumps(adapters.build_config(loaded, options, base)))
    return folder


def say(chat: Chat, **how) -> str:  # type: ignore[no-untyped-def]
    return "".join(chat.answer(QUESTION, max_tokens=12, **how))


def test_a_gpu_that_is_asked_for_and_not_there_is_told(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(select, "gpu_kind", lambda: ("", "there is none"))
    told = "The CPU computes: no GPU can be used: there is none."
    assert Chat(str(model), backend_name="gpu").note == told
    assert not Chat(str(model)).note
    adapter = write_adapter(tmp_path / "one", model, 1)
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"question": "the user asks", "answer": "the user"}\n')
    for events in (
        quantize(str(model), tmp_path / "packed", "affine-4", backend_name="gpu"),
        fuse(adapter, tmp_path / "fused", backend_name="gpu"),
        evaluate(str(model), dataset=str(rows), answers=0, backend_name="gpu"),
    ):
        assert told in [event.message for event in only(Warned, list(events))]
    server = Server(str(model), backend_name="gpu", port=0)
    with server:
        assert server.note == told


def test_several_adapters_answer_as_each_would_alone(model: Path, tmp_path: Path) -> None:
    folders = [
        write_adapter(tmp_path / "one", model, 1),
        write_adapter(tmp_path / "two", model, 2, "dora"),
        write_adapter(tmp_path / "three", model, 4, "full"),
    ]
    alone = [say(Chat(str(model), folder, backend_name="cpu")) for folder in folders]
    base = say(Chat(str(model), backend_name="cpu"))
    assert len({base, *alone}) == 4
    chat = Chat(str(model), folders[0], backend_name="cpu")
    for _ in range(2):
        assert [say(chat, adapter=folder) for folder in folders] == alone
        assert say(chat, adapter=False) == base
    assert say(chat) == alone[0]
    chat.drop(folders[1])
    assert [say(chat, adapter=folder) for folder in folders] == alone


def test_the_base_is_in_memory_once(model: Path, tmp_path: Path) -> None:
    chat = Chat(str(model), write_adapter(tmp_path / "one", model, 1), backend_name="cpu")
    say(chat, adapter=True)
    base_bytes = sum(value.nbytes for _, value in tree_flatten(load(model, device="cpu").model.parameters()))
    folder = write_adapter(tmp_path / "two", model, 3)
    before = mx.get_active_memory()
    say(chat, adapter=folder)
    assert mx.get_active_memory() - before < base_bytes / 2
    names = [name for name, _ in tree_flatten(chat.model.parameters()) if name.endswith("q_proj.linear.weight")]
    assert len(names) == 2  # one layer around the base's, not one around the other


def test_an_adapter_of_another_model_leaves_the_base_as_it_was(model: Path, tmp_path: Path) -> None:
    other = write_model(tmp_path / "other", hidden_size=64)
    stranger = write_adapter(tmp_path / "stranger", other, 1)
    chat = Chat(str(model), write_adapter(tmp_path / "one", model, 1), backend_name="cpu")
    trained, base = say(chat), say(chat, adapter=False)
    with pytest.raises(BadModel, match="belongs to another model"):
        say(chat, adapter=stranger)
    assert (say(chat), say(chat, adapter=False)) == (trained, base)


def test_draws_follow_temperature_top_p_and_seed(model: Path) -> None:
    chat = Chat(str(model), backend_name="cpu")
    greedy = say(chat)
    assert say(chat, temperature=2.0, seed=5) == say(chat, temperature=2.0, seed=5)
    assert len({say(chat, temperature=2.0, seed=seed) for seed in range(4)}) > 1
    assert say(chat, temperature=2.0, top_p=1e-6, seed=5) == greedy


def test_thinking_that_the_template_began_is_part_of_the_answer(model: Path) -> None:
    chat = Chat(str(model), backend_name="cpu")
    assert "<think>" not in say(chat)
    chat.tokenizer.chat_template = chat._chat_templates[None] = TEMPLATE.replace(
        "assistant\n{% endif", "assistant\n<think>\n{% endif"
    )
    assert next(iter(chat.answer(QUESTION, max_tokens=2))) == "<think>"


def test_another_precision_of_the_base_is_told(model: Path, tmp_path: Path) -> None:
    chat = Chat(str(model), backend_name="cpu")
    assert chat.note == ""
    say(chat, adapter=write_adapter(tmp_path / "packed", model, 1, quantization="nf4"))
    assert chat.note == "packed was trained over a base packed as nf4, and answers here over one as it comes."
