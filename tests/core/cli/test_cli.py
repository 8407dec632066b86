"""The command line as a person meets it: output, JSON, exit codes, one sentence for what is wrong."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.__main__ import main
from core.cli import other_names, parser
from core.device import heat, memory_pressure, power
from core.events import Finished, from_json
from core.run import Run, list_options, runs_folder


@pytest.fixture
def words(model_folder: Path, data_file: Path, tmp_path: Path) -> list[str]:
    place = ["--model", str(model_folder), "--dataset", str(data_file), "--output", str(tmp_path / "run")]
    return ["train", *place, "--samples", "0", "--batch-size", "4", "--max-seq-len", "128"]


def sentence(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and "Traceback" not in captured.err
    return captured.err.removeprefix("hone: ").rstrip("\n")


def test_train_then_chat_and_eval(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--steps", "4", "--learning-rate", "1e-2"]) == 0
    output = capsys.readouterr().out
    for part in (
        "Backend: auto →",
        "Precision: auto →",
        "step     4  loss",
        "held-out loss",
        "Saved:",
        "unseen examples",
    ):
        assert part in output
    adapter = str(tmp_path / "run")
    assert main(["chat", "--adapter-path", adapter, "--prompt", "What is 3?", "--max-tokens", "3", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"prompt", "answer"}
    assert (
        main(
            ["eval", "--adapter-path", adapter, "--dataset", words[4], "--answers", "2", "--max-tokens", "3", "--json"]
        )
        == 0
    )
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "Evaluated" and set(last["metrics"]) == {"perplexity", "exact_match"}


def test_json_is_the_event_log(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--steps", "2", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [from_json(line) for line in lines] == [
        from_json(line) for line in (tmp_path / "run/events.jsonl").read_text().splitlines()
    ]


def test_a_dry_run_measures_and_keeps_nothing(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--steps", "7", "--dry-run"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("A step took ") and "7 steps take about " in last
    assert main([*words, "--steps", "7", "--dry-run", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out.splitlines()[-1])["measured"]
    assert measured["steps"] == 7 and measured["peak_memory_bytes"] > 0
    assert not (tmp_path / "run").exists()
    assert sentence(capsys, "train", "--resume", "x", "--dry-run").endswith("it does not go with --resume.")


def test_a_link_has_no_model_to_share(capsys: pytest.CaptureFixture[str]) -> None:
    assert sentence(capsys, "link-speed", "--ranks", "2", "--sharding", "none") == "There is no option --sharding."


def test_flags_win_over_a_config_file(words: list[str], tmp_path: Path) -> None:
    Run.from_dict({"train": {"learning_rate": 1e-5, "epochs": 2.0, "seed": 3}}).write(tmp_path / "run.toml")
    assert main([*words, "--config", str(tmp_path / "run.toml"), "--steps", "1", "--lora-r", "2"]) == 0
    run = Run.read(tmp_path / "run" / "run.toml")
    assert (run.train.learning_rate, run.train.seed, run.train.steps, run.train.epochs) == (1e-5, 3, 1, None)
    assert run.adapter.rank == 2


def test_what_an_earlier_run_was_asked_can_be_asked_again(words: list[str], tmp_path: Path) -> None:
    assert main([*words, "--steps", "1", "--lora-r", "2"]) == 0
    assert main(["train", "--config", str(tmp_path / "run" / "run.toml")]) == 0
    (again,) = runs_folder().glob("*/run.toml")
    first, second = Run.read(tmp_path / "run" / "run.toml"), Run.read(again)
    assert second.replace("output", first.output) == first and again.parent != tmp_path / "run"


def test_every_option_is_a_flag_and_reaches_the_run() -> None:
    from core.cli.train import _build_run, _parse_options

    examples = {
        "method": None,
        "model.double_quantization": True,
        "data.train_on": "last",
        "adapter.type": "full",
        "adapter.init": None,
        "train.steps": None,
    }
    command_line = parser()
    for key, o in list_options("sft"):
        if key == "method":
            continue
        if o.type is bool:
            words, expected = [f"--no-{o.flag[2:]}" if o.default else o.flag], not o.default
        elif o.choices:
            choice = next(c for c in o.choices if c != o.default)
            words, expected = [o.flag, choice], choice
        elif o.type is tuple:
            words, expected = [o.flag, "a=b,c=d"], ("a=b", "c=d")
        elif o.type is str:
            words, expected = [o.flag, "q_proj"], "q_proj"
        else:
            number = next(n for n in (3, 64, 0.25) if n != o.default and (o.low or 0) <= n <= (o.high or n))
            expected = o.type(number)
            words = [o.flag, str(expected)]
        args = command_line.parse_args(["train", *words])
        options = _parse_options(args)
        assert options == {key: expected}, key
        if key not in examples and key != "train.weight_decay":
            section, _, name = key.rpartition(".")
            run = _build_run(args, options)
            assert getattr(getattr(run, section) if section else run, name) == expected, key


def test_ctrl_c_saves_and_resume_goes_on(words: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "core", *words, "--steps", "3000", "--json", "--eval-every", "1000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if '"event": "Step"' in line:
            process.send_signal(signal.SIGINT)
            break
    last_lines, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    finished = from_json(last_lines.splitlines()[-1])
    assert isinstance(finished, Finished) and finished.reason == "stopped" and finished.step < 3000
    assert (tmp_path / "run" / "adapters.safetensors").is_file()
    more = str(finished.step + 2)
    assert main(["train", "--resume", str(tmp_path / "run"), "--steps", more]) == 0
    steps = [e for e in (tmp_path / "run/events.jsonl").read_text().splitlines() if '"event": "Step"' in e]
    assert [json.loads(s)["step"] for s in steps] == list(range(1, finished.step + 3))


def test_killed_at_random_moments_the_folder_can_always_be_resumed(words: list[str], tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "core",
        *words,
        "--steps",
        "400",
        "--save-every",
        "1",
        "--eval-every",
        "2",
        "--json",
    ]
    for turn, delay in enumerate((0.13, 0.35)):
        resume_flags = ["--resume"] if turn else []
        process = subprocess.Popen([*command, *resume_flags], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if '"event": "Step"' in line:
                time.sleep(delay)
                os.kill(process.pid, signal.SIGKILL)
                break
        process.communicate()
    checkpoints = sorted((tmp_path / "run" / "checkpoints").glob("step-*"))
    last_step = int(checkpoints[-1].name.removeprefix("step-"))
    assert main([*words, "--resume", "--steps", str(last_step + 1)]) == 0


def test_one_sentence_for_what_is_wrong(
    words: list[str], tmp_path: Path, data_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say = lambda *a: sentence(capsys, *a)  # noqa: E731
    assert say("trian") == "There is no command 'trian' (did you mean train?). See `hone --help`."
    assert say(*words, "--stepz", "3") == "There is no option --stepz (did you mean --steps?)."
    assert say(*words, "--steps", "0") == "--steps is 0, but must be at least 1."
    assert say(*words, "--steps", "many") == "--steps is 'many', but must be a whole number."
    assert say(*words, "--steps") == "Argument --steps: expected one argument. See `hone train --help`."
    assert say(*words, "--lr-schedule", "cosin").startswith(
        "--lr-schedule is 'cosin', which is not one of constant, linear"
    )
    assert say(*words, "--steps", "2", "--epochs", "1") == "Give either steps or epochs, not both."
    assert say(*words, "--optimizer", "sgd", "--weight-decay", "0.1").startswith("weight_decay does nothing with sgd")
    assert say(*words, "--resume") == f"{tmp_path / 'run'} holds no run: there is no run.toml in it."
    assert say("train", "--resume").startswith("--resume needs a folder")
    assert say(*words, "--config", "nowhere.toml") == "nowhere.toml cannot be read: there is no such file or folder."
    (tmp_path / "bad.toml").write_text("[train]\nlr = 1")
    assert say(*words, "--config", str(tmp_path / "bad.toml")).endswith("[train]: there is no option 'lr'.")
    assert say("train", "--model", str(tmp_path)) == f"{tmp_path} is no model folder: it has no config.json."
    (tmp_path / "broken.jsonl").write_text('{"text": "a"}\n{"text": \n')
    (tmp_path / "empty.jsonl").write_text("")
    assert "empty" in say(*words[:3], "--dataset", str(tmp_path / "empty.jsonl"))
    assert say("data", "inspect", str(tmp_path / "none.jsonl")) == f"There is no file {tmp_path / 'none.jsonl'}."
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["chat", "--max-tokens", "0"], "--max-tokens is 0, but must be at least 1."),
        (["chat", "--max-tokens", "1.5"], "--max-tokens is '1.5', but must be a whole number."),
        (["chat", "--temperature", "-1"], "--temperature is -1.0, but must be at least 0."),
        (["eval", "--answers", "-3"], "--answers is -3, but must be at least 0."),
        (["eval", "--batch-size", "0"], "--batch-size is 0, but must be at least 1."),
        (["eval", "--output", "/no/folder/x.md"], "--output /no/folder/x.md: there is no folder /no/folder."),
        (["data", "inspect", "demo", "--rows", "-1"], "--rows is -1, but must be at least 0."),
        (["serve", "starter", "--port", "99999"], "--port is 99999, but must be at most 65535."),
        (
            ["quantize", "--model", "starter", "--output", "q", "--shard-gb", "nan"],
            "--shard-gb is nan, but must be an ordinary number.",
        ),
        (["models", "/no/folder"], "There is no folder /no/folder."),
        (["download", ""], "No model is named."),
        (["train", "--model", ""], "No model is named."),
        (["train", "--dataset", ""], "No file is named to read data from."),
        (["data", "inspect", " "], "No file is named to read data from."),
        (["methods", "extra"], "There is no place for 'extra'. See `hone methods --help`."),
        (["train", "--lr", "1e-4"], "There is no option --lr (did you mean --learning-rate?)."),
        (["train", "--rank=8"], "There is no option --rank (did you mean --lora-r?)."),
        (["dpo", "--load-in-4bit"], "There is no option --load-in-4bit (did you mean --quantization?)."),
        (["grpo", "--num-generations", "4"], "There is no option --num-generations (did you mean --group-size?)."),
        (["train", "dpo"], "Each method is a command of its own: `hone dpo`."),
        (
            ["train", "--method", "dpo"],
            "There is no option --method: each method is a command of its own (hone sft, hone dapo, hone distill, "
            "hone dpo, hone grpo, hone kto, hone orpo, hone simpo).",
        ),
        (["lora"], "There is no command 'lora' (did you mean train?). See `hone --help`."),
    ],
)
def test_what_no_command_takes(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sentence(capsys, *words) == said


def test_other_programs_names_lead_to_flags_that_there_are() -> None:
    flags = {flag for command in parser().commands.values() for flag in command.get_default("flags")}
    assert set(other_names._FLAGS) <= flags and set(other_names._COMMANDS) <= set(parser().commands)
    names = [name for own, others in other_names._FLAGS.items() for name in (*others.split(), own.removeprefix("--"))]
    unsure = {name for name in names if names.count(name) > 1}
    # Of answers in training, of a teacher's and of a chat's; a new adapter's kind or folder, and the one to take.
    assert unsure == {"max-new-tokens", "max-completion-length", "max-response-length", "adapter", "adapter-path"}


def test_an_unknown_architecture_is_told_before_the_data_are_read(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "zorg9"}))
    said = sentence(capsys, "train", "--model", str(folder), "--dataset", "nowhere.jsonl")
    assert said == f"{folder}: the architecture zorg9 is not supported by the installed mlx-lm."
    assert not caplog.records  # transformers has words of its own for it


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for", "The chat template refuses this row: unexpected 'end of template'."),
        ("{{ messages[0].nope.x }}", "The chat template refuses this row: 'dict object' has no attribute 'nope'."),
    ],
)
def test_where_no_row_is_left_the_reason_is_told(
    template: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.jinja").write_text(template)
    said = sentence(capsys, "train", "--dataset", "demo", "--chat-template", str(tmp_path / "own.jinja"))
    assert said == f"demo: no row has anything to learn from. {reason}"


def test_no_permission(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    assert sentence(capsys, *words) == f"There is no permission to write to {tmp_path}."


def test_a_folder_that_must_not_be_looked_into(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system refuses, Path.exists() raises an error in place of saying no."""
    closed = tmp_path / "closed"
    closed.mkdir()
    monkeypatch.chdir(tmp_path)
    stat = os.stat

    def refuse(path: Any, *args: Any, **options: Any) -> os.stat_result:
        if "closed/" in os.fspath(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
        return stat(path, *args, **options)

    monkeypatch.setattr(os, "stat", refuse)
    for words in (["train", "--dataset", "closed/rows"], ["data", "inspect", "closed/rows"], ["models", "closed/rows"]):
        assert "permission" in sentence(capsys, *words)


def test_a_full_disk(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=900_000))
    said = sentence(capsys, *words, "--steps", "2")
    assert re.fullmatch(r"The disk is full: \S+ needs 2 MB and 0 MB are free\.", said)


