"""Fusing, packing and handing over: what is written answers as the adapter did, and others' formats are met."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten
from safetensors.numpy import load_file

from core import adapters
from core.errors import BadModel, BadOption
from core.events import Event, Saved, Warned
from core.export import fuse, quantize, to_peft
from core.model.load import load
from core.run import Adapter, Model, Run
from core.train import train
from tests.core.adapters.test_lora import TOKENS, save
from tests.core.conftest import only, write_model
from tests.core.model import zoo

REFERENCE = Path(__file__).parents[2] / "reference"


def adapted(folder: Path, o: Adapter, output: Path, base: Model | None = None) -> Path:
    """An adapter folder with every tensor far from where it starts, and its logits beside it."""
    base = base or Model(path=str(folder))
    model = load(folder, device="cpu", quantization=base.quantization, double=base.double_quantization).model
    mx.random.seed(5)  # of the fresh adapter, too
    adapters.attach(model, o)
    for name, value in adapters.trainable_tensors(model).items():
        moved_value = value + mx.random.normal(value.shape) * (0.05 if o.type == "full" else 0.2)
        model.load_weights([(name, moved_value)], strict=False)
    output.mkdir()
    save(model, o, output)
    (output / adapters.CONFIG).write_text(json.dumps(adapters.build_config(model, o, base)))
    mx.save_safetensors(str(output / "logits.safetensors"), {"logits": model(TOKENS)})
    return output


def logits(folder: Path) -> mx.array:
    return load(folder, "float32", device="cpu").model(TOKENS)


def warnings(events: list[Event], code: str) -> list[str]:
    return [e.message for e in only(Warned, events) if e.code == code]


CASES: dict[str, tuple[Adapter, dict[str, Any]]] = {
    "lora": (Adapter(rank=4), {}),
    "lora and embeddings": (Adapter(rank=4, targets="all,embeddings"), {}),
    "dora": (Adapter(type="dora", rank=3, targets="attention"), {}),
    "rslora over nf4": (Adapter(rank=4, rslora=True), {"quantization": "nf4", "double_quantization": True}),
    "dora over int8": (Adapter(type="dora", rank=4), {"quantization": "int8"}),
    "mxfp4, some layers": (Adapter(rank=4, targets="q_proj"), {"quantization": "mxfp4"}),
    "full": (Adapter(type="full"), {}),
}


NAMES_IN_TRANSFORMERS = {  # as the modules of transformers 5.24 are called, with PEFT's prefix
    "gemma3": "base_model.model.model.language_model.layers.1.self_attn.q_proj.lora_A.weight",
    "qwen3_5": "base_model.model.model.language_model.layers.1.self_attn.q_proj.lora_A.weight",
    "llama4": "base_model.model.language_model.model.layers.1.self_attn.q_proj.lora_A.weight",
    "qwen3_5_text": "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight",
}


@pytest.mark.parametrize("kind", NAMES_IN_TRANSFORMERS)
def test_peft_gets_the_names_that_layers_have_in_transformers(kind: str, tmp_path: Path) -> None:
    """mlx-lm puts the text model of a larger one behind other names; PEFT would find none of them."""
    family = kind.removesuffix("_text")
    folder = zoo.write(tmp_path / "model", family)
    if kind != family:  # the text model, saved by itself
        config = json.loads((folder / "config.json").read_text())["text_config"]
        (folder / "config.json").write_text(json.dumps(config))
    adapter = adapted(
        folder, Adapter(rank=2, targets="q_proj", layers=1), tmp_path / "adapter", Model(path=str(folder))
    )
    list(to_peft(adapter, tmp_path / "peft"))
    tensors = load_file(tmp_path / "peft" / adapters.PEFT_WEIGHTS)
    name = NAMES_IN_TRANSFORMERS[kind].replace("layers.1", f"layers.{3 if family == 'llama4' else 1}")
    assert set(tensors) == {name, name.replace("lora_A", "lora_B")}
    told = json.loads((tmp_path / "peft" / adapters.CONFIG).read_text())["target_modules"]
    assert told == [name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")]
    model = load(folder, "float32", device="cpu").model
    adapters.load(model, tmp_path / "peft")  # and Hone finds them again
    expected = mx.load(str(adapter / "logits.safetensors"))["logits"]
    assert mx.abs(model(TOKENS) - expected).max().item() < 1e-3 * mx.abs(expected).max().item()


@pytest.mark.parametrize("name", CASES)
def test_a_fused_model_is_the_adapter_and_its_base(name: str, model_folder: Path, tmp_path: Path) -> None:
    o, base = CASES[name]
    folder = adapted(model_folder, o, tmp_path / "adapter", Model(path=str(model_folder), **base))
    events = list(fuse(folder, tmp_path / "fused"))
    assert [e.path for e in only(Saved, events)] == [str(tmp_path / "fused")] and not warnings(events, "layout")
    assert warnings(events, "checked")[0].startswith("Loaded again: its logits differ from the adapter's by ")
    expected = mx.load(str(folder / "logits.safetensors"))["logits"]
    assert mx.abs(logits(tmp_path / "fused") - expected).max().item() < 1e-3 * mx.abs(expected).max().item()
    old, new = (load_file(f / "model.safetensors") for f in (model_folder, tmp_path / "fused"))
    assert {k: (v.shape, v.dtype) for k, v in new.items()} == {k: (v.shape, v.dtype) for k, v in old.items()}
    assert np.array_equal(new["model.norm.weight"], old["model.norm.weight"]) == (o.type != "full")
    assert (tmp_path / "fused" / "tokenizer.json").is_file()
    assert not list(tmp_path.glob(".*"))


def test_sixteen_bit_files_with_an_index(model_folder: Path, tmp_path: Path) -> None:
    folder = adapted(model_folder, Adapter(rank=4), tmp_path / "adapter")
    events = list(fuse(folder, tmp_path / "fused", dtype="bfloat16", shard_bytes=20_000))
    index = json.loads((tmp_path / "fused" / "model.safetensors.index.json").read_text())
    files = sorted(p.name for p in (tmp_path / "fused").glob("*.safetensors"))
    assert len(files) > 1 and set(index["weight_map"].values()) == set(files)
    assert files[0] == f"model-00001-of-{len(files):05}.safetensors"
    sizes = [sum(v.nbytes for v in mx.load(str(tmp_path / "fused" / f)).values()) for f in files]
    assert max(sizes) <= 20_000 and sum(sizes) == index["metadata"]["total_size"]
    assert json.loads((tmp_path / "fused" / "config.json").read_text())["dtype"] == "bfloat16"
    expected = mx.load(str(folder / "logits.safetensors"))["logits"]
    assert mx.linalg.norm(logits(tmp_path / "fused") - expected).item() < 0.03 * mx.linalg.norm(expected).item()
    assert len(warnings(events, "checked")) == 1


def test_experts_are_written_one_by_one_as_they_came(tmp_path: Path) -> None:
    folder = write_moe(tmp_path / "moe")
    folder_of = adapted(folder, Adapter(rank=4), tmp_path / "adapter")
    assert mx.load(str(folder_of / adapters.WEIGHTS))["model.layers.0.mlp.switch_mlp.up_proj.lora_a"].ndim == 3
    events = list(fuse(folder_of, tmp_path / "fused"))
    assert not warnings(events, "layout")
    old, new = (load_file(f / "model.safetensors") for f in (folder, tmp_path / "fused"))
    name = "model.layers.0.mlp.experts.3.down_proj.weight"
    assert old.keys() == new.keys() and not np.array_equal(old[name], new[name])
    expected = mx.load(str(folder_of / "logits.safetensors"))["logits"]
    assert mx.abs(logits(tmp_path / "fused") - expected).max().item() < 1e-3 * mx.abs(expected).max().item()
    with pytest.raises(BadModel, match=r"PEFT has no adapter for the experts in model\.layers\.0\.mlp\.switch_mlp"):
        list(to_peft(folder_of, tmp_path / "peft"))


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_a_gemma_3_whose_embeddings_are_its_head(kind: str, tmp_path: Path) -> None:
    """mlx-lm's class takes its own head away as it reads the files, and would fail at the second time."""
    folder = zoo.write(tmp_path / "gemma", "gemma3_text")
    file = folder / "model.safetensors"
    weights = mx.load(str(file))
    mx.save_safetensors(str(file), {k: v for k, v in weights.items() if not k.startswith("lm_head")})
    adapter = adapted(folder, Adapter(rank=4, type=kind), tmp_path / "adapter")
    events = list(fuse(adapter, tmp_path / "fused"))
    assert not warnings(events, "layout")
    assert load_file(tmp_path / "fused" / "model.safetensors").keys() == load_file(file).keys()
    expected = mx.load(str(adapter / "logits.safetensors"))["logits"]
    assert mx.abs(logits(tmp_path / "fused") - expected).max().item() < 1e-3 * mx.abs(expected).max().item()


