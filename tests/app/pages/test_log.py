"""The Log tab: which lines it shows, and what is copied."""

from pathlib import Path

from pytestqt.qtbot import QtBot

from app.pages.log import LogPage
from app.runs.record import RunRecord
from core.events import Phase, Warned


def test_warnings_reach_the_log(qtbot: QtBot) -> None:
    record, page = RunRecord(), LogPage()
    qtbot.addWidget(page)
    for event in (Phase("Preparing data"), Warned("cut", f"3 rows of {Path.home()}/a.jsonl are cut.")):
        record.add(event)
    page.show_record(record)
    page.problems_only.setChecked(True)
    assert "Preparing" not in page.text.toPlainText()
    assert "Note: 3 rows" in page.text.toPlainText()
    assert page.diagnostics().endswith("3 rows of ~/a.jsonl are cut.")
