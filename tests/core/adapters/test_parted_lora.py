"""The gradients of LoRA over a model that is parted by tensors are those over the whole one."""

import json
import sys
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from core import adapters
from core.device.select import select
from core.distributed.group import Group
from core.distributed.session import joined
from core.errors import UserError
from core.model.load import load
from core.model.sharding import TENSOR, Sharding
from core.run import Adapter
from tests.core.adapters.test_sharded_adapter import write_quantized
from tests.core.distributed.ranks import run_ranks
from tests.core.model import zoo

CODE = "from tests.core.adapters.test_parted_lora import main; main()"
TOKENS = [[5, 9, 33, 7, 2, 77, 8, 4], [1, 2, 3, 4, 5, 6, 7, 200]]


def attached(model: nn.Module, options: dict[str, Any]) -> None:
    """An adapter whose B is not zero."""
    mx.random.seed(3)
    adapters.attach(model, Adapter(rank=2, **options))
    for name, value in adapters.trainable_tensors(model).items():
        model.load_weights([(name, mx.random.normal(value.shape) * 0.2)], strict=False)


def learn(folder: str, options: dict[str, Any], group: Group) -> dict[str, Any]:
    """The loss and the gradients of a model, over one rank or several."""
    layers: dict[str, Any] = {}

    def prepare(model: nn.Module) -> None:
        attached(model, options)
        layers.update(adapters.take_off(model))

    try:
        sharding = Sharding(TENSOR, group, 1 << 40, prepare=prepare) if group.size > 1 else None
        model = load(Path(folder), device="cpu", sharding=sharding).model
        if sharding:
            adapters.put_on(model, layers, group.mlx_group)
        else:
            attached(model, options)
    except UserError as error:
        return {"refused": str(error)}

    def loss(tokens: mx.array) -> mx.array:
        return nn.losses.cross_entropy(model(tokens[:, :-1]), tokens[:, 1:], reduction="mean")

    model.train()
    value, gradients = nn.value_and_grad(model, loss)(mx.array(TOKENS))
    total = group.all_sum(gradients)
    mean = {name: (g / group.size).tolist() for name, g in tree_flatten(total)}
    size = sum(v.nbytes for _, v in tree_flatten(model.parameters()))
    return {"loss": value.item(), "gradients": mean, "bytes": size}


def main() -> None:
    select("cpu")
    with joined() as session:
        print(json.dumps([learn(*job, session.group) for job in json.loads(sys.argv[1])]))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, list[Any]]]:
    folder = tmp_path_factory.mktemp("parted")
    names = ("llama", "qwen2", "qwen3", "mistral", "qwen3_moe", "deepseek_v3")
    folders = {name: str(zoo.write(folder / name, name)) for name in names}
    attention = {"targets": "q_proj,k_proj,v_proj,o_proj"}
    jobs = {name: (folders[name], {}) for name in ("llama", "qwen2", "qwen3", "mistral")}
    jobs["with embeddings"] = (folders["llama"], {"targets": "q_proj,down_proj,embed_tokens,lm_head"})
    jobs["packed"] = (str(write_quantized(folder / "packed")), {})
    jobs["attention beside experts"] = (folders["qwen3_moe"], attention)
    jobs["experts"], jobs["narrow"] = (folders["qwen3_moe"], {}), (folders["deepseek_v3"], {})
    ranks = run_ranks(2, folder, CODE, list(jobs.values()))
    return {name: (job, [rank[n] for rank in ranks]) for n, (name, job) in enumerate(jobs.items())}


PARTED = ["llama", "qwen2", "qwen3", "mistral", "with embeddings", "packed", "attention beside experts"]


@pytest.mark.parametrize("name", PARTED)
def test_the_gradients_are_those_of_the_whole_model(told: dict[str, Any], name: str) -> None:
    job, ranks = told[name]
    alone = learn(*job, Group())
    for rank in ranks:
        assert "refused" not in rank, rank
        assert rank["bytes"] < 0.9 * alone["bytes"] and rank["gradients"].keys() == alone["gradients"].keys()
        assert rank["loss"] == pytest.approx(alone["loss"], abs=1e-5)
        for key, expected in alone["gradients"].items():
            largest = np.abs(expected).max()  # another last bit of the weights changes 4e-5 of it
            assert largest > 1e-4, key
            np.testing.assert_allclose(rank["gradients"][key], expected, atol=2e-4 * largest, err_msg=key)


@pytest.mark.parametrize("name", ["experts", "narrow"])
def test_layers_that_an_adapter_cannot_follow_are_refused(told: dict[str, Any], name: str) -> None:
    _, ranks = told[name]
    assert all("cannot go along with a model of this family in parts" in rank["refused"] for rank in ranks)
