"""Training goes on from an adapter that holds whole modules: they learn, are saved, gone on with and read elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from core import adapters
from core.errors import UserError
from core.events import Step, Warned
from core.export import fuse
from core.model.load import load
from core.run import Run
from core.train import resume, train
from tests.core.conftest import only

TOKENS = mx.array([[1, 5, 9, 20, 33, 4, 60, 2]])


def write_adapter(folder: Path, base: Path, *modules: str) -> Path:
    """An adapter in PEFT's format for the attention's q_proj, which holds modules of a base whole, moved a little."""
    weights = mx.load(str(base / "model.safetensors"))
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    mx.random.seed(7)
    tensors = {f"{m}.weight": weights[f"{m}.weight"] + 0.1 * mx.random.normal((1,)) for m in modules}
    for name in (f"model.layers.{i}.self_attn.q_proj" for i in range(2)):
        tensors |= {f"{name}.lora_A.weight": mx.random.normal((2, 32)), f"{name}.lora_B.weight": mx.zeros((32, 2))}
    folder.mkdir()
    mx.save_safetensors(str(folder / adapters.PEFT_WEIGHTS), {f"base_model.model.{k}": v for k, v in tensors.items()})
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "modules_to_save": modules}
    (folder / adapters.CONFIG).write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("modules", [("model.norm", "model.layers.1.input_layernorm"), ("lm_head",)])
def test_whole_modules_learn_and_come_back(
    modules: tuple[str, ...], make_run: Callable[..., Run], model_folder: Path, tmp_path: Path
) -> None:
    start = write_adapter(tmp_path / "start", model_folder, *modules)
    run = make_run(adapter={"init": str(start)}, train={"steps": 4, "eval_every": 4})
    events = list(train(run))
    untied = modules == ("lm_head",)
    assert [e.code for e in only(Warned, events) if e.code == "untied-head"] == ["untied-head"] * untied
    folder = Path(str(run.output))
    config = json.loads((folder / adapters.CONFIG).read_text())
    assert config["modules_to_save"] == sorted(modules) and config.get("untied_head", False) == untied
    before = mx.load(str(start / adapters.PEFT_WEIGHTS))
    after = mx.load(str(folder / adapters.WEIGHTS))
    for module in modules:
        moved = mx.abs(after[f"{module}.weight"] - before[f"base_model.model.{module}.weight"]).max().item()
        assert 0.001 < moved < 0.1, module  # four steps of Adam at a learning rate of 0.01
    model = load(model_folder, "float32", device="cpu").model
    adapters.load(model, folder)
    model.eval()
    expected = model(TOKENS)
    list(fuse(folder, tmp_path / "fused"))
    assert mx.allclose(load(tmp_path / "fused", "float32", device="cpu").model(TOKENS), expected, atol=1e-4)
    from mlx_lm.utils import load as mlx_lm_load

    assert len([e for e in only(Warned, events) if e.code == "saved-modules"]) == 1
    assert adapters.only_for_hone(folder)
    with pytest.raises(ValueError, match="not an adapter parameter in the model"):
        mlx_lm_load(str(model_folder), adapter_path=str(folder))


def test_weight_decay_leaves_whole_norms_alone(
    make_run: Callable[..., Run], model_folder: Path, tmp_path: Path
) -> None:
    """As in transformers. The first step of Adam is the learning rate, 0.01, in each direction that has a gradient;
    decay of 0.5 takes away 0.005 of each number before. A has no gradient yet, because B is zero."""
    start = write_adapter(tmp_path / "start", model_folder, "model.norm", "lm_head")
    still = {"steps": 1, "lr_schedule": "constant", "learning_rate": 0.01, "max_grad_norm": 0.0}
    run = make_run(adapter={"init": str(start)}, train=still | {"weight_decay": 0.5, "keep_best": False})
    list(train(run))
    before, after = mx.load(str(start / adapters.PEFT_WEIGHTS)), mx.load(f"{run.output}/{adapters.WEIGHTS}")
    norm = before["base_model.model.model.norm.weight"]
    assert mx.abs(mx.abs(after["model.norm.weight"] - norm) - 0.01).max().item() < 1e-5
    head = before["base_model.model.lm_head.weight"]
    assert mx.abs(after["lm_head.weight"] - 0.995 * head).mean().item() == pytest.approx(0.01, rel=1e-3)
    a = before["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"]
    assert mx.abs(after["model.layers.0.self_attn.q_proj.lora_a"].T - 0.995 * a).max().item() < 1e-5


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(
    make_run: Callable[..., Run], model_folder: Path, tmp_path: Path
) -> None:
    start = write_adapter(tmp_path / "start", model_folder, "lm_head", "model.norm")
    options: dict[str, Any] = {"steps": 6, "save_every": 2, "eval_every": 3}
    whole = make_run("whole", adapter={"init": str(start)}, train=options)
    list(train(whole))
    stopped = make_run("stopped", adapter={"init": str(start)}, train=options)
    events = train(stopped)
    for event in events:
        if isinstance(event, Step) and event.step > 3:
            break
    events.close()  # type: ignore[attr-defined]
    list(resume(str(stopped.output)))
    expected, found = (mx.load(str(Path(str(r.output)) / adapters.WEIGHTS)) for r in (whole, stopped))
    assert found.keys() == expected.keys() and {"lm_head.weight", "model.norm.weight"} < found.keys()
    assert all(mx.array_equal(value, expected[key]) for key, value in found.items())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"model.norm.weight": mx.zeros(31)},
            r"with the dimensions \[31\], which are \[32\] here",
        ),
        ({"model.norm.bias": mx.zeros(32)}, "holds bias and weight of model.norm whole, which has weight here"),
        ({"model.embed_tokens.weight": mx.zeros((300, 32))}, "its vocabulary was resized. Merge it in PEFT"),
        ({"model.norm.mine.weight": mx.zeros(32)}, "there is no module model.norm.mine here"),
        ({"score.weight": mx.zeros((2, 32))}, "holds base_model.model.score.weight, which is no part of"),
    ],
)
def test_what_does_not_fit_is_said(change: dict[str, mx.array], says: str, model_folder: Path, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "start", model_folder, "model.norm")
    file = str(folder / adapters.PEFT_WEIGHTS)
    mx.save_safetensors(file, mx.load(file) | {f"base_model.model.{key}": value for key, value in change.items()})
    model = load(model_folder, "float32", device="cpu").model
    with pytest.raises(UserError, match=says):
        adapters.load(model, folder)
