"""Going on with a run: from what is whole, or not at all, and then everything stays as it was."""

import json
import os
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.adapters import WEIGHTS
from core.errors import BadModel, BadOption, ChangedInputs, UserError
from core.events import Evaluated, Event, Sample, Saved, Started, Step, Warned
from core.files.checksums import hash_file
from core.run import Run
from core.run.folder import RunFolder
from core.train import resume, train
from core.training import checkpoint, inputs
from tests.core.conftest import TEMPLATE, only, write_model, write_rows
from tests.core.training.test_trainer import adapter, losses, same_tensors

MakeRun = Callable[..., Run]


@pytest.fixture(autouse=True)
def one_batch_at_a_time() -> None:
    """No: as many as the machine has cores for, as usual."""


def killed_run(make_run: MakeRun, after: int, output: str = "run", **sections: Any) -> Path:
    """A run that was killed right behind what follows step `after`: 8 steps, checkpoints at 2, 4, 6, 8."""
    train_options = {"steps": 8, "save_every": 2, "eval_every": 4} | sections.pop("train", {})
    run = make_run(output=output, train=train_options, **sections)
    events = train(run)
    for event in events:
        if isinstance(event, Step) and event.step > after:
            break
    events.close()  # type: ignore[attr-defined]
    return Path(str(run.output))


