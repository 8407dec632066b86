"""Every text that the window shows goes through tr(): in a made-up language, nothing stays bare."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.desktop import untranslated

ROOT = Path(__file__).parents[3]


def test_every_page_speaks_the_made_up_language(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.app.desktop.untranslated"],
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["bare"] == []
    assert found["wrapped"] > 500  # so many texts were looked at


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Start training", True),
        ("⟦Start training⟧", False),
        ("⟦Rows⟧: 12 GB", False),
        ("⟦3.8 GB to download once⟧\napache-2.0", False),
        ("⟦Rows⟧ left out", True),
        ("mine.jsonl", False),
    ],
)
def test_what_is_bare(text: str, bare: bool) -> None:
    assert untranslated.is_bare(text) == bare
