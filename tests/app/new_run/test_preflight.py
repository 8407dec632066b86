"""What is looked at before a start, and that each mistake is one sentence with the way to put it right."""

import json
import shutil
import struct
import sys
from pathlib import Path
from threading import Event as Flag

import pytest

from app.new_run.check import BAD, GOOD, LATER, MEASURED, NOTE, TITLES, Check
from app.new_run.measured_check import measure_run
from app.new_run.model_facts import describe_facts
from app.new_run.preflight import run_checks
from app.preview import dataset_reader
from app.threads import core_calls
from app.threads.model_library import format_count, read_model_facts
from core import resources
from core.device import power
from core.device.neural_engine import Host
from core.device.power import Power
from core.run import Run

CPU = {"requested": "auto", "used": "cpu", "device": "A processor", "reason": "no GPU can be used"}


@pytest.fixture(autouse=True)
def on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_calls, "backend_report", lambda requested: {**CPU, "requested": requested})


def answers(run: Run) -> dict[str, Check]:
    checks = list(run_checks(run))
    assert [c.key for c in checks] == [key for key in TITLES if key != MEASURED]
    assert all(c.sentence.endswith((".", ")")) and "Traceback" not in c.sentence for c in checks)
    return {c.key: c for c in checks}


def test_a_run_in_order(dataset: Path) -> None:
    checks = answers(Run().replace("data.path", str(dataset)))
    assert {c.state for c in checks.values()} == {GOOD}
    assert not any(c.fix_words for c in checks.values())
    assert "60 usable rows" in checks["data"].sentence
    assert "60 rows looked at" in checks["learned"].sentence
    assert checks["precision"].sentence == "auto → float32: the fastest precision on a CPU."


def test_data_that_cannot_be_read(tmp_path: Path) -> None:
    checks = answers(Run().replace("data.path", str(tmp_path / "gone.jsonl")))
    assert (checks["data"].state, checks["data"].step) == (BAD, "data")
    assert "gone.jsonl" in checks["data"].sentence
    assert checks["learned"].state == LATER


