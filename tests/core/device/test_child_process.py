"""A script of Hone's in a process of its own: by this Python, or by the frozen app that has none."""

import sys
from pathlib import Path

import pytest

from core.device.child_process import child_command, run_child

SCRIPT = "import sys\nprint(__name__, sys.argv[1:])\nsys.exit(3)\n"


def test_python_runs_it(tmp_path: Path) -> None:
    assert child_command(tmp_path / "a.py", "1", "2") == [sys.executable, "-P", str(tmp_path / "a.py"), "1", "2"]
    run_child([*child_command(tmp_path / "a.py")])  # no child of a frozen app: nothing happens
    run_child(["Hone", "rows.jsonl", "more.jsonl"])


def test_a_frozen_app_runs_it_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / "app"), raising=False)
    monkeypatch.setattr(sys, "argv", ["Hone"])
    (tmp_path / "app").mkdir()
    script = tmp_path / "app" / "script.py"
    script.write_text(SCRIPT)
    command = child_command(script, "7")
    assert command[0] == sys.executable and command[-2:] == [str(script), "7"]
    with pytest.raises(SystemExit) as end:
        run_child(["Hone", *command[1:]])
    assert end.value.code == 3 and capsys.readouterr().out == "__main__ ['7']\n"


def test_only_what_is_part_of_the_app_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / "app"), raising=False)
    (tmp_path / "script.py").write_text(SCRIPT)
    for name in (tmp_path / "script.py", tmp_path / "app" / ".." / "script.py"):
        with pytest.raises(SystemExit) as end:
            run_child(["Hone", *child_command(name)[1:]])
        assert str(end.value.code).endswith("script.py is no part of this app.")
