"""A run whose model is parted over two or three processes learns what it learns on one; or it is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import methods
from core.distributed.group import Group
from core.errors import BadOption, Unavailable
from core.run import Run
from core.training import sharded
from core.training.sharded import choose_sharding
from tests.core.conftest import write_model
from tests.core.distributed.run_jobs import do, on_ranks
from tests.core.distributed.test_training import assert_same, job, same_adapter
from tests.core.model import zoo

MakeRun = Callable[..., Run]
STEPS = {"steps": 8, "eval_every": 4, "batch_size": 3, "gradient_accumulation_steps": 2, "learning_rate": 0.003}
# What needs more of a model than its gradient, by its title; the others are trained in parts.
MORE = {"dpo": "DPO", "kto": "KTO", "grpo": "GRPO", "dapo": "DAPO", "distill": "Distillation"}
PARTED = "The model is parted by tensors over {} ranks."


@pytest.fixture(autouse=True)
def parted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HONE_SHARDING", "tensor")


def test_two_ranks_learn_what_one_learns(make_run: MakeRun, tmp_path: Path) -> None:
    options: dict[str, Any] = {"train": STEPS | {"samples": 1, "sample_tokens": 4}}
    alone, shared = make_run("alone", **options), make_run("shared", **options)
    expected = do(job(alone))
    told = [rank[0] for rank in on_ranks(2, tmp_path, [job(shared)])]
    assert_same(told, expected)
    same_adapter(shared, alone)
    assert PARTED.format(2) in told[0]["warned"]
    facts = [json.loads((Path(str(run.output)) / "resolved.json").read_text())["model"] for run in (alone, shared)]
    assert facts[0]["parameters"] == facts[1]["parameters"]


@pytest.mark.slow
def test_three_ranks_pack_and_go_on_alone(make_run: MakeRun, tmp_path: Path) -> None:
    sizes = {"hidden_size": 48, "intermediate_size": 96, "num_attention_heads": 6, "num_key_value_heads": 3}
    model = {"path": str(write_model(tmp_path / "threes", **sizes))}
    options: dict[str, Any] = {"model": model, "train": STEPS, "data": {"packing": True}}
    alone, shared = make_run("alone", **options), make_run("shared", **options)
    expected = do(job(alone))
    told = [rank[0] for rank in on_ranks(3, tmp_path, [job(shared, stop_after=5)])]
    assert told[0]["finished"][0][0] == "stopped" and PARTED.format(3) in told[0]["warned"]
    rest = do({"resume": str(shared.output)})
    assert [step[0] for step in rest["steps"]] == [7, 8]  # a wish takes effect with the next exchange
    for mine, other in zip([*told[0]["steps"], *rest["steps"]], expected["steps"], strict=True):
        assert mine[0] == other[0] and mine[1] == pytest.approx(other[1], abs=1e-5) and mine[3:5] == other[3:5]
    same_adapter(shared, alone)


@pytest.mark.slow
def test_pairs_without_a_reference(make_run: MakeRun, tmp_path: Path) -> None:
    from tests.core.distributed.test_training import PAIRS, write

    pairs = write(tmp_path / "pairs.jsonl", PAIRS)
    cases: list[dict[str, Any]] = [
        {"method": "orpo", "data": {"path": pairs}, "train": STEPS},
        {"method": "simpo", "data": {"path": pairs, "packing": True}, "train": STEPS | {"steps": 4}},
    ]
    alone = [make_run(f"alone-{n}", **options) for n, options in enumerate(cases)]
    shared = [make_run(f"shared-{n}", **options) for n, options in enumerate(cases)]
    expected = [do(job(run)) for run in alone]
    told = on_ranks(2, tmp_path, [job(run) for run in shared])
    for n, run in enumerate(shared):
        assert_same([rank[n] for rank in told], expected[n])
        same_adapter(run, alone[n])


class _Two(Group):
    """Two ranks that are alike."""

    size = 2

    def gather(self, value: Any) -> list[Any]:
        return [value, value]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"adapter": {"type": "dora"}}, "only LoRA is trained in parts, not dora"),
        ({"adapter": {"type": "full"}}, "only LoRA is trained in parts, not full"),
        ({"adapter": {"dropout": 0.1}}, "with dropout the ranks would leave out different inputs"),
        ({"model": {"quantization": "nf4"}}, "packing it as nf4 on the way needs whole layers"),
        *(({"method": name}, f"{title} asks a model for more than a gradient") for name, title in MORE.items()),
    ],
)
def test_runs_that_cannot_be_parted(
    make_run: MakeRun, model_folder: Path, options: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(**options)
    with pytest.raises(BadOption, match=rf"cannot be parted \(--sharding tensor\): .*{reason}"):
        choose_sharding(run, model_folder, "cpu", _Two())
    monkeypatch.setenv("HONE_SHARDING", "auto")
    assert choose_sharding(run, model_folder, "cpu", _Two()) is None  # each rank has room for all of it
    monkeypatch.setattr(sharded, "usable_bytes", lambda device: 10_000)
    with pytest.raises(Unavailable, match=rf"Training needs the whole model on each machine: .* GB.* {reason}"):
        choose_sharding(run, model_folder, "cpu", _Two())


def test_every_method_is_trained_in_parts_or_refused() -> None:
    assert methods.load().keys() == MORE.keys() | {"sft", "simpo", "orpo"}


def test_a_family_without_code_for_it_and_layers(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadOption, match="mlx-lm has no code for that for models of the kind gemma2"):
        choose_sharding(make_run(), zoo.write(tmp_path / "gemma2", "gemma2"), "cpu", _Two())
    monkeypatch.setenv("HONE_SHARDING", "pipeline")
    with pytest.raises(BadOption, match="by tensors alone"):
        choose_sharding(make_run(), zoo.write(tmp_path / "qwen2", "qwen2"), "cpu", _Two())


def test_it_is_parted_where_it_does_not_fit(
    make_run: MakeRun, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HONE_SHARDING", "auto")
    assert choose_sharding(make_run(), model_folder, "cpu", _Two()) is None
    monkeypatch.setattr(sharded, "usable_bytes", lambda device: 10_000)
    chosen = choose_sharding(make_run(), model_folder, "cpu", _Two())
    assert chosen is not None and chosen.way == "tensor" and chosen.neighbours == 2
    monkeypatch.setenv("HONE_SHARDING", "none")
    assert choose_sharding(make_run(), model_folder, "cpu", _Two()) is None
    assert choose_sharding(make_run(), model_folder, "cpu", Group()) is None
