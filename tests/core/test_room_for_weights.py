"""A model whose weights are more than a machine's memory is refused before one of them is read."""

from pathlib import Path

import pytest

from core import chat
from core.chat import Chat
from core.device.machine import room_for_weights
from core.errors import BadModel
from core.evaluation import evaluate as evaluation
from core.model import load as loading
from core.model.load import load
from core.serve import Server, server
from tests.core.model import zoo


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return zoo.write(tmp_path_factory.mktemp("whole") / "qwen2", "qwen2")


def test_the_weights_are_counted_as_they_will_lie_in_memory(folder: Path) -> None:
    model = load(folder, device="cpu").model
    numbers = sum(layer.size for _, layer in loading.tree_flatten(model.parameters()))
    load(folder, device="cpu", room=4 * numbers)  # in float32, as a processor computes
    with pytest.raises(BadModel, match=r"weights of qwen2 take 0\.0 GB.* hone chat, hone eval, .* with --hosts"):
        load(folder, device="cpu", room=4 * numbers - 1)
    load(folder, device="cpu", room=4 * numbers - 1, quantization="nf4")


def test_nothing_is_read_then(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(model: object, *args: object) -> None:
        raise AssertionError("weights were read")

    for module in (chat, evaluation, server):
        monkeypatch.setattr(module, "room_for_weights", lambda device: 1000)
    monkeypatch.setattr(loading, "_cast", refuse)
    with pytest.raises(BadModel, match="this machine can use"):
        Chat(str(folder), backend_name="cpu")
    with pytest.raises(BadModel, match="this machine can use"):
        Server(folder, port=0, backend_name="cpu").start()
    with pytest.raises(BadModel, match="this machine can use"):
        list(evaluation.evaluate(str(folder), None, "demo", backend_name="cpu"))


def test_all_memory_is_room() -> None:
    assert room_for_weights("cpu") > 10**9
