"""An adapter on a model that is parted over two processes gives what it gives on the whole one."""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from core import adapters
from core.model.load import load
from core.model.sharding import PIPELINE, TENSOR
from core.run import Adapter, Model
from tests.core.distributed.ranks import run_ranks
from tests.core.model import sharding_jobs, zoo


def write_adapter(folder: Path, model_folder: Path, quantization: str = "none", **options: Any) -> Path:
    """An adapter on every linear layer, whose weights are not zero."""
    folder.mkdir()
    base, o = Model(path=str(model_folder), quantization=quantization), Adapter(rank=2, **options)
    model = load(model_folder, device="cpu", quantization=quantization).model
    adapters.attach(model, o)
    mx.random.seed(8)
    tensors = {name: mx.random.normal(v.shape) * 0.3 for name, v in adapters.trainable_tensors(model).items()}
    (folder / adapters.CONFIG).write_text(json.dumps(adapters.build_config(model, o, base)))
    mx.save_safetensors(str(folder / adapters.WEIGHTS), tensors)
    return folder


def write_quantized(folder: Path) -> Path:
    """A model in MLX's own 4 bit, as mlx-lm writes it."""
    zoo.write(folder, "qwen2")
    model = load(folder, device="cpu").model
    nn.quantize(model, group_size=32, bits=4)
    config = json.loads((folder / "config.json").read_text())
    packing = {"group_size": 32, "bits": 4, "mode": "affine"}
    (folder / "config.json").write_text(json.dumps(config | {"quantization": packing}))
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(model.parameters())))
    return folder


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """{job: (the job, what each rank tells of it)}."""
    folder = tmp_path_factory.mktemp("sharded")
    model, packed = zoo.write(folder / "qwen2", "qwen2"), write_quantized(folder / "packed")
    experts = zoo.write(folder / "experts", "qwen3_moe")
    lora, dora = write_adapter(folder / "lora", model), write_adapter(folder / "dora", model, type="dora")
    nf4, on_packed = write_adapter(folder / "nf4", model, "nf4"), write_adapter(folder / "on_packed", packed)
    dora_on_packed = write_adapter(folder / "dora_on_packed", packed, type="dora")
    of_experts = write_adapter(folder / "of_experts", experts)
    jobs = {
        "lora by tensors": {"folder": str(model), "adapter": str(lora), "way": TENSOR},
        "lora by layers": {"folder": str(model), "adapter": str(lora), "way": PIPELINE},
        "dora by tensors": {"folder": str(model), "adapter": str(dora), "way": TENSOR},
        "experts by tensors": {"folder": str(experts), "adapter": str(of_experts), "way": TENSOR},
        "packed by tensors": {"folder": str(packed), "way": TENSOR, "chats": True},
        "packed by layers": {"folder": str(packed), "adapter": str(on_packed), "way": PIPELINE},
        "nf4 by layers": {"folder": str(model), "adapter": str(nf4), "quantization": "nf4", "way": PIPELINE},
        "lora on packed by tensors": {"folder": str(packed), "adapter": str(on_packed), "way": TENSOR},
        "refused": {"folder": str(packed), "adapter": str(dora_on_packed), "way": TENSOR},
    }
    ranks = run_ranks(2, folder, sharding_jobs.CODE, list(jobs.values()))
    return {name: (job, [rank[n] for rank in ranks]) for n, (name, job) in enumerate(jobs.items())}


@pytest.mark.parametrize(
    "name",
    [
        "lora by tensors",
        "lora by layers",
        "dora by tensors",
        "experts by tensors",
        "packed by tensors",
        "lora on packed by tensors",
        "packed by layers",
        "nf4 by layers",
    ],
)
def test_the_parts_give_what_the_whole_gives(told: dict[str, Any], name: str) -> None:
    job, ranks = told[name]
    expected = sharding_jobs.do(job, None)
    base = sharding_jobs.do({**job, "adapter": None}, None)
    for rank in ranks:
        assert rank.get("way") == job["way"], rank
        np.testing.assert_allclose(rank["logits"], expected["logits"], atol=2e-5, rtol=1e-5)
        assert rank["answer"] == expected["answer"]
        if job.get("adapter"):
            assert np.abs(np.array(rank["logits"]) - base["logits"]).max() > 0.1


def test_dora_over_packed_weights_is_not_parted_by_tensors(told: dict[str, Any]) -> None:
    _, ranks = told["refused"]
    assert all("cannot go along with a model of this family in parts: LoRA alone can" in r["refused"] for r in ranks)
