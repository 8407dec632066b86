"""Adapters that hold some modules whole, as PEFT's modules_to_save: embeddings, output layers, norms, linear layers."""

import json
import shutil
from pathlib import Path

import mlx.core as mx
import pytest

from core import adapters
from core.adapters.untied_head import is_untied
from core.events import Warned
from core.export import fuse, to_peft
from core.model.load import load

REFERENCE = Path(__file__).parents[2] / "reference"
SAVED = REFERENCE / "saved_modules"
NAMES = sorted(path.name for path in SAVED.iterdir() if path.is_dir())
UNTIED = {"tied-head", "tied-embeddings", "tied-both", "tied-lora"}
TOKENS = mx.array([list(range(5, 53, 2))])  # of make_saved_modules.py


def base_folder(name: str) -> Path:
    return REFERENCE / "models" / json.loads((SAVED / name / adapters.CONFIG).read_text())["base_model_name_or_path"]


def expected_logits(name: str) -> mx.array:
    return mx.load(str(SAVED / f"{name}.safetensors"))["logits"]


def largest_difference(model: object, name: str) -> float:
    return float(mx.abs(model(TOKENS)[0, -2:] - expected_logits(name)).max())  # type: ignore[operator]


@pytest.mark.parametrize("name", NAMES)
def test_the_logits_are_pefts(name: str) -> None:
    model = load(base_folder(name), "float32", device="cpu").model
    base_logits = model(TOKENS)
    adapters.load(model, SAVED / name)
    model.eval()
    assert largest_difference(model, name) < 1e-4
    assert is_untied(model) == (name in UNTIED)
    with adapters.disable(model):
        assert mx.allclose(model(TOKENS), base_logits, atol=1e-6)


def test_one_model_switches_between_them() -> None:
    names = [name for name in NAMES if base_folder(name).name == "qwen3-tiny"]
    assert len(names) > 4
    model = load(base_folder(names[0]), "float32", device="cpu").model
    base_logits = model(TOKENS)
    adapter_set = adapters.AdapterSet(model)
    for name in (*names, *reversed(names)):
        adapter_set.use(SAVED / name)
        assert largest_difference(model, name) < 1e-4, name
    adapter_set.use(None)
    assert mx.array_equal(model(TOKENS), base_logits) and not is_untied(model)


@pytest.mark.parametrize("name", NAMES)
def test_a_fused_model_has_them(name: str, tmp_path: Path) -> None:
    events = list(fuse(SAVED / name, tmp_path / "fused", model=str(base_folder(name))))
    assert [e.code for e in events if isinstance(e, Warned)] == ["untied-head"] * (name in UNTIED) + ["checked"]
    config = json.loads((tmp_path / "fused" / "config.json").read_text())
    assert config["tie_word_embeddings"] == (name not in UNTIED and base_folder(name).name == "qwen3-tiny")
    weights = mx.load(str(tmp_path / "fused" / "model.safetensors"))
    assert ("lm_head.weight" in weights) == (not config["tie_word_embeddings"])
    assert largest_difference(load(tmp_path / "fused", "float32", device="cpu").model, name) < 1e-4


def test_files_of_other_trainers_and_versions(tmp_path: Path) -> None:
    for mark in ("modules_to_save.default.", "modules_to_save."):
        folder = tmp_path / mark
        shutil.copytree(SAVED / "both", folder)
        weights = mx.load(str(folder / adapters.PEFT_WEIGHTS))
        head = weights.pop("base_model.model.lm_head.weight")
        weights |= {f"base_model.model.lm_head.{mark}weight": head}
        weights |= {"base_model.model.lm_head.original_module.weight": mx.zeros(head.shape)}
        mx.save_safetensors(str(folder / adapters.PEFT_WEIGHTS), weights)
        model = load(base_folder("both"), "float32", device="cpu").model
        adapters.load(model, folder)
        assert largest_difference(model, "both") < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_what_goes_to_peft_is_what_came_from_it(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name  # beside its base, which the reference names without a path
    shutil.copytree(SAVED / name, folder)
    shutil.copytree(base_folder(name), tmp_path / base_folder(name).name)
    config = json.loads((folder / adapters.CONFIG).read_text())
    config["base_model_name_or_path"] = str(tmp_path / base_folder(name).name)
    (folder / adapters.CONFIG).write_text(json.dumps(config))
    events = list(to_peft(folder, tmp_path / "peft"))
    written = json.loads((tmp_path / "peft" / adapters.CONFIG).read_text())
    kept_tied = name.startswith("kept-tied")
    assert written.get("ensure_weight_tying", False) == kept_tied
    assert [e.code for e in events if isinstance(e, Warned)] == ["tied-embeddings"] * kept_tied
    source, target = (mx.load(str(f / adapters.PEFT_WEIGHTS)) for f in (folder, tmp_path / "peft"))
    assert target.keys() == {key for key in source if not key.endswith("base_layer.weight")}
    assert all(mx.array_equal(value, source[key]) for key, value in target.items())
    saved = [key.removeprefix("base_model.model.").rpartition(".")[0] for key in source if "lora" not in key]
    for module in saved:
        assert module.endswith((*(written["modules_to_save"] or []), "base_layer", "lm_head")), module
    assert "norm" not in (written["modules_to_save"] or [])  # which would be the end of other modules' names