def test_rows_of_which_none_can_be_used(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text('{"prompt": "a", "completion": ""}\n' * 3)
    checks = answers(Run().replace("data.path", str(empty)))
    assert (checks["data"].state, checks["data"].step) == (BAD, "data")
    learned = checks["learned"]
    assert (learned.state, learned.sentence, learned.step) == (BAD, "No row can be used.", "data")


def test_few_rows_and_less_than_a_batch(tmp_path: Path) -> None:
    small = tmp_path / "small.jsonl"
    small.write_text('{"prompt": "a", "completion": "b"}\n' * 2)
    assert (
        "enough to try"
        in answers(Run().replace("data.path", str(small)).replace("train.batch_size", 2))["data"].sentence
    )
    assert (
        "fewer than one batch of 8"
        in answers(Run().replace("data.path", str(small)).replace("train.batch_size", 8))["data"].sentence
    )


def test_nothing_to_learn_within_the_length(dataset: Path) -> None:
    checks = answers(Run().replace("data.path", str(dataset)).replace("data.max_seq_len", 8))
    assert checks["learned"].state == BAD
    assert checks["learned"].sentence == "No row has anything to learn within 8 tokens."


def test_cut_rows_are_counted(dataset: Path) -> None:
    checks = answers(Run().replace("data.path", str(dataset)).replace("data.max_seq_len", 16))
    assert checks["learned"].state == NOTE
    assert "are cut at 16 tokens" in checks["learned"].sentence


def test_a_model_without_a_chat_template_is_told_before_the_start(tmp_path: Path) -> None:
    model = tmp_path / "bare"
    shutil.copytree(resources.STARTER, model, copy_function=shutil.copyfile)
    (model / "chat_template.jinja").unlink(missing_ok=True)
    tokenizer = json.loads((model / "tokenizer_config.json").read_text())
    tokenizer.pop("chat_template", None)
    (model / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    check = answers(Run().replace("model.path", str(model)))["learned"]
    assert (check.state, check.step) == (NOTE, "data")
    assert check.sentence.startswith("100 of 100 rows looked at: The model has no chat template")
    with_template = Run().replace("model.path", str(model)).replace("data.chat_template", "chatml")
    assert answers(with_template)["learned"].state == GOOD


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [("train.learning_rate", 0.5, "is high"), ("train.learning_rate", 1e-7, "barely change")],
)
def test_a_strange_learning_rate(dataset: Path, key: str, value: float, words: str) -> None:
    checks = answers(Run().replace("data.path", str(dataset)).replace(key, value))
    assert checks["settings"].state == NOTE
    assert words in checks["settings"].sentence


def test_a_model_that_is_its_own_teacher_is_told(dataset: Path) -> None:
    run = Run(method="distill").replace("data.path", str(dataset)).replace("options.teacher", "starter")
    check = answers(run)["settings"]
    assert (check.state, check.step) == (NOTE, "model") and "nothing to learn from" in check.sentence
    assert "teacher" not in answers(run.replace("options.teacher", "other/teacher"))["settings"].sentence


def test_a_setting_that_nothing_reads_is_told_unless_its_field_says_so(dataset: Path) -> None:
    run = Run().replace("data.path", str(dataset)).replace("train.samples", 0).replace("train.sample_every", 5)
    assert answers(run)["settings"] == Check(
        "settings", NOTE, "“Sample every” does nothing without sample prompts.", "settings"
    )
    run = Run().replace("data.path", str(dataset)).replace("adapter.type", "full").replace("adapter.rank", 8)
    assert answers(run)["settings"].state == GOOD  # the rank is disabled there, with the reason


def test_an_incomplete_model(dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(resources.STARTER, folder)
    (folder / "model.safetensors").unlink()
    checks = answers(Run().replace("data.path", str(dataset)).replace("model.path", str(folder)))
    assert checks["model"].state == BAD
    assert "model.safetensors is missing" in checks["model"].sentence


def test_a_head_that_is_not_used_is_a_note(dataset: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(resources.STARTER, tmp_path / "model"))
    run = Run().replace("data.path", str(dataset)).replace("model.path", str(folder))
    state = answers(run)["model"].state
    name = "model.embed_tokens.weight"
    (weights,) = folder.glob("*.safetensors")
    size = struct.unpack("<Q", weights.read_bytes()[:8])[0]
    entry = json.loads(weights.read_bytes()[8 : 8 + size])[name]
    length = entry["data_offsets"][1] - entry["data_offsets"][0]
    header = json.dumps({"lm_head.weight": entry | {"data_offsets": [0, length]}}).encode()
    (folder / "model-extra.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(length))
    check = answers(run)["model"]
    assert (state, check.state) == (GOOD, NOTE)  # starter's embeddings are tied
    assert "holds an output layer of its own (lm_head.weight) that differs from its embeddings" in check.sentence


def test_a_model_that_is_not_here_is_a_note(dataset: Path) -> None:
    run = Run().replace("data.path", str(dataset)).replace("model.path", "someone/some-model")
    checks = answers(run)  # the Hub cannot be asked in the tests
    assert checks["model"].state == NOTE
    assert "its download may fail: HF_HUB_OFFLINE forbids" in checks["model"].sentence
    for key in ("memory", "disk", "learned"):
        assert checks[key].state == LATER and "nown after the download" in checks[key].sentence
    assert [c.state for c in measure_run(run, Flag())] == [LATER]


def test_what_the_hub_says_of_a_model_that_is_not_here(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = json.loads((resources.STARTER / "config.json").read_text())
    large = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "vocab_size": 32000}
    monkeypatch.setattr(core_calls, "remote_model", lambda path, revision: (13_500_000_000, config | large))
    usage = shutil.disk_usage("/")
    run = Run().replace("data.path", str(dataset)).replace("model.path", "someone/some-model")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1 << 40))
    checks = answers(run)
    assert "begins by downloading 13 GB." in checks["model"].sentence
    assert "13 GB of it for the download" in checks["disk"].sentence and checks["disk"].state == GOOD
    assert checks["memory"].state in (GOOD, NOTE) and " GB" in checks["memory"].sentence
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=9 << 30))
    disk = answers(run)["disk"]
    assert (disk.state, disk.fix_words) == (BAD, "Choose a folder…")


