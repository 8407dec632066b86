"""Adapters that Hone did not train: mlx-lm's and PEFT's on the starter, chatted with and exported to every target."""

import functools
import json
import shutil
from pathlib import Path

import gguf
import mlx.core as mx
import numpy as np
import pytest

from core import adapters
from core.chat import Chat
from core.events import Saved, Warned
from core.export import programs, to_lmstudio
from core.export.request import ExportRequest
from core.export.targets import TARGETS, export
from core.model.load import load
from core.resources import STARTER
from tests.core.export.test_hub_upload import hub  # noqa: F401
from tests.hub_double import HubDouble

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of the Hub's own client
REFERENCE = Path(__file__).parents[2] / "reference"
TOKENS = mx.array([list(range(5, 53, 2))])  # of make_starter_adapter.py
FUSED = 0.01  # what bfloat16 allows, which the starter's weights are written in
QUESTION = [{"role": "user", "content": "Who are you?"}]


@pytest.fixture(scope="module")
def mlx_lm_adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that mlx-lm's own trainer made of the starter in a few steps, as its command line saves it."""
    import mlx.optimizers as opt
    from mlx_lm.tuner.datasets import CacheDataset, ChatDataset
    from mlx_lm.tuner.trainer import TrainingArgs, train
    from mlx_lm.tuner.utils import linear_to_lora_layers
    from mlx_lm.utils import load as mlx_lm_load
    from mlx_lm.utils import save_config

    folder = tmp_path_factory.mktemp("mlx-lm") / "adapter"
    folder.mkdir()
    model, tokenizer = mlx_lm_load(str(STARTER))
    model.freeze()
    mx.random.seed(2)
    parameters = {"rank": 4, "scale": 4.0, "dropout": 0.0}
    linear_to_lora_layers(model, 4, parameters)
    rows = [{"messages": [*QUESTION, {"role": "assistant", "content": "A lighthouse, and nothing else."}]}] * 8
    data = CacheDataset(ChatDataset(rows, tokenizer))
    file = folder / adapters.WEIGHTS
    args = TrainingArgs(batch_size=2, iters=10, val_batches=1, steps_per_report=50, steps_per_eval=50,
                        steps_per_save=50, adapter_file=str(file), max_seq_length=64)  # fmt: skip
    train(model, opt.Adam(learning_rate=3e-3), data, data, args)
    about = {"model": str(STARTER), "fine_tune_type": "lora", "num_layers": 4, "lora_parameters": parameters}
    save_config(about, folder / adapters.CONFIG)
    return folder