def write_moe(folder: Path) -> Path:
    """A mixture of experts in the files' own layout: one tensor for each expert."""
    from mlx_lm.models import qwen3_moe

    write_model(folder)
    own = {"model_type": "qwen3_moe", "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
           "decoder_sparse_step": 1, "mlp_only_layers": [], "norm_topk_prob": True,
           "tie_word_embeddings": False}  # fmt: skip
    config = json.loads((folder / "config.json").read_text()) | own
    (folder / "config.json").write_text(json.dumps(config))
    mx.random.seed(1)
    weights = {}
    for name, value in tree_flatten(qwen3_moe.Model(qwen3_moe.ModelArgs.from_dict(config)).parameters()):
        if "switch_mlp" in name:
            for i in range(4):
                weights[name.replace("switch_mlp", f"experts.{i}")] = value[i]
        else:
            weights[name] = value
    mx.save_safetensors(str(folder / "model.safetensors"), weights)
    return folder


def test_packing_the_result_tells_what_it_costs(make_run: Callable[..., Run], tmp_path: Path) -> None:
    from mlx_lm.utils import load as mlx_lm_load

    folder = write_model(tmp_path / "m", hidden_size=64, intermediate_size=128, head_dim=16)
    run = make_run(model={"path": str(folder), "quantization": "nf4"}, train={"steps": 3})
    list(train(run))
    events = list(fuse(str(run.output), tmp_path / "packed", quantization="affine-4"))
    (sentence,) = warnings(events, "packed-loss")
    assert sentence.startswith("Held-out loss: ") and "with the adapter" in sentence and "as affine-4" in sentence
    reloaded = load(tmp_path / "packed", device="cpu")
    assert reloaded.precision.used == "affine 4 bit, group 64"
    in_mlx_lm, _ = mlx_lm_load(str(tmp_path / "packed"))
    in_hone = reloaded.model(TOKENS)
    assert (mx.linalg.norm(in_mlx_lm(TOKENS) - in_hone) / mx.linalg.norm(in_hone)).item() < 2e-2
    assert not (tmp_path / "packed" / "dense").exists()