PAIR = {"prompt": "What is it?", "chosen": "It is this.", "rejected": "Who knows?"}


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "run.lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def damage(file: Path, how: str) -> None:
    if how == "removed":
        file.unlink()
        return
    data = bytearray(file.read_bytes())
    if how == "flipped":
        data[-3] ^= 4
    file.write_bytes(data[: len(data) // 2] if how == "cut" else data)


@pytest.mark.parametrize("how", ["flipped", "cut", "removed"])
@pytest.mark.parametrize("name", ["trained.safetensors", "optimizer.safetensors", "progress.json", "manifest.json"])
def test_a_checkpoint_that_is_not_whole_is_not_used(tmp_path: Path, name: str, how: str) -> None:
    folder = tmp_path / "step-0000002"
    folder.mkdir()
    for file in (checkpoint.WEIGHTS, checkpoint.OPTIMIZER, checkpoint.PROGRESS):
        (folder / file).write_bytes(b"0123456789" * 20)
    (tmp_path / "best-0000001.safetensors").write_bytes(b"abc")
    hashes = {file.name: hash_file(file) for file in folder.iterdir()}
    checkpoint._write_json(folder / checkpoint.MANIFEST, {"files": hashes})
    assert checkpoint.find_defect(folder) == ""
    damage(folder / name, how)
    assert checkpoint.find_defect(folder).startswith(name)


def test_the_checkpoint_before_a_damaged_one_is_taken(make_run: MakeRun, tmp_path: Path) -> None:
    whole = make_run(output="whole", train={"steps": 8, "save_every": 2, "eval_every": 4})
    unbroken = list(train(whole))
    folder = killed_run(make_run, after=4)
    damage(folder / "checkpoints" / "step-0000004" / "trained.safetensors", "flipped")
    events = list(resume(folder))
    (warning,) = [e for e in only(Warned, events) if e.code == "checkpoint"]
    assert "Going on from step 2" in warning.message and "step-0000004: trained.safetensors" in warning.message
    assert only(Started, events)[0].first_step == 3
    logged = list(RunFolder(folder).events())
    assert losses(logged) == losses(unbroken) and warning in logged
    assert [e.step for e in only(Evaluated, logged)] == [0, 4, 8]
    assert same_tensors(adapter(folder), adapter(str(whole.output)))


def test_the_best_weights_belong_to_the_checkpoint_too(make_run: MakeRun) -> None:
    folder = killed_run(make_run, after=6)
    damage(folder / "checkpoints" / "best-0000004.safetensors", "flipped")
    damage(folder / "checkpoints" / "step-0000004" / "progress.json", "cut")
    before = contents(folder)
    with pytest.raises(BadModel, match=r"No checkpoint in .*checkpoints is whole \(step-0000006: best-0000004\.safet"):
        list(resume(folder))
    assert contents(folder) == before


def test_what_is_kept_is_never_of_steps_that_were_left_behind(make_run: MakeRun) -> None:
    four = killed_run(make_run, after=4, output="four")
    eight = killed_run(make_run, after=7, output="eight", train={"steps": 12, "eval_every": 1, "save_every": 4})
    assert not same_tensors(adapter(eight), adapter(four))  # of step 7, which no checkpoint holds
    events = list(resume(eight, changes={"train.learning_rate": 10.0}))
    assert events[-1].best_step == 4  # type: ignore[attr-defined]
    kept = {k: np.array(v) for k, v in checkpoint.mx.load(str(eight / "checkpoints/best-0000004.safetensors")).items()}
    assert same_tensors(adapter(eight), kept)
    assert [path.name for path in (eight / "checkpoints").glob("best-*")] == ["best-0000004.safetensors"]


def test_before_the_first_checkpoint_nothing_is_kept(make_run: MakeRun) -> None:
    folder = killed_run(make_run, after=1, train={"eval_every": 1})
    assert (folder / WEIGHTS).exists()
    events = resume(folder)
    next(e for e in events if isinstance(e, Started))
    next(events)
    assert not (folder / WEIGHTS).exists()
    events.close()  # type: ignore[attr-defined]


REFUSED: list[tuple[str, Any, str]] = [
    ("adapter.rank", 4, "was made with other adapter options"),
    ("adapter.plus", 3.0, "was made with another optimizer"),
    ("train.optimizer", "sgd", "was made with another optimizer"),
    ("data.path", "no-such-file.jsonl", "no-such-file"),
    ("train.learning_rate", 11.0, "learning_rate"),
]


def test_a_change_that_is_refused_changes_nothing(make_run: MakeRun) -> None:
    folder = killed_run(make_run, after=4)
    before = contents(folder)
    for key, value, sentence in REFUSED:
        with pytest.raises(UserError, match=sentence):
            list(resume(folder, changes={key: value}))
        assert contents(folder) == before, key
    assert [e.step for e in only(Step, list(resume(folder)))] == [5, 6, 7, 8]


def test_a_change_after_the_last_step_is_told_to_teach_nothing(make_run: MakeRun) -> None:
    folder = Path(str(only(Saved, list(train(make_run())))[-1].path))
    told = [e.code for e in only(Warned, list(resume(folder, changes={"train.learning_rate": 0.5})))]
    assert "no-steps-left" in told
    more = list(resume(folder, changes={"train.steps": 8}))
    assert "no-steps-left" not in [e.code for e in only(Warned, more)] and [e.step for e in only(Step, more)] == [7, 8]


def test_a_step_is_written_once(make_run: MakeRun) -> None:
    folder = killed_run(make_run, after=4, train={"keep_checkpoints": 1})
    (path,) = (folder / "checkpoints").glob("step-*")
    inode = path.stat().st_ino
    stop, events = threading.Event(), list[Event]()
    for event in resume(folder, stop):
        events.append(event)
        if isinstance(event, Started):
            stop.set()
    assert events[-1].reason == "stopped" and events[-1].step == 4  # type: ignore[attr-defined]
    assert path.stat().st_ino == inode
    assert [e.step for e in only(Saved, list(RunFolder(folder).events())) if e.what == "checkpoint"] == [2, 4]


def test_a_checkpoint_left_aside_by_a_crash_is_put_back(make_run: MakeRun) -> None:
    folder = killed_run(make_run, after=4, train={"keep_checkpoints": 1})
    (path,) = (folder / "checkpoints").glob("step-*")
    path.rename(path.with_name(f".{path.name}.aside"))
    assert only(Started, list(resume(folder)))[0].first_step == 5


def test_a_run_that_another_process_trains_is_refused(make_run: MakeRun) -> None:
    run = make_run()
    events = train(run)
    next(e for e in events if isinstance(e, Started))
    with pytest.raises(BadOption, match="is being trained in by process"):
        next(resume(str(run.output)))
    events.close()  # type: ignore[attr-defined]
    assert only(Started, list(resume(str(run.output))))


def test_damaged_lines_are_left_out_and_told(make_run: MakeRun) -> None:
    folder = killed_run(make_run, after=4)
    log = folder / "events.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join([lines[0], "x\n", *lines[1:], "y\n"]))
    (folder / "samples.jsonl").write_text("x\n")
    events = list(resume(folder))
    (warning,) = [e for e in only(Warned, events) if e.code == "bad-line"]
    assert warning.message == f"1 line of {log} cannot be read: left out."
    assert "".join(lines[: lines.index(next(li for li in lines if '"step": 4, "path"' in li))]) in log.read_text()


def test_a_copy_of_a_run_goes_on_where_it_lies(make_run: MakeRun, tmp_path: Path) -> None:
    folder = killed_run(make_run, after=4)
    shutil.copytree(folder, tmp_path / "copy")
    before = contents(folder)
    assert [e.step for e in only(Step, list(resume(tmp_path / "copy")))] == [5, 6, 7, 8]
    assert contents(folder) == before


def test_other_data_is_refused_unless_accepted(make_run: MakeRun, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", 20)
    folder = killed_run(make_run, after=4, data={"path": str(rows)}, train={"samples": 1, "sample_tokens": 4})
    rows.write_text(rows.read_text().replace("It is", "Nobody can say, though some would guess at"))
    before = contents(folder)
    with pytest.raises(BadOption, match=r"^The dataset and the held-out rows are not what .* has learned with"):
        list(resume(folder))
    assert contents(folder) == before
    events = list(resume(folder, accept_changes=True))
    (warning,) = [e for e in only(Warned, events) if e.code == "changed-inputs"]
    assert warning.message.endswith("as accepted.")
    first, last = only(Evaluated, events)
    assert (first.step, first.best, last.step) == (4, True, 8)
    assert events[-1].loss_before == first.loss  # type: ignore[attr-defined]
    assert [(e.step, e.stage) for e in only(Sample, events)] == [(4, "before"), (8, "after")]
    assert next(e.step for e in only(Step, events)) == 5


def test_held_out_rows_follow_from_options_too(make_run: MakeRun) -> None:
    folder = killed_run(make_run, after=4)
    with pytest.raises(BadOption, match=r"^The held-out rows are not what"):
        list(resume(folder, changes={"data.eval_split": 0.3}))
    events = resume(folder, changes={"data.eval_split": 0.3}, accept_changes=True)
    assert next(e for e in events if isinstance(e, Evaluated)).step == 4
    events.close()  # type: ignore[attr-defined]
    # Cut short before its next checkpoint: the losses of the rows before are not compared then either.
    assert [e.step for e in only(Evaluated, list(resume(folder)))] == [4, 8]


def test_another_model_template_or_adapter_is_refused(make_run: MakeRun, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    first = killed_run(make_run, after=4, output="first", model={"path": str(model)})
    folder = killed_run(make_run, after=4, model={"path": str(model)}, adapter={"init": str(first)})
    (first / "adapter_config.json").write_text((first / "adapter_config.json").read_text() + " ")
    with pytest.raises(BadOption, match=r"^The adapter it started from is not what"):
        list(resume(folder))
    config = model / "config.json"
    config.write_text(config.read_text().replace("1e-06", "2e-06"))
    with pytest.raises(BadOption, match=r"^The model and the adapter it started from are not what"):
        list(resume(folder))
    template = tmp_path / "template.jinja"
    template.write_text(TEMPLATE + "{# other #}")
    with pytest.raises(BadOption, match=r"^The chat template, the model and the adapter it started from are not"):
        list(resume(folder, changes={"data.chat_template": str(template)}))


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("distill", {"teacher": "OTHER", "lmbda": 0.0}, "teacher"),
        ("distill", {"teacher": "OTHER", "lmbda": 0.0, "teacher_top_k": 4}, "teacher"),
        ("dpo", {"reference": "OTHER"}, "reference model"),
    ],
)
def test_another_teacher_or_reference_is_refused(
    make_run: MakeRun, tmp_path: Path, method: str, options: dict[str, Any], words: str
) -> None:
    other, data = write_model(tmp_path / "other"), tmp_path / "pairs.jsonl"
    pair = {"prompt": "What is it?", "completion": "Yes."} if method == "distill" else PAIR
    data.write_text("".join(json.dumps(pair | {"prompt": f"What is {n}?"}) + "\n" for n in range(12)))
    options = {name: str(other) if value == "OTHER" else value for name, value in options.items()}
    folder = killed_run(make_run, after=4, method=method, data={"path": str(data)}, options=options)
    recorded = RunFolder(folder).read_resolved()["inputs"]
    assert recorded[words.partition(" ")[0]] == inputs.hash_folder(other)
    (other / "generation_config.json").write_text("{}")
    with pytest.raises(ChangedInputs, match=f"^The {words} is not what .* with --accept-changes") as raised:
        list(resume(folder))
    assert raised.value.changes == (f"the {words}",)
    (warning, *_) = [e for e in only(Warned, list(resume(folder, accept_changes=True))) if e.code == "changed-inputs"]
    assert warning.message.startswith(f"The {words} is not what")
    assert RunFolder(folder).read_resolved()["inputs"][words.partition(" ")[0]] == inputs.hash_folder(other)


def test_large_files_are_known_by_pieces_from_first_to_last(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    with file.open("wb") as stream:
        stream.truncate(200 << 20)
    before = inputs.hash_folder(tmp_path)
    hashes = {before}
    for place in (0, (200 << 20) - 1):
        with file.open("r+b") as stream:
            stream.seek(place)
            stream.write(b"x")
        hashes.add(inputs.hash_folder(tmp_path))
    file.rename(tmp_path / "other.safetensors")
    hashes.add(inputs.hash_folder(tmp_path))
    assert len(hashes) == 4


def test_all_of_a_run_is_for_its_owner_alone_and_damaged_log_probabilities_are_computed_again(
    make_run: MakeRun, tmp_path: Path
) -> None:
    pairs = [{"prompt": f"What is {n}?", "chosen": f"It is {n}.", "rejected": "Who knows?"} for n in range(12)]
    data = tmp_path / "pairs.jsonl"
    data.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    before = os.umask(0)
    try:
        folder = killed_run(make_run, after=4, method="dpo", data={"path": str(data)})
    finally:
        os.umask(before)
    paths = [folder, *folder.rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o600}
    (file,) = folder.glob("reference-*.npy")
    whole = file.read_bytes()
    damage(file, "flipped")
    assert file.read_bytes() != whole
    list(resume(folder))
    assert file.read_bytes() == whole
