"""A model that is parted over several processes gives the logits and the answers of the whole one, or says why not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.model.load import load
from core.model.sharding import PIPELINE, TENSOR, family_ways, model_ways
from tests.core.distributed.ranks import run_ranks
from tests.core.model import sharding_jobs, zoo

PARTED = ("llama", "qwen2", "qwen3", "qwen3_moe", "qwen3_next", "qwen3_5", "mistral", "gpt_oss", "deepseek_v3")
Told = list[list[dict[str, Any]]]


def on_ranks(count: int, folder: Path, jobs: list[dict[str, Any]]) -> Told:
    return run_ranks(count, folder, sharding_jobs.CODE, jobs)


def write(folder: Path, family: str, **changes: Any) -> Path:
    """A model of a family with other sizes than the zoo has it."""
    own = zoo.FAMILIES[family]
    changed = {**own, "text_config": {**own["text_config"], **changes}} if "text_config" in own else {**own, **changes}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(zoo.FAMILIES, family, changed)
        return zoo.write(folder, family)


def assert_same(told: Told, jobs: list[dict[str, Any]]) -> None:
    """Every rank gives what the whole model gives."""
    for n, job in enumerate(jobs):
        expected = sharding_jobs.do(job, None)
        for rank in told:
            assert rank[n].get("way") == job["way"], (job, rank[n])
            np.testing.assert_allclose(rank[n]["logits"], expected["logits"], atol=1e-5, rtol=1e-5, err_msg=str(job))
            assert rank[n].get("answer") == expected.get("answer") and rank[n]["bytes"] < 0.8 * expected["bytes"]
            assert rank[n].get("drawn") == told[0][n].get("drawn")


def ways(family: str) -> list[str]:
    return [way for way in (TENSOR, PIPELINE) if way in _WAYS[family]]


_WAYS = dict.fromkeys(PARTED, (TENSOR, PIPELINE)) | {
    "llama": (TENSOR,), "qwen3": (TENSOR,), "mistral": (TENSOR,), "gpt_oss": (TENSOR,), "qwen3_next": (PIPELINE,),
}  # fmt: skip


def make_jobs(folder: Path, families: Sequence[str], **changes: Any) -> list[dict[str, Any]]:
    folders = {family: write(folder / family, family, **changes) for family in families}
    return [{"folder": str(folders[f]), "way": way, "chats": True} for f in families for way in ways(f)]


def test_two_ranks_give_what_one_gives(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path, ["qwen3_moe"])
    assert [job["way"] for job in jobs] == [TENSOR, PIPELINE]
    assert_same(on_ranks(2, tmp_path, jobs), jobs)


@pytest.mark.slow
def test_each_family_on_two_ranks(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path, PARTED)
    assert_same(on_ranks(2, tmp_path, jobs), jobs)


@pytest.mark.slow
def test_three_ranks(tmp_path: Path) -> None:
    sizes = {"hidden_size": 96, "num_attention_heads": 6, "num_key_value_heads": 3, "intermediate_size": 96}
    jobs = make_jobs(tmp_path, ("llama", "qwen2", "qwen3"), **sizes, num_hidden_layers=4)
    assert_same(on_ranks(3, tmp_path, jobs), jobs)


def test_the_ways_are_those_of_mlx_lms_classes(tmp_path: Path) -> None:
    """A new mlx-lm may part more families: then they belong in PARTED, to be tried."""
    by_class = {family: family_ways(own.get("model_type", family)) for family, own in zoo.FAMILIES.items()}
    assert {family: found for family, found in by_class.items() if found} == _WAYS
    for family in ("qwen3_5", "gemma3", "gpt_oss"):
        assert model_ways(load(zoo.write(tmp_path / family, family), device="cpu").model) == by_class[family]


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What two ranks say of models that cannot be parted as asked; both say the same."""
    folder = tmp_path_factory.mktemp("refusals")
    gemma, llama = zoo.write(folder / "gemma2", "gemma2"), zoo.write(folder / "llama", "llama")
    odd = write(folder / "odd", "llama", num_attention_heads=3, num_key_value_heads=3, hidden_size=48)
    kv = write(folder / "kv", "llama", num_key_value_heads=1)
    wide = write(folder / "wide", "llama", intermediate_size=33)
    one = write(folder / "one", "qwen2", num_hidden_layers=1)
    jobs = {
        "family": {"folder": str(gemma), "way": TENSOR},
        "automatic": {"folder": str(gemma), "way": "auto", "usable": 1000},
        "fits": {"folder": str(gemma), "way": "auto"},
        "heads": {"folder": str(odd), "way": TENSOR},
        "keys": {"folder": str(kv), "way": TENSOR},
        "width": {"folder": str(wide), "way": TENSOR},
        "layers": {"folder": str(one), "way": PIPELINE},
        "nf4": {"folder": str(llama), "way": TENSOR, "quantization": "nf4"},
        "large": {"folder": str(llama), "way": TENSOR, "usable": 1000},
        "chosen": {"folder": str(llama), "way": "auto", "usable": 450_000},
    }
    told = on_ranks(2, folder, list(jobs.values()))
    assert [t.get("refused") for t in told[0]] == [t.get("refused") for t in told[1]]
    assert [t.get("way") for t in told[1]] == [{"none": "idle"}.get(t.get("way"), t.get("way")) for t in told[0]]
    return dict(zip(jobs, told[0], strict=True))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("family", "gemma2 cannot be parted by tensors over 2 ranks: mlx-lm has no code for that in this family"),
        ("automatic", "cannot be parted by layers over 2 ranks: mlx-lm has no code"),
        ("heads", "llama cannot be parted by tensors over 2 ranks: 3 heads cannot be divided by 2"),
        ("keys", "1 head of keys and values cannot be divided by 2"),
        ("width", "the width of a layer, or its groups of packed weights, cannot be divided by 2"),
        ("layers", "qwen2 cannot be parted by layers over 2 ranks: it has only 1 layer"),
        ("nf4", "packing it as nf4 on the way needs whole layers"),
        ("large", "The model is too large for 2 machines: a part of it takes"),
    ],
)
def test_what_cannot_be_parted_is_refused_with_the_reason(
    refusals: dict[str, dict[str, Any]], name: str, sentence: str
) -> None:
    assert sentence in refusals[name]["refused"]


def test_a_model_is_parted_where_it_does_not_fit(refusals: dict[str, dict[str, Any]]) -> None:
    assert refusals["fits"]["way"] == "none" and refusals["chosen"]["way"] == TENSOR
