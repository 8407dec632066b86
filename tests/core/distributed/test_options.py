"""Options by which a step is computed in another way: two ranks learn what one learns with each of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.run import Run
from core.training.rank_facts import DROPOUT
from tests.core.conftest import write_model
from tests.core.distributed.run_jobs import do, on_ranks
from tests.core.distributed.test_training import MARKED, PAIRS, QUESTIONS, WRITING, compare, job, write

pytestmark = pytest.mark.slow

MakeRun = Callable[..., Run]
Cases = dict[str, dict[str, Any]]
SHORT = {"steps": 4, "eval_every": 2, "batch_size": 5, "learning_rate": 0.003, "forgetting": "off"}


def test_distillation(make_run: MakeRun, tmp_path: Path) -> None:
    teacher = str(write_model(tmp_path / "teacher", hidden_size=48))
    own = {"lmbda": 0.6, "max_new_tokens": 6}
    cases: Cases = {
        "live": {"options": {"teacher": teacher}, "train": SHORT},
        "kept": {"options": {"teacher": teacher, "teacher_top_k": 5, "divergence": "reverse"}, "train": SHORT},
        "hard": {
            "options": {"teacher": teacher, "hard_weight": 0.3, "divergence": "jsd", "temperature": 2.0},
            "train": SHORT | {"batch_size": 3, "gradient_accumulation_steps": 3},
        },
        "own": {"options": {"teacher": teacher, **own}, "train": SHORT | {"steps": 6}},
    }
    for options in cases.values():
        options["method"] = "distill"
    compare(make_run, tmp_path, [2], cases)


def test_what_is_trained(make_run: MakeRun, tmp_path: Path) -> None:
    earlier = make_run("earlier", train=SHORT)
    do(job(earlier))
    cases: Cases = {
        "dora": {"adapter": {"type": "dora", "rank": 4}, "train": SHORT},
        "full": {"adapter": {"type": "full"}, "train": SHORT | {"learning_rate": 0.001}},
        "nf4": {"model": {"quantization": "nf4", "double_quantization": True}, "train": SHORT},
        "init": {"adapter": {"init": str(earlier.output)}, "train": SHORT},
        "plus": {"adapter": {"rslora": True, "plus": 8.0, "layers": 1}, "train": SHORT},
        "lion": {"train": SHORT | {"optimizer": "lion", "learning_rate": 0.0003, "max_grad_norm": 0.0}},
        "sgd": {"train": SHORT | {"optimizer": "sgd", "weight_decay": 0.0, "gradient_checkpointing": "on"}},
    }
    compare(make_run, tmp_path, [2], cases)


def test_when_it_ends_and_what_is_kept(make_run: MakeRun, tmp_path: Path) -> None:
    rising = {"steps": 12, "eval_every": 1, "batch_size": 5, "learning_rate": 0.05, "lr_schedule": "constant"}
    cases: Cases = {
        "early": {"train": rising | {"early_stop": 2, "forgetting": "off"}},
        "last": {"train": SHORT | {"keep_best": False, "steps": 3}},
        "order": {"data": {"shuffle": False, "packing": False}, "train": SHORT},
        "epochs": {"train": SHORT | {"steps": None, "epochs": 1.5, "batch_size": 4, "lr_schedule": "cosine"}},
        "none": {"data": {"eval_split": 0.0}, "train": SHORT},
        "samples": {"train": SHORT | {"samples": 2, "sample_every": 2, "sample_tokens": 4, "forgetting": "on"}},
    }
    compare(make_run, tmp_path, [2], cases)


def test_preferences(make_run: MakeRun, tmp_path: Path) -> None:
    pairs, marked = write(tmp_path / "pairs.jsonl", PAIRS), write(tmp_path / "marked.jsonl", MARKED)
    other = str(write_model(tmp_path / "other", hidden_size=48))
    small = SHORT | {"batch_size": 3, "gradient_accumulation_steps": 3, "steps": 3}
    cases: Cases = {
        "other": {"method": "dpo", "options": {"reference": other}, "train": SHORT},
        "ipo": {"method": "dpo", "options": {"loss_type": "ipo", "sft_weight": 0.5}, "train": small},
        "nll": {"method": "simpo", "options": {"nll_weight": 0.5}, "train": SHORT},
        "kto": {"method": "kto", "options": {"undesirable_weight": 2.0}, "train": small},
        "single": {"method": "kto", "train": SHORT | {"batch_size": 2, "gradient_accumulation_steps": 3}},
        "packed": {"method": "orpo", "data": {"packing": False}, "train": small},
    }
    for options in cases.values():
        path = marked if options["method"] == "kto" else pairs
        options["data"] = {"path": path, **options.get("data", {})}
    compare(make_run, tmp_path, [2], cases)


def test_rewards(make_run: MakeRun, tmp_path: Path) -> None:
    train = {"steps": 2, "eval_every": 2, "batch_size": 3, "learning_rate": 0.002, "forgetting": "off"}
    scaled = {"scale_rewards": "batch", "loss_type": "dr_grpo", "top_p": 0.9, "micro_batch_size": 3}
    filtered = {"overlong_filter": True, "beta": 0.05, "epsilon_high": 0.3, "num_iterations": 2, "answers_at_once": 3}
    cases: Cases = {
        "scaled": {"method": "grpo", "options": WRITING | scaled, "train": train},
        "filtered": {"method": "grpo", "options": WRITING | filtered, "train": train | {"steps": 4}},
        "initial": {"method": "grpo", "options": WRITING | {"beta": 0.2, "reference": "initial"}, "train": train},
    }
    for options in cases.values():
        options["data"] = {"path": write(tmp_path / "q.jsonl", QUESTIONS)}
    compare(make_run, tmp_path, [2], cases)


def test_dropout_is_told_to_differ(make_run: MakeRun, tmp_path: Path) -> None:
    """Each rank draws its own masks, by the seed: the same run twice is the same, and no run of one rank is."""
    options: dict[str, Any] = {"adapter": {"dropout": 0.3}, "train": SHORT}
    alone, once, again = (make_run(name, **options) for name in ("alone", "once", "again"))
    expected = do(job(alone))["steps"]
    told = on_ranks(2, tmp_path, [job(once), job(again)])[0]
    assert DROPOUT in told[0]["warned"]
    first, second = (run["steps"] for run in told)
    assert [step[1] for step in first] == pytest.approx([step[1] for step in second], abs=1e-6)
    assert abs(first[-1][1] - expected[-1][1]) > 1e-4
    ranks = json.loads((Path(str(once.output)) / "resolved.json").read_text())["ranks"]
    assert ranks["differs"] == DROPOUT
    assert f"| Dropout | {DROPOUT} |" in (Path(str(once.output)) / "report.md").read_text()
    assert "ranks" not in json.loads((Path(str(alone.output)) / "resolved.json").read_text())
