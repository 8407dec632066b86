"""The Homebrew cask: its fields for one and two disk images, and that Ruby reads it where there is a Ruby."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import homebrew
import pytest

import core

SCRIPT = Path(__file__).parents[2] / "packaging" / "homebrew.py"


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    files = [tmp_path / "Hone-macos-14.dmg", tmp_path / "Hone-macos-26.dmg"]
    for file in files:
        file.write_bytes(file.name.encode())
    return files


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True)


def read_by_ruby(text: str) -> None:
    ruby = shutil.which("ruby")
    if ruby:
        checked = subprocess.run([ruby, "-c"], input=text, capture_output=True, text=True)
        assert checked.stdout == "Syntax OK\n", checked.stderr


def test_one_image(images: list[Path]) -> None:
    text = run("anna/hone", images[0]).stdout
    read_by_ruby(text)
    fields = re.findall(r'^  (\w+) "(.*)"$', text, re.MULTILINE)
    assert fields == [
        ("version", core.__version__),
        ("sha256", hashlib.sha256(images[0].read_bytes()).hexdigest()),
        ("url", "https://github.com/anna/hone/releases/download/v#{version}/Hone-macos-14.dmg"),
        ("name", "Hone"),
        ("desc", "Teach a language model something, in a window"),
        ("homepage", "https://github.com/anna/hone"),
        ("app", "Hone.app"),
        ("binary", '#{appdir}/Hone.app/Contents/MacOS/hone-command", target: "hone'),
    ]
    assert 'depends_on macos: ">= :sonoma"' in text and "depends_on arch: :arm64" in text


def test_each_system_has_its_own_image(images: list[Path]) -> None:
    text = homebrew.cask("anna/hone", images, "1.2")
    read_by_ruby(text)
    older, newer = text.split("on_tahoe :or_newer do")
    assert "on_sequoia :or_older do" in older and "/Hone-macos-14.dmg" in older and "/Hone-macos-26.dmg" in newer
    assert hashlib.sha256(images[1].read_bytes()).hexdigest() in newer
    assert text.count(" do\n") == len(re.findall(r"^ *end$", text, re.MULTILINE)) == 4


def test_bad_input_is_one_sentence(images: list[Path], tmp_path: Path) -> None:
    for words, sentence in (
        (['anna"; system("x")', images[0]], "is not OWNER/NAME."),
        (["anna/hone", tmp_path / "none.dmg"], "No such file"),
        (["anna/hone", *images, images[0]], "at most two disk images"),
    ):
        done = run(*words)
        assert done.returncode == 2 and sentence in done.stderr.splitlines()[-1]
