"""An option that nobody reads is a lie: each one changes the run's events, files or numbers.

A new option without a line here fails the first test.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from core import adapters, methods
from core.errors import BadModel
from core.events import Phase
from core.run import Run, list_options
from core.train import train
from tests.core.conftest import write_model, write_rows

# option → a value that must make a difference to BASE; PLACES are filled with a real path.
CHANGES: dict[str, Any] = {
    "output": "PLACE",
    "backend": "gpu",
    "model.path": "PLACE",
    "model.dtype": "bfloat16",
    "model.quantization": "nf4",
    "model.double_quantization": True,
    "data.path": "PLACE",
    "data.eval_path": "PLACE",
    "data.eval_split": 0.3,
    "data.max_seq_len": 48,
    "data.train_on": "all",
    "data.columns": ("prompt=a", "completion=b"),
    "data.exclude": ("duplicate",),
    "data.fill_in": ("name=Hone",),
    "data.chat_template": "plain",
    "data.shuffle": False,
    "adapter.type": "full",
    "adapter.rank": 3,
    "adapter.alpha": 5.0,
    "adapter.rslora": True,
    "adapter.plus": 16.0,
    "adapter.dropout": 0.5,
    "adapter.targets": "attention",
    "adapter.layers": 1,
    "adapter.init": "PLACE",
    "train.epochs": 1.0,
    "train.steps": 5,
    "train.learning_rate": 0.02,
    "train.batch_size": 2,
    "train.gradient_accumulation_steps": 2,
    "train.lr_schedule": "linear",
    "train.warmup_steps": 2,
    "train.optimizer": "lion",
    "train.weight_decay": 0.5,
    "train.max_grad_norm": 0.01,
    "train.eval_every": 1,
    "train.early_stop": 1,
    "train.keep_best": False,
    "train.save_every": 1,
    "train.keep_checkpoints": 1,
    "train.samples": 2,
    "train.sample_every": 1,
    "train.sample_tokens": 2,
    "train.seed": 7,
    "train.forgetting": "on",
}
# What a change needs beside it to show.
PREREQUISITES: dict[str, dict[str, Any]] = {
    "train.steps": {"train": {"epochs": None}},
    "train.epochs": {"train": {"steps": None}},
    "train.early_stop": {"train": {"learning_rate": 2.0, "eval_every": 1, "steps": 6}},
    "train.keep_best": {"train": {"learning_rate": 2.0, "eval_every": 1, "steps": 6}},
    "model.double_quantization": {"model": {"quantization": "nf4"}},
    "data.train_on": {"data": {"path": "MULTI"}},
    "data.columns": {"data": {"path": "TABLE"}},
    "data.exclude": {"data": {"path": "TABLE"}},
    "data.fill_in": {"data": {"path": "TABLE"}},
}
# Tested below, in test_packing and test_recompute (where the numbers must NOT change), by every method, in core/ane.
TESTED_ELSEWHERE = {
    "model.revision", "model.allow_code", "data.packing", "train.gradient_checkpointing", "method", "neural_engine",
}  # fmt: skip


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A second one of everything, and data with two answers a row."""
    folder = tmp_path_factory.mktemp("places")
    multi = folder / "multi.jsonl"
    turns = [{"role": r, "content": f"{r} {n}"} for n in (1, 2) for r in ("user", "assistant")]
    multi.write_text("".join(json.dumps({"messages": turns, "n": n}) + "\n" for n in range(1)) + _more(turns))
    table = folder / "table.jsonl"
    rows = [{"prompt": f"{n} {{{{name}}}}", "completion": f"c{n}", "a": f"a{n}", "b": f"b{n}"} for n in range(12)]
    table.write_text("".join(json.dumps(r) + "\n" for r in [*rows, rows[0]]))
    return {
        "output": str(folder / "elsewhere"),
        "model.path": str(write_model(folder / "other", rope_theta=77.0)),
        "data.path": str(write_rows(folder / "other.jsonl", 16)),
        "data.eval_path": str(write_rows(folder / "held.jsonl", 5)),
        "adapter.init": str(folder / "adapter"),
        "MULTI": str(multi),
        "TABLE": str(table),
    }


def _more(turns: list[dict[str, str]]) -> str:
    rows = [[{**t, "content": f"{t['content']} {n}"} for t in turns] for n in range(12)]
    return "".join(json.dumps({"messages": r}) + "\n" for r in rows)