@pytest.mark.parametrize("mode", ["affine-4", "mxfp4", "mxfp8"])
def test_a_packed_model_loads_here_and_in_mlx_lm(mode: str, tmp_path: Path) -> None:
    from mlx_lm.utils import load as mlx_lm_load

    folder = write_model(tmp_path / "m", hidden_size=64, intermediate_size=128, head_dim=16)
    list(quantize(str(folder), tmp_path / "packed", mode))
    in_hone, (in_mlx_lm, _) = load(tmp_path / "packed", device="cpu"), mlx_lm_load(str(tmp_path / "packed"))
    assert in_hone.precision.bits == int(mode[-1])
    assert mx.allclose(in_hone.model(TOKENS), in_mlx_lm(TOKENS), atol=1e-3)
    with pytest.raises(BadModel, match="is already quantized"):
        list(quantize(str(tmp_path / "packed"), tmp_path / "twice", mode))
    assert not (tmp_path / "twice").exists()


@pytest.mark.parametrize(("mode", "double"), [("nf4", False), ("nf4", True), ("fp4", False), ("int8", False)])
def test_a_model_in_the_layout_of_bitsandbytes(mode: str, double: bool, tmp_path: Path) -> None:
    folder = write_moe(tmp_path / "m")
    list(quantize(str(folder), tmp_path / "packed", mode, double=double))
    quantized = load(folder, device="cpu", quantization=mode, double=double)
    reloaded = load(tmp_path / "packed", device="cpu")
    assert mx.array_equal(quantized.model(TOKENS), reloaded.model(TOKENS))
    assert reloaded.precision.used == mode and reloaded.precision.double == double
    assert reloaded.precision.reason.startswith("the model is already quantized; it computes in float32")
    settings = json.loads((tmp_path / "packed" / "config.json").read_text())["quantization_config"]
    assert settings["quant_method"] == "bitsandbytes" and settings["load_in_8bit"] == (mode == "int8")
    with pytest.raises(BadModel, match=f"is already quantized \\({mode}\\): leave quantization at none"):
        load(tmp_path / "packed", device="cpu", quantization="nf4")