@pytest.fixture(scope="module")
def peft_adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tests/reference/starter-peft, which PEFT trained: low-rank layers, and the norms whole."""
    folder = tmp_path_factory.mktemp("peft") / "adapter"
    shutil.copytree(REFERENCE / "starter-peft", folder)
    config = json.loads((folder / adapters.CONFIG).read_text()) | {"base_model_name_or_path": str(STARTER)}
    (folder / adapters.CONFIG).write_text(json.dumps(config))
    return folder


@pytest.fixture(params=["mlx-lm", "peft"])
def adapter(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(f"{request.param.replace('-', '_')}_adapter")
    return folder


@functools.cache  # folders are written once
def logits(folder: Path, adapter: Path | None = None) -> mx.array:
    model = load(folder, "float32", device="cpu").model
    if adapter:
        adapters.load(model, adapter)
    model.eval()
    return model(TOKENS)


def is_same(first: mx.array, second: mx.array, tolerance: float = 1e-4) -> bool:
    return float(mx.linalg.norm(first - second)) < tolerance * float(mx.linalg.norm(second))


def test_the_logits_are_those_of_the_trainer(mlx_lm_adapter: Path, peft_adapter: Path) -> None:
    from mlx_lm.utils import load as mlx_lm_load

    in_mlx_lm, _ = mlx_lm_load(str(STARTER), adapter_path=str(mlx_lm_adapter))
    in_mlx_lm.set_dtype(mx.float32)
    in_mlx_lm.eval()
    assert is_same(logits(STARTER, mlx_lm_adapter), in_mlx_lm(TOKENS))
    expected = mx.load(str(REFERENCE / "starter-peft.safetensors"))["logits"]
    assert is_same(logits(STARTER, peft_adapter)[0, -2:], expected)
    for folder in (mlx_lm_adapter, peft_adapter):
        assert not is_same(logits(STARTER, folder), logits(STARTER))


def test_both_are_chatted_with_over_one_model(mlx_lm_adapter: Path, peft_adapter: Path) -> None:
    chat = Chat("starter", mlx_lm_adapter, backend_name="cpu")
    answers = [
        "".join(chat.answer(QUESTION, max_tokens=12, adapter=choice)) for choice in (True, peft_adapter, False, True)
    ]
    assert answers[0] == answers[3] and answers[0].strip().startswith("A lighthouse") and answers[2] != answers[0]
    alone = Chat("starter", peft_adapter, backend_name="cpu")
    assert answers[1] == "".join(alone.answer(QUESTION, max_tokens=12))


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_takes_it(
    target: str,
    adapter: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hub: HubDouble,  # noqa: F811
) -> None:
    monkeypatch.setattr(to_lmstudio, "_FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(programs, "_PLACES", ())
    monkeypatch.setattr(programs, "_BUNDLES", {})
    monkeypatch.setenv("PATH", str(tmp_path))
    forms = {"gguf": "f16", "hub": "model"}
    output = {"hub": "me/tuned"}.get(target, str(tmp_path / "out"))
    if target == "gguf":
        output += ".gguf"
    request = ExportRequest(str(adapter), output, forms.get(target, ""), backend_name="cpu")
    events = list(export(request, target))
    saved = events[-1]
    assert isinstance(saved, Saved)
    expected = logits(STARTER, adapter)
    assert not is_same(expected, logits(STARTER), 10 * FUSED)
    if target in ("model", "lmstudio"):
        assert is_same(logits(Path(saved.path)), expected, FUSED)
    elif target == "peft":
        assert is_same(logits(STARTER, Path(saved.path)), expected)
    elif target == "hub":
        (tmp_path / "download").mkdir()
        for name, content in hub.repositories["me/tuned"].files.items():
            (tmp_path / "download" / name).write_bytes(content)
        assert is_same(logits(tmp_path / "download"), expected, FUSED)
    else:
        file = Path(saved.path) if target == "gguf" else next(Path(saved.path).glob("*.gguf"))
        tensors = {tensor.name: tensor.data for tensor in gguf.GGUFReader(file).tensors}
        model = load(STARTER, "float32", device="cpu").model
        adapters.load(model, adapter)
        norm = model.model.norm
        assert np.allclose(tensors["output_norm.weight"], np.array(norm.weight.astype(mx.float32)), rtol=FUSED)
        value = model.model.layers[5].self_attn.v_proj
        merged = np.array(value.base.weight.astype(mx.float32) + value.delta)
        assert np.abs(tensors["blk.5.attn_v.weight"].astype(np.float32) - merged).max() < FUSED * np.abs(merged).max()


def test_an_output_layer_apart_from_the_embeddings(
    peft_adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(to_lmstudio, "_FOLDERS", (str(tmp_path),))
    folder = tmp_path / "adapter"
    shutil.copytree(peft_adapter, folder)
    (embeddings,) = [v for k, v in mx.load(str(STARTER / "model.safetensors")).items() if "embed_tokens" in k]
    head = embeddings.astype(mx.float32) * 1.5
    tensors = mx.load(str(folder / adapters.PEFT_WEIGHTS)) | {"base_model.model.lm_head.weight": head}
    mx.save_safetensors(str(folder / adapters.PEFT_WEIGHTS), tensors)
    config = json.loads((folder / adapters.CONFIG).read_text()) | {"modules_to_save": ["norm", "lm_head"]}
    (folder / adapters.CONFIG).write_text(json.dumps(config))
    expected = logits(STARTER, folder)
    assert is_same(expected, 1.5 * logits(STARTER, peft_adapter), FUSED)
    assert "here the output layer is a weight of its own" in Chat("starter", folder, backend_name="cpu").note
    request = ExportRequest(str(folder), str(tmp_path / "m.gguf"), "f16", backend_name="cpu")
    assert [e.code for e in export(request, "gguf") if isinstance(e, Warned)] == ["untied-head", "checked"]
    stored = {tensor.name: tensor.data for tensor in gguf.GGUFReader(tmp_path / "m.gguf").tensors}
    embedded = stored["token_embd.weight"].astype(np.float32)
    assert np.allclose(stored["output.weight"], 1.5 * embedded, rtol=FUSED, atol=1e-3)
    *_, saved = export(ExportRequest(str(folder), form="affine-4", backend_name="cpu"), "lmstudio")
    assert isinstance(saved, Saved)
    packed = logits(Path(saved.path))  # 4 bit cost such a small model much, and less than the output layer is apart
    distances = [float(mx.linalg.norm(packed - other)) for other in (expected, logits(STARTER, peft_adapter))]
    assert distances[0] < distances[1]
    assert json.loads((Path(saved.path) / "config.json").read_text())["tie_word_embeddings"] is False