def fingerprint(run: Run) -> dict[str, Any]:
    """All that a run tells and leaves, but for times, speeds and memory."""
    passing = {
        "time",
        "seconds",
        "tokens_per_second",
        "peak_memory_bytes",
        "process_memory_bytes",
        "folder",
        "name",
        "path",
    }
    events = [
        (type(e).__name__, {k: v for k, v in dataclasses.asdict(e).items() if k not in passing})
        for e in train(run)
        if not isinstance(e, Phase)
    ]
    folder = Path(str(run.output))
    weights = mx.load(str(folder / adapters.WEIGHTS))
    files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))
    return {"events": events, "files": files, "weights": {k: v.tolist() for k, v in weights.items()}}


def start(make_run: Callable[..., Run], places: dict[str, str], output: str, key: str) -> Run:
    prerequisites = PREREQUISITES.get(key, {})
    data = {k: places.get(v, v) if isinstance(v, str) else v for k, v in prerequisites.get("data", {}).items()}
    values = {"steps": 4, "eval_every": 2, "samples": 1, "sample_tokens": 4} | prerequisites.get("train", {})
    options = {k: v for k, v in values.items() if v is not None}
    train = {k: v for k, v in options.items() if k != "steps"}
    run = make_run(output=output, train=train, data=data, model=prerequisites.get("model", {}))
    return run.replace("train.steps", values.get("steps"))


@pytest.fixture(scope="module")
def unchanged() -> dict[str, dict[str, Any]]:
    """What runs without a change tell and leave, by what stands beside it: many options share one such run."""
    return {}


def unchanged_fingerprint(
    make_run: Callable[..., Run], places: dict[str, str], unchanged: dict[str, Any], key: str
) -> dict[str, Any]:
    """The fingerprint of the run that an option's change is compared with."""
    prerequisites = json.dumps(PREREQUISITES.get(key))
    if prerequisites not in unchanged:
        unchanged[prerequisites] = fingerprint(start(make_run, places, "usual", key))
    return unchanged[prerequisites]


def test_every_option_is_here() -> None:
    assert set(CHANGES) | TESTED_ELSEWHERE == {key for key, _ in list_options("sft")}


@pytest.mark.parametrize("key", CHANGES)
def test_it_makes_a_difference(
    make_run: Callable[..., Run], places: dict[str, str], unchanged: dict[str, Any], key: str
) -> None:
    if key == "adapter.init" and not Path(places[key]).exists():
        list(train(make_run(train={"steps": 1}).replace("output", places[key])))
    if key == "backend" and (mx.metal.is_available() or mx.cuda.is_available()):
        pytest.skip("asking for the GPU changes nothing where auto takes it")
    value = places[key] if CHANGES[key] == "PLACE" else CHANGES[key]
    run = start(make_run, places, "changed", key).replace(key, value)
    if key == "output":
        list(train(run))
        assert (Path(value) / "run.toml").is_file()
        return
    assert unchanged_fingerprint(make_run, places, unchanged, key) != fingerprint(run)


@pytest.mark.parametrize("key", ["", "data.columns", "train.keep_best"])
def test_without_a_change_there_is_no_difference(
    make_run: Callable[..., Run], places: dict[str, str], unchanged: dict[str, Any], key: str
) -> None:
    """Nor in another folder and at another time, so that a difference above is the option's."""
    assert unchanged_fingerprint(make_run, places, unchanged, key) == fingerprint(start(make_run, places, "again", key))


def test_the_revision_reaches_the_hub(make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    requests = []

    def snapshot(model: str, **options: Any) -> str:
        requests.append((model, options["revision"]))
        raise huggingface_hub.errors.LocalEntryNotFoundError("not here")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    run = make_run(model={"path": "team/tiny", "revision": "v2"})
    with pytest.raises(Exception, match="team/tiny is not on this machine"):
        list(train(run))
    assert requests == [("team/tiny", "v2")]


def test_code_is_allowed_only_by_its_option(make_run: Callable[..., Run], tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", model_file="own.py")
    (folder / "own.py").write_text("from mlx_lm.models.qwen3 import Model, ModelArgs\n")
    with pytest.raises(BadModel, match="allow it with --allow-model-code"):
        list(train(make_run(output="no", model={"path": str(folder)})))
    list(train(make_run(output="yes", model={"path": str(folder), "allow_code": True}, train={"steps": 1})))


def test_every_method_can_be_shown() -> None:
    for name, spec in methods.load().items():
        assert spec.name == name and spec.title and spec.goal and spec.needs and spec.cost
        assert spec.summary.endswith(".") and spec.paper.startswith("arXiv:")
        assert 0 < spec.learning_rate_full <= spec.learning_rate < 1e-2 and spec.weight in ("tokens", "rows")
