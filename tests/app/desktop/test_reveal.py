"""What is shown of a file in the desktop's file manager."""

import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QDesktopServices

from app.desktop import reveal


@pytest.mark.skipif(sys.platform == "darwin", reason="the Finder is asked there")
def test_of_what_is_gone_the_folder_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: shown.append(url.toLocalFile()))
    (tmp_path / "run").mkdir()
    for path in (tmp_path / "run", tmp_path / "gone", tmp_path / "gone" / "adapter"):
        reveal.reveal(path)
    assert shown == [str(tmp_path / "run"), str(tmp_path), str(tmp_path)]