def test_placeholders_and_rows_that_are_left_out(tmp_path: Path) -> None:
    rows = [json.dumps({"prompt": f"Who are you, number {n}?", "completion": "I am {{name}}."}) for n in range(60)]
    (tmp_path / "names.jsonl").write_text("\n".join(rows))
    checks = answers(Run().replace("data.path", str(tmp_path / "names.jsonl")))
    found = checks["placeholders"]
    assert found.sentence == "{{name}} stands in 60 of 60 rows: the model would learn to write it."
    assert (found.state, found.step, found.fix_words) == (NOTE, "problems", "Fill in…")
    filled = Run().replace("data.path", str(tmp_path / "names.jsonl")).replace("data.fill_in", ("name=Hone",))
    assert answers(filled)["placeholders"].state == GOOD
    rows[::2] = ["{"] * 30
    (tmp_path / "half.jsonl").write_text("\n".join(rows))
    data = answers(Run().replace("data.path", str(tmp_path / "half.jsonl")))["data"]
    assert data.sentence.endswith("half.jsonl: 30 of 60 rows are left out; 30 can be used.")
    assert (data.state, data.step, data.fix_words) == (NOTE, "problems", "See the problems…")


def test_steps_are_measured(dataset: Path) -> None:
    *phases, measured = measure_run(Run().replace("data.path", str(dataset)), Flag())
    assert phases[-1].name == "Measuring a step"
    assert (measured.key, measured.state) == (MEASURED, GOOD)
    assert measured.sentence.startswith("A step took ") and "if started now." in measured.sentence
    gone = Run().replace("data.path", str(dataset.with_name("gone.jsonl")))
    assert [(c.state, "gone.jsonl" in c.sentence) for c in measure_run(gone, Flag()) if isinstance(c, Check)] == [
        (BAD, True)
    ]


def test_a_model_that_cannot_be_loaded_forbids_the_start_and_code_that_is_asked_about_does_not(
    dataset: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(resources.STARTER, model)
    run = Run().replace("data.path", str(dataset)).replace("model.path", str(model))
    config = json.loads((model / "config.json").read_text())
    for change, state, words in (
        ({"hidden_size": 96}, BAD, "cannot be loaded"),
        ({"model_file": "own.py"}, NOTE, "wants to run its own Python code"),
    ):
        (model / "own.py").write_text("")
        (model / "config.json").write_text(json.dumps({**config, **change}))
        (found,) = (check for check in measure_run(run, Flag()) if isinstance(check, Check))
        assert (found.state, words in found.sentence) == (state, True), found
        assert state == NOTE or found.step == "model"


def test_a_device_that_is_not_used_as_asked(dataset: Path) -> None:
    checks = answers(Run().replace("data.path", str(dataset)).replace("backend", "gpu"))
    assert checks["backend"].state == NOTE
    assert checks["backend"].sentence.startswith("gpu → CPU")


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        (Power(True, 78, True), NOTE, "battery (78%)"),
        (Power(False, 83, False), GOOD, "plugged in"),
        (Power(), GOOD, "does not tell"),
    ],
)
def test_what_the_computer_runs_on(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, state: Power, kind: str, words: str
) -> None:
    monkeypatch.setattr(power, "read_power", lambda: state)
    check = answers(Run().replace("data.path", str(dataset)))["power"]
    assert check.state == kind and words in check.sentence
    assert ("Low Power Mode is on" in check.sentence) is bool(state.saves_power)


