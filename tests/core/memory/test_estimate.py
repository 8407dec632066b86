"""Memory told before loading: the count, the range, the advice; and the step that is measured."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten

from core import adapters
from core.device import process_memory
from core.events import Started, Warned
from core.export import quantize
from core.memory import plan
from core.memory.estimate import Estimate, estimate_step
from core.memory.plan import suggest_savings
from core.memory.rows_at_once import learned_at_once
from core.model.chunk_sizes import LOGITS_CHUNK, MIN_CHUNK_TOKENS
from core.model.load import load
from core.quant import count_weights
from core.reference.frozen_model import find_live_teacher
from core.resources import STARTER
from core.run import Adapter, Run
from core.train import train
from core.training import dry_run
from tests.core.conftest import only
from tests.core.model import zoo

CONFIG = json.loads((STARTER / "config.json").read_text())
GB = 10**9
THROUGH_MLX = {"dropout": 0.1}  # an adapter whose gradient NumPy does not compute


def step(folder: Path | None = STARTER, config: dict[str, Any] = CONFIG, **sections: Any) -> Estimate:
    estimate = estimate_step(config, Run.from_dict(sections), device="cpu", tokens=128, folder=folder)
    assert estimate is not None
    return estimate


@pytest.mark.parametrize("family", ["llama", "qwen3", "qwen3_moe", "gemma2", "phi3", "granite", "nemotron_h"])
@pytest.mark.parametrize("mode", ["none", "nf4", "affine-4"])
def test_weights_and_add_on_are_counted_as_they_are(family: str, mode: str, tmp_path: Path) -> None:
    folder = zoo.write(tmp_path, family)
    config = json.loads((folder / "config.json").read_text())
    o = Adapter(rank=4)
    model = load(folder, device="cpu", quantization=mode).model
    model_bytes = sum(v.nbytes for _, v in tree_flatten(model.parameters()))
    parameters = count_weights(model)
    adapters.attach(model, o)
    estimate = step(folder, config, model={"quantization": mode}, adapter={"rank": 4})
    trainable = sum(v.size for v in adapters.trainable_tensors(model).values())
    if family != "qwen3_moe":  # whose experts lie in one tensor here, as mlx-lm has them, and not in the originals
        assert estimate.adapter == 4 * trainable
        assert estimate.optimizer == 12 * trainable
        assert estimate.weights == pytest.approx(model_bytes, rel=0.06)
    assert step(folder, config).weights == pytest.approx(4 * parameters, rel=1e-3)


def test_a_model_that_comes_in_the_layout_of_bitsandbytes(tmp_path: Path) -> None:
    list(quantize("starter", tmp_path / "packed", "nf4"))
    from_files, while_loading = step(tmp_path / "packed"), step(model={"quantization": "nf4"})
    assert from_files.adapter == while_loading.adapter
    assert from_files.weights == pytest.approx(while_loading.weights, rel=0.1)


def test_without_files_the_config_is_enough() -> None:
    with_files, without_files = step(), step(folder=None)
    assert without_files.weights == pytest.approx(with_files.weights, rel=0.02)
    assert without_files.adapter == with_files.adapter
    assert estimate_step({"n_embd": 3}, Run(), device="cpu", tokens=8) is None


def test_what_saves_memory_is_told_to_save_it() -> None:
    usual = step()
    assert step(model={"quantization": "nf4"}).weights < 0.4 * usual.weights
    assert step(train={"gradient_checkpointing": "on"}).activations < 0.7 * usual.activations
    assert step(train={"batch_size": 8}).activations == pytest.approx(2 * usual.activations, rel=0.01)
    assert step(adapter={"type": "full"}).optimizer > 5 * usual.optimizer
    one_batch = step(adapter={"type": "full"})
    accumulated = step(adapter={"type": "full"}, train={"gradient_accumulation_steps": 2})
    assert accumulated.optimizer - one_batch.optimizer == one_batch.weights  # the gradients so far, in float32
    assert step(train={"optimizer": "sgd"}).optimizer == usual.optimizer / 3
    assert usual.low < usual.total < usual.high


def test_writing_answers_and_learning_from_them_count_in_turn() -> None:
    usual = step(method="grpo")
    # 4 questions × 8 answers of 128 tokens: keys and values of 6 layers × 2 heads × 64, and 2,048 logits, in float32.
    assert usual.answers == 32 * (2 * 6 * 2 * 64 * 128 * 4 + 12 * 2048)
    once = usual.weights + usual.copy + usual.adapter + usual.optimizer
    assert usual.total == once + usual.activations + usual.logits
    assert step(method="grpo", options={"group_size": 4}).answers == usual.answers / 2
    assert step(method="dapo", options={"answers_at_once": 16}).answers == usual.answers / 2
    few = step(method="grpo", train={"batch_size": 64}, options={"micro_batch_size": 1, "answers_at_once": 512})
    assert few.total == once + few.answers
    assert few.activations == pytest.approx(usual.activations / 8)
    assert step().answers == 0 and step(method="distill", options={"teacher": "starter"}).answers == 0
    own = step(method="distill", options={"teacher": "starter", "lmbda": 0.5})
    assert own.answers == usual.answers / 8  # 4 rows, one answer each


def test_no_more_answers_are_learned_from_together_than_are_written() -> None:
    usual = step(method="grpo")  # 8 of 32 at once
    few = step(method="grpo", train={"batch_size": 1}, options={"group_size": 4})  # 4 are written
    assert few.activations == pytest.approx(usual.activations / 2)
    replayed = step(method="grpo", train={"batch_size": 1}, options={"group_size": 4, "replay": "samples.jsonl"})
    assert replayed.activations == usual.activations  # how many a file holds is not known before


def test_a_processor_learns_from_no_more_answers_together_than_make_it_quicker() -> None:
    options = Run.from_dict({"method": "grpo", "options": {"micro_batch_size": 64}}).options
    assert [learned_at_once(options, "cpu", tokens) for tokens in (4, 16, 64, 1000)] == [64, 32, 8, 8]
    assert learned_at_once(options, "gpu", 1000) == 64
    assert learned_at_once(dataclasses.replace(options, loss_type="bnpo"), "cpu", 1000) == 64
    assert learned_at_once(dataclasses.replace(options, micro_batch_size=2), "cpu", 1000) == 2


def test_attention_of_long_texts() -> None:
    def activations(method: str, tokens: int, packing: bool = True) -> int:
        sections = {"method": method, "train": {"batch_size": 1}, "data": {"packing": packing}, "adapter": THROUGH_MLX}
        estimate = estimate_step(CONFIG, Run.from_dict(sections), device="cpu", tokens=tokens, folder=STARTER)
        assert estimate is not None
        return estimate.activations

    assert activations("dpo", 2048) == pytest.approx(
        2 * activations("sft", 1024)
    )  # a text of a pair looks back on itself alone
    assert activations("sft", 1024, packing=False) > 1.1 * activations("sft", 1024)  # MLX's own attention keeps more


def test_a_teacher_that_stays_in_memory_is_counted() -> None:
    run = Run.from_dict({"method": "distill", "options": {"teacher": "starter"}})
    assert find_live_teacher(run) == STARTER
    assert find_live_teacher(Run()) is None
    assert find_live_teacher(run.replace("options.teacher_top_k", 8)) is None  # asked before, and gone
    without_teacher = estimate_step(CONFIG, run, device="cpu", tokens=128, folder=STARTER)
    with_teacher = estimate_step(CONFIG, run, device="cpu", tokens=128, folder=STARTER, teacher=STARTER)
    assert without_teacher is not None and with_teacher is not None
    assert (
        with_teacher.teacher == with_teacher.weights
        and with_teacher.total == without_teacher.total + with_teacher.weights
    )


def test_what_each_kind_of_run_needs_beside() -> None:
    usual = step(adapter=THROUGH_MLX)
    assert step(method="kto").activations < 0.6 * usual.activations  # the mismatched answers get no gradient
    assert step(adapter={"type": "dora"}).activations > 1.2 * usual.activations
    large = CONFIG | {"vocab_size": 1 << 17}
    # Many pieces of logits: the next ones are laid out before the last one is done.
    piece = 4 * MIN_CHUNK_TOKENS * large["vocab_size"]
    assert (
        step(None, large, train={"batch_size": 1}, adapter=THROUGH_MLX).logits == 4 * piece
    )  # two pieces of 64 tokens
    assert step(None, large, train={"batch_size": 1}, method="distill").logits == 7 * 2 * 4 * LOGITS_CHUNK


def test_what_numpy_computes_takes_a_copy_of_the_weights_and_keeps_less(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, through_mlx = step(), step(adapter=THROUGH_MLX)
    assert through_mlx.copy == 0 < usual.copy < usual.weights and usual.activations < through_mlx.activations
    monkeypatch.setattr(process_memory, "COPY_SHARE", 0.0)
    assert step() == through_mlx


def test_in_words() -> None:
    assert Estimate(10 * GB, 0, 0, 5 * GB, 0).words == "12 to 18 GB"
    assert Estimate(5 * GB, 0, 0, 0, 0).words == "4.0 to 6.0 GB"
    assert Estimate(GB // 10, 0, 0, 0, 0).words == "80 to 120 MB"


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({}, "try 4 bit (nf4)"),
        ({"adapter": {"type": "full"}}, "try LoRA"),
        ({"model": {"quantization": "nf4"}}, "try a smaller batch size"),
        ({"model": {"quantization": "nf4"}, "train": {"batch_size": 1}}, "try gradient checkpointing"),
    ],
)
def test_advice_where_it_does_not_fit(sections: dict[str, Any], words: str) -> None:
    estimate = Estimate(14 * GB, 0, 0, 4 * GB, 0)
    assert suggest_savings(estimate, 30 * GB, Run.from_dict(sections)) == ""
    sentence = suggest_savings(estimate, 8 * GB, Run.from_dict(sections))
    assert sentence.startswith("This needs 14 to 22 GB, and 8.0 GB can be used: ") and words in sentence


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"answers_at_once": 64}, "write fewer answers together (answers_at_once)"),
        ({"answers_at_once": 1}, "learn from fewer answers together (micro_batch_size)"),
        ({"answers_at_once": 1, "micro_batch_size": 1}, "try gradient checkpointing"),
    ],
)
def test_advice_where_answers_do_not_fit(options: dict[str, Any], words: str) -> None:
    run = Run.from_dict({"method": "grpo", "options": options, "model": {"quantization": "nf4"}})
    assert words in suggest_savings(Estimate(2 * GB, 0, 0, GB, 0, answers=12 * GB), 8 * GB, run)


def test_a_run_that_writes_answers_tells_its_memory_before_loading(tmp_path: Path) -> None:
    run = {"method": "grpo", "output": str(tmp_path / "run"), "model": {"path": "starter"}, "backend": "cpu"}
    run |= {"data": {"path": "demo"}, "options": {"max_completion_length": 8, "group_size": 2, "eval_questions": 1}}
    run |= {"train": {"steps": 1, "samples": 0, "batch_size": 1}}
    (started,) = only(Started, list(train(Run.from_dict(run))))
    assert started.memory["estimate"]["answers"] > 0 and started.memory["estimate"]["low"] > 0


def test_a_run_measures_its_largest_step_and_stays_the_same(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"train": {"steps": 3}, "adapter": {"dropout": 0.3}}
    list(train(make_run(output="without", **options)))
    monkeypatch.setattr(dry_run, "MIN_STEPS", 1)
    (started,) = only(Started, list(train(make_run(output="with", **options))))
    memory = started.memory
    assert memory["rows"] == 4 and memory["tokens"] <= 128 and memory["measured"] > 0
    assert memory["estimate"]["low"] < memory["estimate"]["high"]
    folder = Path(started.folder)
    assert json.loads((folder / "resolved.json").read_text())["memory"] == memory
    plain, measured_run = (mx.load(str(folder.parent / name / adapters.WEIGHTS)) for name in ("without", "with"))
    assert all(mx.array_equal(plain[name], measured_run[name]) for name in plain)


def test_too_little_memory_is_told_before_loading(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "suggest_savings", lambda *_: "This needs more: try 4 bit (nf4).")
    events = list(train(make_run(train={"steps": 1})))
    assert [e.message for e in only(Warned, events) if e.code == "memory"] == ["This needs more: try 4 bit (nf4)."]


def test_an_adapter_to_go_on_from_counts_as_it_is(tmp_path: Path) -> None:
    reference = Path(__file__).parents[2] / "reference"
    start, folder = reference / "saved_modules" / "both", reference / "models" / "llama-tiny"
    config = json.loads((folder / "config.json").read_text())
    numbers = sum(value.size for value in mx.load(str(start / adapters.PEFT_WEIGHTS)).values())
    assert numbers > 2 * 384 * 64  # embeddings and output layer are held whole
    assert step(folder, config, adapter={"init": str(start)}).adapter == 4 * numbers
    without = step(folder, config).adapter
    assert step(folder, config, adapter={"init": str(tmp_path)}).adapter == without != 4 * numbers