def test_what_was_quantized_before_is_fused_unpacked(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", hidden_size=64, intermediate_size=128, head_dim=16)
    list(quantize(str(folder), tmp_path / "packed", "affine-4"))
    adapter = adapted(tmp_path / "packed", Adapter(rank=4), tmp_path / "adapter")
    events = list(fuse(adapter, tmp_path / "fused", dtype="float32"))
    assert not any("quantization" in k for k in json.loads((tmp_path / "fused" / "config.json").read_text()))
    expected = mx.load(str(adapter / "logits.safetensors"))["logits"]
    assert mx.abs(logits(tmp_path / "fused") - expected).max().item() < 1e-3 * mx.abs(expected).max().item()
    assert not warnings(events, "layout")  # in this family they are the same


@pytest.mark.parametrize("name", ["qwen3-tiny", "llama-tiny"])
def test_pefts_files_come_out_as_peft_wrote_them(name: str, tmp_path: Path) -> None:
    source = tmp_path / "adapter"
    source.mkdir()
    for file in (REFERENCE / "adapters" / f"{name}-mlx").iterdir():
        (source / file.name).write_bytes(file.read_bytes())
    config = json.loads((source / adapters.CONFIG).read_text())
    (source / adapters.CONFIG).write_text(json.dumps(config | {"model": str(REFERENCE / "models" / name)}))
    check_peft(source, REFERENCE / "adapters" / f"{name}-peft", tmp_path / "peft")


@pytest.mark.parametrize("name", ["dora", "rslora"])
def test_what_peft_wrote_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    peft_folder = REFERENCE / "peft" / name
    config = json.loads((peft_folder / adapters.CONFIG).read_text())
    base = REFERENCE / "models" / config["base_model_name_or_path"]
    model = load(base, device="cpu").model
    adapters.load(model, peft_folder)
    (tmp_path / "adapter").mkdir()
    options = Adapter(type="dora" if config["use_dora"] else "lora", rslora=config["use_rslora"])
    save(model, options, tmp_path / "adapter")
    config = adapters.build_config(model, options, Model(path=str(base)))
    (tmp_path / "adapter" / adapters.CONFIG).write_text(json.dumps(config))
    check_peft(tmp_path / "adapter", peft_folder, tmp_path / "peft")


def test_a_base_that_was_packed_is_told_to_whom_peft_gets(model_folder: Path, tmp_path: Path) -> None:
    base = Model(path=str(model_folder), quantization="nf4")
    folder = adapted(model_folder, Adapter(rank=4), tmp_path / "adapter", base)
    events = list(to_peft(folder, tmp_path / "peft"))
    assert warnings(events, "base-precision") == [
        "The base is packed as nf4, as in training. Load it so in PEFT for the same answers."
    ]


def check_peft(adapter: Path, peft_folder: Path, output: Path) -> None:
    list(to_peft(adapter, output))
    tensors, expected = (load_file(folder / adapters.PEFT_WEIGHTS) for folder in (output, peft_folder))
    assert tensors.keys() == expected.keys()
    assert all(np.array_equal(tensors[name], expected[name]) for name in expected)
    config, goal = (json.loads((folder / adapters.CONFIG).read_text()) for folder in (output, peft_folder))
    config["base_model_name_or_path"] = Path(config["base_model_name_or_path"]).name
    goal["target_modules"], goal["inference_mode"] = sorted(goal["target_modules"]), True
    assert config == {key: goal[key] for key in config}


def test_mistakes_are_said_in_one_sentence(model_folder: Path, tmp_path: Path) -> None:
    folder = adapted(model_folder, Adapter(rank=4), tmp_path / "adapter")
    with pytest.raises(BadOption, match="already exists; choose a new folder"):
        list(fuse(folder, folder))
    with pytest.raises(BadOption, match="Double quantization packs the scales of nf4 and fp4; int8 has none"):
        list(fuse(folder, tmp_path / "no", quantization="int8", double=True))
    with pytest.raises(BadModel, match="holds no adapter"):
        list(fuse(model_folder, tmp_path / "no"))
    full = adapted(model_folder, Adapter(type="full"), tmp_path / "full")
    with pytest.raises(BadModel, match="holds a fully trained model, not an adapter"):
        list(to_peft(full, tmp_path / "no"))
    assert not (tmp_path / "no").exists()