def test_the_neural_engine_asked_for_where_there_is_none(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Run().replace("data.path", str(dataset)).replace("backend", "ane")
    monkeypatch.setattr(sys, "platform", "linux")
    assert answers(asked)["neural_engine"] == Check("neural_engine", NOTE, "Not used. Only a Mac has one.", "settings")
    assert answers(asked.replace("backend", "auto"))["neural_engine"].state == GOOD
    monkeypatch.setattr(Host, "this_one", lambda: Host("darwin", "arm64", "26.1", True))
    dora = answers(asked.replace("adapter.type", "dora"))["neural_engine"]
    assert (dora.state, dora.sentence) == (NOTE, "Not used. DoRA is not supported there; LoRA is.")
    check = answers(asked)["neural_engine"]
    assert check.state == GOOD and "tried there before the first step" in check.sentence
    assert check.sentence.endswith("It is experimental, not yet verified on hardware.")
    words = answers(asked.replace("backend", "cpu"))["neural_engine"].sentence
    assert words == "Not used: the CPU was asked for."


def test_a_full_disk(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1 << 20))
    assert answers(Run().replace("data.path", str(dataset)))["disk"].state == BAD


def test_what_the_files_of_a_model_say(tmp_path: Path) -> None:
    starter = read_model_facts(resources.STARTER)
    assert starter.architecture == "qwen3"
    assert starter.chat_template
    assert starter.parameters is not None and 1_000_000 < starter.parameters < 4_000_000
    assert "parameters" in describe_facts(starter)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", "quantization": {"bits": 4}}))
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 4)
    broken_model = read_model_facts(tmp_path)
    assert (broken_model.parameters, broken_model.quantized, broken_model.chat_template) == (
        None,
        "4 bit affine",
        False,
    )
    assert [format_count(n) for n in (512, 1_700_000, 600_000_000)] == ["512", "1.7 M", "0.6 B"]


def test_rows_that_were_read_before_are_not_read_again(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run().replace("data.path", str(dataset))
    list(dataset_reader.read_data(run))
    monkeypatch.setattr("core.data.preview.scan.scan_files", lambda *_, **__: pytest.fail("read again"))
    assert "60 usable rows" in answers(run)["data"].sentence
    dataset.write_text(dataset.read_text() + '{"prompt": "a", "completion": "b"}\n')
    monkeypatch.undo()
    monkeypatch.setattr(core_calls, "backend_report", lambda requested: {**CPU, "requested": requested})
    assert "61 usable rows" in answers(run)["data"].sentence


def test_a_large_file_is_not_read_for_the_checks_alone(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.new_run.data_checks._SCAN_LIMIT", 100)
    checks = answers(Run().replace("data.path", str(dataset)).replace("data.exclude", ("duplicate",)))["data"]
    assert checks.state == GOOD
    assert "the first rows are in order; not all of its 4 KB have been looked at." in checks.sentence
    monkeypatch.setattr("app.new_run.data_checks._LARGE", 100)
    checks = answers(Run().replace("data.path", str(dataset)).replace("data.exclude", ("duplicate",)))["data"]
    assert checks.state == NOTE
    assert checks.sentence.endswith("A run keeps all rows in memory: about 11 KB.")


@pytest.mark.parametrize(
    ("method", "row", "words"),
    [
        ("grpo", {"question": "Hi", "answer": "7"}, "the longest question has"),
        ("dpo", {"prompt": "Hi", "chosen": "yes", "rejected": "no"}, "of the tokens are learned"),
    ],
)
def test_what_is_learned_of_other_kinds_of_data(tmp_path: Path, method: str, row: dict[str, str], words: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({**row, "n": n}) + "\n" for n in range(60)))
    checks = answers(Run(method=method).replace("data.path", str(path)))["learned"]
    assert checks.state == GOOD
    assert words in checks.sentence
