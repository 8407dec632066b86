"""Files that two processes replace at the same time, as two windows do."""

import errno
import os
import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import mlx.core as mx
import pytest

from core.errors import Unavailable
from core.files import atomic_files
from core.files.atomic_files import replacing, save_tensors
from core.files.file_errors import refusal


def test_whoever_comes_second_waits_and_both_are_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    first_has_it, errors, order = threading.Event(), list[BaseException](), list[str]()

    def write(text: str, wait: bool) -> None:
        try:
            with replacing(path) as temporary:
                if wait:
                    first_has_it.set()
                    time.sleep(0.2)
                order.append(text)
                temporary.write_text(text * 1000, encoding="utf-8")
        except BaseException as error:
            errors.append(error)

    first = threading.Thread(target=write, args=("first", True))
    first.start()
    assert first_has_it.wait(10)
    second = threading.Thread(target=write, args=("second", False))
    second.start()
    first.join(10)
    second.join(10)
    assert errors == [] and order == ["first", "second"]
    assert path.read_text(encoding="utf-8") == "second" * 1000
    assert [p.name for p in tmp_path.iterdir()] == ["kept.json"]


def test_many_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path, errors = tmp_path / "kept.json", list[BaseException]()

    def write(number: int) -> None:
        try:
            for _ in range(5):
                with replacing(path) as temporary:
                    temporary.write_text(f"{number}" * 5000, encoding="utf-8")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    text = path.read_text(encoding="utf-8")
    assert len(text) == 5000 and len(set(text)) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["kept.json"]


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(ValueError, match="on the way"), replacing(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise ValueError("on the way")
    assert path.read_text(encoding="utf-8") == "old" and [p.name for p in tmp_path.iterdir()] == ["kept.json"]
    with replacing(path) as temporary:  # what was held is let go
        temporary.write_text("new", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "new"


def test_a_process_that_never_ends_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic_files, "_PAUSE_SECONDS", 0.0)
    path = tmp_path / "kept.json"
    with replacing(path) as temporary:
        temporary.write_text("mine", encoding="utf-8")
        with pytest.raises(BlockingIOError, match="another process is writing it"), replacing(path):
            pass
    assert path.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(("free", "words"), [(100, "The disk is full"), (1 << 30, "could not be written: broken.")])
def test_a_disk_that_fills_while_tensors_are_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, words: str
) -> None:
    usage = iter([SimpleNamespace(free=1 << 30), SimpleNamespace(free=free)])  # before and after
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: next(usage))

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken.")

    monkeypatch.setattr(mx, "save_safetensors", fail)
    with pytest.raises(Unavailable, match=words):
        save_tensors(tmp_path / "a.safetensors", {"a": mx.zeros(400)})
    assert not list(tmp_path.iterdir())


FULL = "could not be written. What was saved before is kept."


@pytest.mark.parametrize(
    ("number", "name", "said"),
    [
        (errno.EROFS, "table.md", "There is no permission to write to {folder}/table.md."),
        (errno.EACCES, ".table.partial.md", "There is no permission to write to {folder}."),
        (errno.EACCES, ".hone-export-x1", "There is no permission to write to {folder}."),
        (errno.ENOSPC, "table.md", f"The disk is full; {{folder}}/table.md {FULL}"),
        (errno.ENOENT, "table.md", None),
        (errno.EACCES, None, None),
    ],
)  # fmt: skip
def test_what_the_system_refuses(number: int, name: str | None, said: str | None, tmp_path: Path) -> None:
    error = OSError(number, os.strerror(number), *([str(tmp_path / name)] if name else []))
    found = refusal(error)
    assert (None if found is None else str(found)) == (said and said.format(folder=tmp_path))
