"""The base's precision as an option: used as asked, told, kept with the adapter, and built the same way again."""

import json
from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from core import adapters
from core.chat import Chat
from core.errors import BadModel, BadOption
from core.evaluation.evaluate import evaluate
from core.events import Evaluated, Finished, Started, Warned
from core.model.load import load
from core.quant import PackedLinear, fourbit, packed
from core.run import Run
from core.train import train
from tests.core.conftest import only, write_model


def test_it_is_used_and_told(make_run: Callable[..., Run]) -> None:
    packed_base = {"quantization": "nf4", "double_quantization": True}
    run = make_run(model=packed_base, train={"steps": 2}, backend="cpu")
    events = list(train(run))
    (started,) = only(Started, events)
    assert started.precision == {
        "requested": "nf4",
        "used": "nf4",
        "detail": "4 bit NF4, blocks of 64, scales packed too",
        "reason": "as asked; it computes in float32 (float32 is the fastest precision on a CPU)",
        "compute": "float32",
        "bits": 4,
        "block": 64,
        "double": True,
        "layers": 14,
    }
    resolved = json.loads((Path(str(run.output)) / "resolved.json").read_text())
    assert resolved["precision"] == started.precision
    assert started.total_parameters == only(Started, list(train(make_run(output="dense"))))[0].total_parameters
    saved = json.loads((Path(str(run.output)) / adapters.CONFIG).read_text())
    assert saved["base_precision"] == {"quantization": "nf4", "double_quantization": True}


def test_who_loads_the_adapter_builds_the_same_base(make_run: Callable[..., Run], data_file: Path) -> None:
    run = make_run(model={"quantization": "fp4"}, data={"eval_path": str(data_file)}, train={"steps": 3})
    (finished,) = only(Finished, list(train(run)))
    events = list(evaluate(run.model.path, run.output, str(data_file), answers=0, max_seq_len=128))
    assert [e.message for e in only(Warned, events)] == ["The base is packed as fp4, as in training."]
    assert only(Evaluated, events)[0].loss == pytest.approx(finished.loss_after, abs=1e-5)
    unpacked_events = list(
        evaluate(run.model.path, run.output, str(data_file), answers=0, max_seq_len=128, quantization="none")
    )
    assert abs(only(Evaluated, unpacked_events)[0].loss - finished.loss_after) > 1e-4
    chat = Chat(run.model.path, run.output)
    assert chat.precision.used == "fp4" and chat.note == "The base is packed as fp4, as in training."
    assert isinstance(chat.model.layers[0].mlp.up_proj.linear, PackedLinear)
    assert Chat(run.model.path, run.output, quantization="int8").note == "The base is packed as int8, as asked."
    assert Chat(run.model.path).note == ""


def test_layers_that_do_not_fit_are_told(make_run: Callable[..., Run], tmp_path: Path, data_file: Path) -> None:
    folder = write_model(tmp_path / "m", hidden_size=64, intermediate_size=96, head_dim=16)
    run = make_run(model={"path": str(folder), "quantization": "affine-4"}, train={"steps": 1})
    events = list(train(run))
    note = "2 of 14 layers stay unpacked: affine-4 packs rows in groups of 64, and 96 inputs are no multiple of that."
    assert [e.message for e in only(Warned, events) if e.code == "base-precision"] == [note]
    assert only(Started, events)[0].precision["detail"] == "4 bit affine, blocks of 64"
    told = ["The base is packed as affine-4, as in training.", note]
    measured = list(evaluate(str(folder), run.output, str(data_file), answers=0, max_seq_len=128))
    assert [e.message for e in only(Warned, measured)] == told
    assert Chat(str(folder), run.output).note == " ".join(told)


def test_what_cannot_be_is_refused(make_run: Callable[..., Run], tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="cannot train weights packed as nf4; use lora, or quantization none"):
        make_run(model={"quantization": "nf4"}, adapter={"type": "full"})
    with pytest.raises(BadOption, match="Double quantization packs the scales of nf4 and fp4; int8 has none"):
        make_run(model={"quantization": "int8", "double_quantization": True})
    with pytest.raises(BadOption, match="give quantization nf4 or fp4"):
        make_run(model={"double_quantization": True})
    folder = write_model(tmp_path / "m")
    model = load(folder, device="cpu").model
    nn.quantize(model, group_size=32, bits=4)
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(model.parameters())))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization": {"group_size": 32, "bits": 4}}))
    with pytest.raises(BadModel, match=r"is already quantized \(affine 4 bit, group 32\): leave quantization at none"):
        list(train(make_run(model={"path": str(folder), "quantization": "nf4"})))
    events = list(train(make_run(output="as-is", model={"path": str(folder)}, train={"steps": 2})))
    assert only(Started, events)[0].precision["used"] == "affine 4 bit, group 32"


def test_an_adapter_over_a_base_nobody_knows(tmp_path: Path) -> None:
    (tmp_path / adapters.CONFIG).write_text(json.dumps({"base_precision": {"quantization": "int3"}}))
    with pytest.raises(BadModel, match="over a base packed as 'int3', which is not known here"):
        adapters.read_base_precision(tmp_path)


@pytest.mark.parametrize("mode", ["nf4", "affine-4"])
def test_loading_never_holds_more_than_the_packed_model_and_a_layer(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for codec in (fourbit, packed):
        monkeypatch.setattr(codec, "_TILE", 1 << 14)  # as small beside a layer as it is in a large model
    shape = {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 8, "head_dim": 64}
    folder = write_model(tmp_path / "m", **shape)
    mx.clear_cache()
    memory_before = mx.get_active_memory()
    mx.reset_peak_memory()
    loaded = load(folder, device="cpu", quantization=mode)
    mx.eval(loaded.model.parameters())
    model_bytes = mx.get_active_memory() - memory_before
    layer = 4 * 256 * 768
    assert mx.get_peak_memory() - memory_before < model_bytes + 2 * layer, (
        mx.get_peak_memory() - memory_before - model_bytes
    ) / layer
    assert model_bytes < (folder / "model.safetensors").stat().st_size / 4
