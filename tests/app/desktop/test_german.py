"""The window in German, under a German locale: people read commas, files keep points, no alert is the system's own."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_people_read_commas_and_files_keep_points(dataset: Path, tmp_path: Path) -> None:
    german = {"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8", "HOME": str(tmp_path / "home")}
    result = subprocess.run(
        [sys.executable, "-m", "tests.app.desktop.german_window", str(dataset)],
        cwd=ROOT,
        env={**os.environ, **german, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["places"] == "Neuer Lauf"
    assert found["rows"] == "Prompt und Vervollständigung, 60 Zeilen: prompt und completion."
    assert (found["field"], found["axis"]) == ("0,00025", ["0,5", "1,0"])
    assert found["rate"] == 0.0003  # typed as 0,0003
    assert tomllib.loads(found["toml"])["train"]["learning_rate"] == 0.0003
    assert found["cut"] == []
    assert (found["decimal point"], found["native alert"]) == (".", False)