def test_methods_and_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods"]) == 0
    output = capsys.readouterr().out
    assert "Show the model good answers" in output and "you need" in output and "memory and time" in output
    assert all(len(line) <= 120 for line in output.splitlines())
    assert main(["methods", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sft"]["learning_rate"]["lora"] == 2e-4
    assert main(["doctor"]) == 0
    output = capsys.readouterr().out
    assert "Memory" in output and "OpenBLAS" in output and "Versions" in output
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["backend"]["used"] in ("cpu", "gpu")


def test_doctor_tells_of_power_heat_and_memory(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(power, "read_power", lambda: power.Power(True, 78, True))
    monkeypatch.setattr(heat, "read_heat", lambda: heat.Heat(62))
    state = memory_pressure.MemoryPressure("critical", 3 * 10**9)
    monkeypatch.setattr(memory_pressure, "read_memory_pressure", lambda: state)
    assert main(["doctor"]) == 0
    output = capsys.readouterr().out
    assert "Power          battery, charged to 78%, Low Power Mode" in output and "plug it in" in output
    assert "62% of its speed" in output and "very short of memory (3.0 GB swapped out to the disk)." in output
    assert main(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["power"]["percent"] == 78 and facts["heat"]["speed_percent"] == 62
    assert facts["memory_pressure"] == {"level": "critical", "swap_bytes": 3 * 10**9}


def test_data_inspect(data_file: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "inspect", str(data_file), "--model", str(model_folder), "--rows", "1"]) == 0
    output = capsys.readouterr().out
    assert "20 rows" in output and "⟦It is 0.<|im_end|>\n⟧" in output
    assert main(["data", "inspect", str(data_file), "--model", str(model_folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["seen"][0]["learned"] > 0
    assert (facts["usable"], facts["lengths"]["looked_at"], facts["lengths"]["cut"]) == (20, 20, 0)


def test_data_inspect_reads_as_a_run_would(
    tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, inspect = tmp_path / "pairs.csv", ["data", "inspect", str(tmp_path / "pairs.csv"), "--kind", "pairs"]
    path.write_text("frage,besser,schlechter\nHi {{name}},yes,no\n")
    assert main([*inspect, "--model", str(model_folder)]) == 2
    assert "The columns frage, besser and schlechter are not known" in capsys.readouterr().err
    columns = ["--columns", "prompt=frage,chosen=besser,rejected=schlechter", "--fill-in", "name=Hone"]
    assert main([*inspect, *columns, "--model", str(model_folder)]) == 0
    output = capsys.readouterr().out
    assert "Hi Hone⟦yes" in output and "Hi Hone⟦no" in output
    assert main([*inspect, *columns, "--exclude", "doubles"]) == 2
    assert "rows cannot be left out for 'doubles'" in capsys.readouterr().err


def test_fuse_and_quantize_from_the_command_line(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = words[words.index("--output") + 1]
    assert main([*words, "--dora", "--steps", "1"]) == 0
    capsys.readouterr()
    assert main(["fuse", "--adapter-path", output, "--output", str(tmp_path / "whole"), "--shard-gb", "0.00002"]) == 0
    report = capsys.readouterr().out
    assert "its logits differ from the adapter's by " in report and f"Saved: {tmp_path / 'whole'}" in report
    assert (tmp_path / "whole" / "model.safetensors.index.json").is_file()
    assert main(["fuse", "--adapter-path", output, "--output", str(tmp_path / "peft"), "--peft"]) == 0
    assert (tmp_path / "peft" / "adapter_model.safetensors").is_file()
    assert main(["quantize", "--model", str(tmp_path / "whole"), "--output", str(tmp_path / "small"),
                 "--quantization", "nf4", "--double-quantization", "--json"]) == 0  # fmt: skip
    assert from_json(capsys.readouterr().out.splitlines()[-1]).path == str(tmp_path / "small")


@pytest.mark.parametrize("command", sorted(parser().commands))
def test_every_help_says_its_defaults_in_words(command: str) -> None:
    text = " ".join(parser().commands[command].format_help().split())
    assert not re.search(r"Default: (\(|\.|None|True|False|\[|')", text)


def test_flags_of_rewards_ask_for_the_values_that_they_take() -> None:
    text = parser().commands["eval"].format_help()
    assert "--reward-length N" in text and "--reward-seconds X" in text and "--reward-file TEXT" in text


def test_the_readme_names_every_command() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    listed = parser().format_help()
    for command in parser().commands:
        if f" {command} " in listed or f" {command}\n" in listed:  # one is for Hone itself
            assert re.search(rf"`(hone )?{command}\b", readme), command
