"""The loop through its real entry point: what it does, in what order, and that resumed equals unbroken."""

import dataclasses
import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from core.adapters import WEIGHTS
from core.errors import BadData, BadModel, BadOption, Unavailable
from core.evaluation.evaluate import evaluate
from core.events import Evaluated, Finished, Phase, Sample, Saved, Started, Step, Warned
from core.run import Run, list_options
from core.run.folder import RunFolder
from core.train import resume, train
from tests.core.conftest import only, write_model, write_rows

MakeRun = Callable[..., Run]


def losses(events: list[Any]) -> list[tuple[int, float, float]]:
    return [(e.step, e.loss, e.grad_norm) for e in only(Step, events)]


def adapter(folder: str | Path) -> dict[str, Any]:
    return {k: np.array(v) for k, v in mx.load(str(Path(folder) / WEIGHTS)).items()}


def same_tensors(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(is_equal(a[k], b[k]) for k in a)


def is_equal(a: Any, b: Any) -> bool:
    """To the last bit; on a GPU, which adds the gradients of a token's many places in any order, nearly."""
    close = {"rtol": 1e-4, "atol": 1e-5} if mx.default_device() == mx.gpu else {"rtol": 0, "atol": 0}
    return bool(np.shape(a) == np.shape(b) and np.allclose(a, b, **close))


def test_events_come_in_order_and_are_the_log(make_run: MakeRun) -> None:
    run = make_run(train={"samples": 1, "sample_tokens": 4})
    events = list(train(run))
    kinds = [type(e).__name__ for e in events]
    assert kinds.index("Started") < kinds.index("Evaluated") < kinds.index("Step") < kinds.index("Finished")
    assert kinds[-1] == "Finished" and kinds.count("Step") == 6
    assert [e.step for e in only(Evaluated, events)] == [0, 3, 6]
    assert [e.stage for e in only(Sample, events)] == ["before", "after"]
    assert list(RunFolder(Path(str(run.output))).events()) == events


def test_it_learns(make_run: MakeRun) -> None:
    finished = list(train(make_run(train={"steps": 30})))[-1]
    assert isinstance(finished, Finished)
    assert finished.loss_before is not None and finished.loss_after is not None
    assert finished.loss_after < finished.loss_before - 0.5
    assert finished.message.startswith("Better on unseen examples")


def test_the_gradient_reaches_every_adapter_tensor(make_run: MakeRun) -> None:
    # After one step B has moved (A's gradient is zero while B is); after two, A as well.
    one_step = make_run(
        output="one", train={"steps": 1, "lr_schedule": "constant", "eval_every": 1}, data={"eval_split": 0.0}
    )
    two_steps = make_run(
        output="two", train={"steps": 2, "lr_schedule": "constant", "eval_every": 1}, data={"eval_split": 0.0}
    )
    list(train(one_step))
    list(train(two_steps))
    first, second = adapter(str(one_step.output)), adapter(str(two_steps.output))
    assert len(first) == 2 * 7 * 2
    for name, value in first.items():
        if name.endswith("lora_b"):
            assert np.abs(value).max() > 0, name
        else:
            assert np.abs(second[name] - value).max() > 0, name


def test_the_same_seed_gives_the_same_run_and_another_does_not(make_run: MakeRun) -> None:
    runs = [make_run(output=name, train={"seed": seed}) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    a, b, c = (list(train(r)) for r in runs)
    assert losses(a) == losses(b) != losses(c)
    assert same_tensors(adapter(str(runs[0].output)), adapter(str(runs[1].output)))


CHANGES: dict[str, dict[str, Any]] = {
    "dropout": {"adapter": {"dropout": 0.3}},
    "lion": {"train": {"optimizer": "lion", "weight_decay": 0.1}},
    "full": {"train": {"gradient_accumulation_steps": 2, "weight_decay": 0.1}, "adapter": {"type": "full"}},
}


@pytest.fixture(scope="module")
def unbroken_runs() -> dict[str, tuple[list[Any], dict[str, Any]]]:
    """(events, adapter) of each unbroken run, which all the places to stop at are compared with."""
    return {}


@pytest.mark.parametrize("stop_at", [2, 3, 5])
@pytest.mark.parametrize("kind", CHANGES)
def test_stopped_and_resumed_equals_unbroken(
    make_run: MakeRun, unbroken_runs: dict[str, tuple[list[Any], dict[str, Any]]], stop_at: int, kind: str
) -> None:
    changes = CHANGES[kind]
    if kind not in unbroken_runs:
        unbroken_run = make_run(output="whole", **changes)
        unbroken_runs[kind] = list(train(unbroken_run)), adapter(str(unbroken_run.output))
    unbroken, unbroken_adapter = unbroken_runs[kind]
    stopped_run = make_run(output="broken", **changes)
    stop, first = threading.Event(), []
    for event in train(stopped_run, stop):
        first.append(event)
        if isinstance(event, Step) and event.step == stop_at:
            stop.set()
    assert first[-1].reason == "stopped" and first[-1].step == stop_at
    second = list(resume(str(stopped_run.output)))
    assert only(Started, second)[0].first_step == stop_at + 1
    assert is_equal(losses(first) + losses(second), losses(unbroken))
    whole = {e.step: e.loss for e in only(Evaluated, unbroken)}
    parts = {e.step: e.loss for e in only(Evaluated, first + second)}
    assert parts.keys() == {*whole, stop_at}  # a stop has a validation of its own
    assert is_equal([parts[step] for step in whole], [*whole.values()])
    assert is_equal(second[-1].loss_after, unbroken[-1].loss_after) and second[-1].best_step == unbroken[-1].best_step
    assert same_tensors(adapter(str(stopped_run.output)), unbroken_adapter)
    logged = list(RunFolder(Path(str(stopped_run.output))).events())
    assert is_equal(losses(logged), losses(unbroken))


def test_a_run_killed_between_checkpoints_goes_on_from_the_last(make_run: MakeRun) -> None:
    unbroken_run = make_run(output="whole")
    unbroken = list(train(unbroken_run))
    killed = make_run(output="killed")
    events = train(killed)
    for event in events:
        if isinstance(event, Step) and event.step == 5:
            break
    events.close()  # type: ignore[attr-defined]
    with (Path(str(killed.output)) / "events.jsonl").open("a") as file:
        file.write('{"event": "Step", "st')  # the line that was being written
    resumed = list(resume(str(killed.output)))
    assert [e.step for e in only(Step, resumed)] == [4, 5, 6]
    assert losses(list(RunFolder(Path(str(killed.output))).events())) == losses(unbroken)
    assert same_tensors(adapter(str(killed.output)), adapter(str(unbroken_run.output)))


def test_a_run_killed_before_its_first_checkpoint_starts_again(make_run: MakeRun) -> None:
    run = make_run()
    events = train(run)
    next(e for e in events if isinstance(e, Step))
    events.close()  # type: ignore[attr-defined]
    resumed = list(resume(str(run.output)))
    assert [e.step for e in only(Step, resumed)] == [1, 2, 3, 4, 5, 6]


def test_a_finished_run_goes_on_only_with_more_steps(make_run: MakeRun) -> None:
    run = make_run()
    list(train(run))
    with pytest.raises(BadOption, match="is finished; give more --steps or --epochs"):
        list(resume(str(run.output)))
    more = list(resume(str(run.output), changes={"train.steps": 8}))
    assert [e.step for e in only(Step, more)] == [7, 8]
    assert Run.read(Path(str(run.output)) / "run.toml").train.steps == 8


def test_the_best_adapter_is_kept(make_run: MakeRun, tmp_path: Path) -> None:
    # Trained on some answers and measured on others to the same questions: the loss on these falls and rises again.
    train_file = write_rows(tmp_path / "train.jsonl", 4)
    held_out_text = (
        train_file.read_text().replace("It is ", "Nobody can say, though some would guess at ").replace(".", "?")
    )
    (tmp_path / "held.jsonl").write_text(held_out_text)
    options = {"steps": 40, "learning_rate": 0.02, "lr_schedule": "constant", "eval_every": 2}
    data = {"path": str(tmp_path / "train.jsonl"), "eval_path": str(tmp_path / "held.jsonl")}
    run = make_run(train=options, data=data, output="best")
    events = list(train(run))
    losses_by_step = {e.step: e.loss for e in only(Evaluated, events) if e.step}
    best = min(losses_by_step, key=lambda s: losses_by_step[s])
    finished = events[-1]
    assert best < 40 and finished.best_step == best and finished.loss_after == losses_by_step[best]
    assert f"Best at step {best}" in finished.message
    last_run = make_run(train=options | {"keep_best": False}, data=data, output="last")
    finished = list(train(last_run))[-1]
    assert finished.best_step == 40 and finished.loss_after == pytest.approx(losses_by_step[40], abs=1e-6)
    assert not same_tensors(adapter(str(run.output)), adapter(str(last_run.output)))
    reloaded = list(evaluate(run.model.path, str(run.output), data["eval_path"], answers=0))[-1]
    assert reloaded.loss == pytest.approx(losses_by_step[best], abs=1e-5)


def test_validation_never_takes_longer_than_the_training(make_run: MakeRun, tmp_path: Path) -> None:
    held_out = str(write_rows(tmp_path / "held.jsonl", 40))
    auto: dict[str, Any] = {"samples": 0, "batch_size": 4}
    small = str(write_model(tmp_path / "small", num_hidden_layers=1))
    for steps, times in ((10, 1), (40, 4), (120, 10)):  # at most ten
        values = {"model": {"path": small}, "train": auto | {"steps": steps}}
        run = Run.from_dict(values | {"data": {"path": make_run().data.path, "eval_path": held_out}})
        run = run.replace("output", str(tmp_path / str(steps)))
        assert len([e for e in only(Evaluated, list(train(run))) if e.step]) == times


def test_early_stopping(make_run: MakeRun) -> None:
    hot = {"steps": 40, "learning_rate": 10.0, "lr_schedule": "constant", "eval_every": 1, "early_stop": 2}
    finished = list(train(make_run(train=hot)))[-1]
    assert finished.reason == "early_stop" and finished.step < 40
    assert finished.step == finished.best_step + 2


def test_checkpoints_on_request_and_their_number(make_run: MakeRun) -> None:
    run = make_run(train={"save_every": 100, "keep_checkpoints": 2})
    now, saved = threading.Event(), []
    for event in train(run, save_now=now):
        if isinstance(event, Step) and event.step in (1, 2, 4):
            now.set()
        if isinstance(event, Saved) and event.what == "checkpoint":
            saved.append(event.step)
    assert saved == [1, 2, 4, 6]
    checkpoints = sorted(p.name for p in (Path(str(run.output)) / "checkpoints").glob("step-*"))
    assert checkpoints == ["step-0000004", "step-0000006"]


def test_accumulation_is_weighted_by_tokens(make_run: MakeRun) -> None:
    plain = {"lr_schedule": "constant", "steps": 3, "eval_every": 3}
    big = make_run(output="big", train=plain | {"batch_size": 8}, data={"shuffle": False, "eval_split": 0.0})
    small = make_run(
        output="small",
        train=plain | {"batch_size": 2, "gradient_accumulation_steps": 4},
        data={"shuffle": False, "eval_split": 0.0},
    )
    for a, b in zip(losses(list(train(big))), losses(list(train(small))), strict=True):
        assert a == pytest.approx(b, rel=1e-4)


def test_what_was_used_is_written_down(make_run: MakeRun) -> None:
    run = make_run()
    started = only(Started, list(train(run)))[0]
    resolved = json.loads((Path(str(run.output)) / "resolved.json").read_text())
    assert set(resolved) >= {"method", "adapter", "precision", "backend", "data", "versions", "model", "train"}
    assert resolved["adapter"]["alpha"] == 32.0
    assert resolved["backend"] == started.backend
    assert set(resolved["backend"]) >= {"requested", "used", "device", "reason"}
    assert resolved["precision"] == started.precision and resolved["precision"]["used"] == "float32"
    assert resolved["data"]["rows"] == started.rows and len(resolved["data"]["sha256"]) == 64
    assert resolved["train"]["warmup_steps"] == 0 and resolved["train"]["steps"] == 6
    assert Run.read(Path(str(run.output)) / "run.toml") == run
    report = (Path(str(run.output)) / "report.md").read_text()
    assert "Held-out loss" in report and "`train.steps = 6`" in report


def test_what_a_run_needs_is_wired(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int | None] = []

    @contextmanager
    def wired(needed: int | None) -> Iterator[int | None]:
        asked.append(needed)
        yield needed

    monkeypatch.setattr("core.training.train.wired", wired)
    run = make_run(train={"steps": 1})
    list(train(run))
    memory = json.loads((Path(str(run.output)) / "resolved.json").read_text())["memory"]
    expected = memory.get("measured") or memory["estimate"]["high"]
    assert asked == [expected] and expected > 0 and memory["wired"] == expected


# Where resolved.json has an option under another name.
RESOLVED_AS = {
    "backend": "backend.used", "neural_engine": "backend.neural_engine", "model.dtype": "precision.compute",
    "model.quantization": "precision.used", "model.double_quantization": "precision.double",
}  # fmt: skip


def test_every_option_has_its_place_in_resolved_json(make_run: MakeRun) -> None:
    run = make_run(train={"steps": 1}, data={"exclude": ["duplicate"]})
    list(train(run))
    resolved = json.loads((Path(str(run.output)) / "resolved.json").read_text())
    for key, _ in list_options(run.method):
        if key not in ("method", "output"):
            section, _, name = RESOLVED_AS.get(key, key).partition(".")
            assert name in resolved[section], key
    assert resolved["data"]["exclude"] == ["duplicate"] and resolved["method"] == "sft"


def test_a_gpu_that_is_not_there_is_told(make_run: MakeRun) -> None:
    if mx.metal.is_available() or mx.cuda.is_available():
        pytest.skip("there is a GPU here")
    events = list(train(make_run(backend="gpu", train={"steps": 1})))
    (warning,) = [e for e in only(Warned, events) if e.code == "backend"]
    assert warning.message.startswith("The GPU was asked for, the CPU is used: no GPU can be used:")
    assert only(Started, events)[0].backend["requested"] == "gpu"


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_what_was_saved(make_run: MakeRun) -> None:
    run = make_run(
        model={"dtype": "float16"},  # overflows soon: every step moves each weight by 10
        train={"learning_rate": 10.0, "lr_schedule": "constant", "max_grad_norm": 0.0, "save_every": 1, "steps": 200},
        data={"eval_split": 0.0},
    )
    with pytest.raises(Unavailable, match=r"no longer a number at step \d+ \(rows from lines"):
        list(train(run))
    log = list(RunFolder(Path(str(run.output))).events())
    assert isinstance(log[-1], Finished) and log[-1].reason == "failed"
    checkpoints = sorted((Path(str(run.output)) / "checkpoints").glob("step-*"))
    weights = mx.load(str(checkpoints[-1] / "trained.safetensors"))
    assert all(math.isfinite(float(mx.abs(w).max())) for w in weights.values())


def test_every_weight_in_16_bit(make_run: MakeRun) -> None:
    half = make_run(output="half", adapter={"type": "full"}, model={"dtype": "float16"})
    with pytest.raises(BadOption, match="Full fine-tuning cannot compute in float16"):
        list(train(half))
    brain = make_run(output="brain", adapter={"type": "full"}, model={"dtype": "bfloat16"}, train={"steps": 2})
    (warning,) = [e for e in only(Warned, list(train(brain))) if e.code == "precision"]
    assert "small corrections are lost" in warning.message
    assert {str(v.dtype) for v in mx.load(str(Path(str(brain.output)) / WEIGHTS)).values()} == {"mlx.core.bfloat16"}


def test_bad_input_gives_one_sentence(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no-such-file"):
        list(train(make_run(output="1", data={"path": str(tmp_path / "no-such-file.jsonl")})))
    with pytest.raises(BadModel, match="There is no folder"):
        list(train(make_run(output="2", model={"path": "./no/such/model"})))
    run = make_run(output="3")
    list(train(run))
    with pytest.raises(BadOption, match="already holds a run"):
        list(train(run))
    with pytest.raises(BadOption, match="holds no run"):
        list(resume(tmp_path / "nothing"))
    with pytest.raises(BadOption, match="either steps or epochs"):
        list(train(dataclasses.replace(run, train=dataclasses.replace(run.train, epochs=1.0))))
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadOption, match="is a file, where a folder is needed"):
        list(train(make_run(output="file/run")))
    with pytest.raises(BadData, match="The answer starts behind the maximum length"):
        list(train(make_run(output="4", data={"max_seq_len": 8})))


def test_small_data_is_trained_and_said(make_run: MakeRun, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "three.jsonl", 3)
    events = list(train(make_run(data={"path": str(rows), "eval_split": 0.0}, train={"batch_size": 16})))
    assert [e.code for e in only(Warned, events)] == ["small-data"]
    assert only(Started, events)[0].rows == 3 and len(losses(events)) == 6
    finished = events[-1]
    assert finished.loss_before is None and "nothing to compare" in finished.message


def test_phases_are_told(make_run: MakeRun) -> None:
    names = [e.name for e in only(Phase, list(train(make_run(train={"steps": 1}))))]
    assert names[:3] == ["Preparing data", "Loading model", "Validating before training"]
    assert {"Training", "Saving"} <= set(names)
