"""Loading: the precision used and why, and every broken folder in one sentence."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from core.errors import BadModel
from core.model.load import load
from tests.core.conftest import write_model
from tests.core.model import zoo


@pytest.mark.parametrize(
    ("dtype", "device", "full", "expected", "reason"),
    [
        ("auto", "cpu", False, "float32", "fastest precision on a CPU"),
        ("auto", "gpu", False, "bfloat16", "the model's own"),
        ("auto", "gpu", True, "float32", "every weight is trained"),
        ("bfloat16", "cpu", False, "bfloat16", "as asked"),
        ("float16", "cpu", False, "float16", "as asked"),
    ],
)
def test_precision(tmp_path: Path, dtype: str, device: str, full: bool, expected: str, reason: str) -> None:
    folder = write_model(tmp_path / "m")
    weights = {k: v.astype(mx.bfloat16) for k, v in mx.load(str(folder / "model.safetensors")).items()}
    mx.save_safetensors(str(folder / "model.safetensors"), weights)
    loaded = load(folder, dtype, device=device, trains_all=full)
    kinds = {str(v.dtype).removeprefix("mlx.core.") for _, v in tree_flatten(loaded.model.parameters())}
    assert kinds == {expected}
    assert loaded.precision.requested == dtype and loaded.precision.used == expected
    assert reason in loaded.precision.reason


def test_a_quantized_model_is_reported_as_what_it_is(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    model = load(folder, device="cpu").model
    nn.quantize(model, group_size=32, bits=4)
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(model.parameters())))
    change(folder, quantization={"group_size": 32, "bits": 4, "mode": "affine"})
    loaded = load(folder, device="cpu")
    assert loaded.precision.used == "affine 4 bit, group 32"
    packed = loaded.model.model.layers[0].mlp.up_proj
    assert isinstance(packed, nn.QuantizedLinear) and packed.weight.dtype == mx.uint32


def change(folder: Path, **values: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {k: v for k, v in values.items() if v is not None}
    for key in [k for k, v in values.items() if v is None]:
        config.pop(key, None)
    (folder / "config.json").write_text(json.dumps(config))


def test_broken_folders(tmp_path: Path) -> None:
    intact = write_model(tmp_path / "whole")

    def copy_folder(name: str) -> Path:
        return Path(shutil.copytree(intact, tmp_path / name))

    def sentence(folder: Path) -> str:
        with pytest.raises(BadModel) as error:
            load(folder, device="cpu")
        assert "\n" not in str(error.value)
        return str(error.value).replace(str(folder), "FOLDER")

    folder = copy_folder("no-config")
    (folder / "config.json").unlink()
    assert sentence(folder) == "FOLDER is no model folder: it has no config.json."
    folder = copy_folder("bad-config")
    (folder / "config.json").write_text("{")
    assert sentence(folder).startswith("FOLDER/config.json cannot be read as JSON:")
    folder = copy_folder("no-weights")
    (folder / "model.safetensors").unlink()
    assert sentence(folder) == "FOLDER has no complete weights: model.safetensors is missing."
    folder = copy_folder("missing-shard")
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}})
    )
    assert sentence(folder) == "FOLDER has no complete weights: model-00002-of-00002.safetensors is missing."
    folder = copy_folder("cut-weights")
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    cut_off = r"FOLDER/model.safetensors is cut off: it holds [\d.]+ of [\d.]+ MB; the download may be incomplete\."
    assert re.fullmatch(cut_off, sentence(folder))
    folder = copy_folder("other-size")
    change(folder, hidden_size=64)
    assert sentence(folder).startswith("FOLDER cannot be loaded:")
    folder = copy_folder("unknown")
    change(folder, model_type="nosuch")
    assert sentence(folder) == "FOLDER: the architecture nosuch is not supported by the installed mlx-lm."
    folder = copy_folder("exits")
    change(folder, model_type="olmo")
    assert "olmo" in sentence(folder)
    folder = copy_folder("no-type")
    change(folder, model_type=None)
    assert sentence(folder) == "FOLDER/config.json does not name a model_type."


def test_code_in_a_model_folder_runs_only_when_allowed(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    change(folder, model_file="evil.py")
    (folder / "evil.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w').close()\nfrom mlx_lm.models.qwen3 import Model, ModelArgs\n"
    )
    refusal = r"wants to run its own Python code \(evil.py; SHA-256 [0-9a-f]{16}\)"
    with pytest.raises(BadModel, match=refusal):
        load(folder, device="cpu")
    assert not (tmp_path / "ran").exists()
    load(folder, device="cpu", allow_code=True)
    (tmp_path / "ran").unlink()
    load(folder, device="cpu")  # the yes is remembered
    (tmp_path / "ran").unlink()
    (folder / "other.py").write_text("x = 1\n")
    with pytest.raises(BadModel, match=r"has changed since it was allowed; it wants .* \(evil.py and 1 more;"):
        load(folder, device="cpu")
    assert not (tmp_path / "ran").exists()
    change(folder, model_file="../evil.py")
    with pytest.raises(BadModel, match="which is no file in this folder"):
        load(folder, device="cpu", allow_code=True)


def test_code_in_a_model_folder_that_ends_python_is_told(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    change(folder, model_file="own.py")
    (folder / "own.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(BadModel, match="cannot be loaded: SystemExit"):
        load(folder, device="cpu", allow_code=True)


def test_rope_settings_where_transformers_5_writes_them(tmp_path: Path) -> None:
    old, new = write_model(tmp_path / "old", rope_theta=500.0), write_model(tmp_path / "new", rope_theta=500.0)
    change(new, rope_theta=None, rope_parameters={"rope_theta": 500.0, "rope_type": "default"})
    tokens = mx.array([[5, 6, 7, 8, 9, 10]])
    a, b = (load(f, device="cpu").model(tokens) for f in (old, new))
    assert mx.array_equal(a, b)
    change(new, rope_parameters={"rope_theta": 9.0, "rope_type": "default"})
    assert not mx.array_equal(a, load(new, device="cpu").model(tokens))


def test_rope_settings_by_kind_of_layer(tmp_path: Path) -> None:
    tokens = mx.arange(40)[None]
    old, new = zoo.write(tmp_path / "old", "gemma3"), zoo.write(tmp_path / "new", "gemma3")
    text = json.loads((old / "config.json").read_text())["text_config"]
    scaling = {"rope_type": "linear", "factor": 8.0}
    change(old, text_config=text | {"rope_theta": 5e5, "rope_local_base_freq": 300.0, "rope_scaling": scaling})
    parameters = {
        "full_attention": {"rope_theta": 5e5, **scaling},
        "sliding_attention": {"rope_theta": 300.0, "rope_type": "default"},
    }
    text.pop("rope_theta")
    change(new, text_config=text | {"rope_parameters": parameters})
    a, b = (load(f, device="cpu").model(tokens) for f in (old, new))
    assert mx.array_equal(a, b)


def test_a_class_that_does_not_read_the_rotary_base_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlx_lm.models import olmo2

    folder = zoo.write(tmp_path / "m", "olmo2")
    load(folder, device="cpu")
    usual = olmo2.ModelArgs.from_dict
    forgetful = classmethod(lambda cls, config: usual({**config, "rope_theta": 55.0}))
    monkeypatch.setattr(olmo2.ModelArgs, "from_dict", forgetful)
    with pytest.raises(BadModel, match="asks for rotary positions with base 10000, but mlx-lm's class for olmo2 uses"):
        load(folder, device="cpu")


def test_what_mlx_computes_wrongly_on_cuda_is_refused_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = zoo.write(tmp_path / "model", "gpt_oss")
    monkeypatch.setattr(mx.cuda, "is_available", lambda: True)
    assert load(folder, device="cpu").model.model_type == "gpt_oss"
    with pytest.raises(BadModel, match="GPT-OSS cannot be used on a CUDA GPU"):
        load(folder, device="gpu")
