"""Values that no option can have: one sentence from run.toml, the command line and Python alike."""

import os
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from core.easy import finetune, start
from core.errors import BadOption
from core.run import Run
from core.text.sentence import MAX_SENTENCE

HUGE = "9" * 5000

FILES = {  # run.toml: what its sentence says
    f"[train]\nlearning_rate = {HUGE[:400]}": "learning_rate is 9999",
    f"[train]\nsteps = {HUGE}": "is not valid TOML: it holds a number that is too long",
    f"[train]\nsteps = {HUGE[:4000]}": "steps is 9999",
    f"[train]\nseed = -{HUGE[:19]}9": "seed is -99999999999999999999, but must be ",
    "[train]\nlearning_rate = nan": "learning_rate is nan, but must be an ordinary number",
    "[train]\nlearning_rate = inf": "learning_rate is inf, but must be an ordinary number",
    "[train]\nsteps = true": "steps is True, but must be a whole number",
    "[train]\nsteps = [1]": r"steps is \[1\], but must be a whole number",
    "[train]\nsteps = 2026-01-01": "but must be a whole number",
    "train = 1": "expected a table of options, found 1",
    "[[train]]\nsteps = 1": "expected a table of options, found",
    "options = 3": "expected a table of options, found 3",
    "method = 1": "method is 1, but must be text",
    "a = " + "[" * 3000 + "]" * 3000: "nested too deeply",
    "a" * 5000 + " = 1": "there is no option 'aaaa",
    '[data]\npath = "a\\u0000b"': r"path holds the character '\\x00', which no text can",
    f'[model]\npath = "{HUGE}"': "model.path is too long to be a path",
    '[data]\npath = "~nobody-of-that-name/x"': "data.path begins with '~nobody-of-that-name', which is no home folder",
    f'output = "{HUGE}"': "output is too long to be a path",
    "[train]\nsteps = 1\nsteps = 2": "a key or a table is there twice",
    "\x00": "is not valid TOML: line 1, column 1: expecting a key",
    f"[train]\nlr_schedule = '{HUGE}'": "which is not one of constant, linear, cosine",
    "#" * (1 << 20) + "\n\n": "larger than a megabyte",
}


@pytest.mark.parametrize("text", FILES, ids=list(map(str, range(len(FILES)))))
def test_a_bad_run_toml_is_one_sentence(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(BadOption, match=FILES[text]) as error:
        Run.read(path)
    assert str(error.value).startswith(str(path))
    assert len(str(error.value)) <= MAX_SENTENCE
    assert main(["train", "--config", str(path)]) == 2
    printed = capsys.readouterr().err
    assert printed == f"hone: {error.value}\n"


def test_a_pipe_or_a_device_is_no_run_toml(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.toml")
    for path in (tmp_path / "run.toml", Path("/dev/zero")):
        with pytest.raises(BadOption, match=r"is no run\.toml"):
            Run.read(path)


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--steps", HUGE],
        ["train", "--steps", HUGE[:1000]],
        ["train", "--learning-rate", "nan"],
        ["train", "--learning-rate", "1e999"],
        ["train", "--optimizer", HUGE],
        ["train", f"--{HUGE}"],
        [HUGE],
        ["train", "--dataset", HUGE],
        ["train", "--dataset", "a\0b"],
        ["train", "--output", "~nobody-of-that-name"],
        ["train", "--config", HUGE],
        ["train", "--resume", HUGE],
        ["eval", "--model", HUGE],
        ["eval", "--dataset", HUGE],
        ["chat", "--adapter-path", "x/" * 3000],
        ["data", "inspect", HUGE],
    ],
    ids=lambda words: " ".join(words)[:30],
)
def test_the_command_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert len(line) <= MAX_SENTENCE + len("hone: ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train.steps", 10**5000),
        ("train.learning_rate", 10**400),
        ("train.learning_rate", float("-inf")),
        ("train.seed", 2**63),
        ("train.steps", "3"),
        ("data.path", "a\0b"),
        ("data.path", "\ud800"),
        ("data.columns", ["question=\0"]),
        ("model.path", HUGE),
        ("output", HUGE),
        ("method", ["sft"]),
        ("train." + HUGE, 1),
    ],
    ids=list(map(str, range(12))),
)
def test_python(key: str, value: Any) -> None:
    with pytest.raises(BadOption) as error:
        finetune("starter", "demo").set(key, value)
    assert len(str(error.value)) <= MAX_SENTENCE


def test_python_values_of_other_shapes() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    for values in ({"train": {"steps": deep}}, {1: 2}, {"train": {3: 4}}, [1], {"options": 5}):
        with pytest.raises(BadOption):
            Run.from_dict(values)  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="There is no method"):
        start({}, "starter", "demo")  # type: ignore[arg-type]
