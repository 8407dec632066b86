"""The pictures of the README: a walk from Welcome to the result in use, with a run that is really trained."""

import json
from pathlib import Path

from PySide6.QtGui import QCursor

from app.desktop.language import tr
from tests.app.camera import Camera
from tests.app.export_pictures import visit_export
from tests.app.sample_files import LOST_FUNCTIONS, write_file

SIZE = (1120, 700)
ROWS = 240
_MINUTES = 600.0  # how long a real run may take on a busy computer


def walk(camera: Camera) -> None:
    """Photograph each stop of the walk, with the starter and rows that are made here."""
    from app.new_run.check import MEASURED

    window, wizard = camera.window, camera.window.wizard
    data = wizard.data
    camera.wait_until(lambda: "GB" in window.welcome.machine.first.text())
    camera.take("1-welcome")
    file = _write_answers()
    QCursor.setPos(camera.window.mapToGlobal(camera.window.rect().bottomRight()))  # over nothing that it would mark
    window.overlay.announce(tr("Learn from “{name}”", name=file.name), True)
    camera.take("2-drop")
    window.overlay.hide()
    window.open_files([file])
    camera.wait_until(lambda: data.scanned is not None and data.preview.rows.model.row_at(0) is not None)
    data.preview.tabs.show_page(data.preview.tokens)
    camera.wait_until(lambda: bool(data.preview.tokens.count.text()))
    camera.take("3-preview")
    wizard.show_step(3)
    camera.wait(0.3)
    camera.take("4-settings")
    wizard.show_step(4)
    camera.wait_until(lambda: wizard.check.start_button.isEnabled())
    camera.wait_until(lambda: MEASURED in wizard.check.answers, _MINUTES)
    camera.take("5-check")
    wizard.check.start_button.click()
    camera.wait_until(lambda: window.jobs.current is not None)
    page = window.stack.currentWidget()
    camera.wait_until(lambda: (page.record.fraction or 0.0) > 0.62 and page.tabs.charts.complete, _MINUTES)
    camera.take("6-live")
    camera.wait_until(lambda: page.record.is_over and window.jobs.current is None, _MINUTES)
    camera.wait_until(lambda: bool(page.tabs.result.use_it.rows))
    page.tabs.bar.clearFocus()
    camera.wait(0.5)
    camera.take("7-done")
    page.tabs.result.chat.emit()
    _talk(camera, ["What is 20 + 22?", "What do you see with?"])
    camera.take("7-chat")
    window.stack.setCurrentWidget(page)
    visit_export(camera, page)
    _visit_lost(camera)


def _write_answers() -> Path:
    """A file of a person's own: questions that Hone ships with, each answered in the same cheerful way."""
    from core.resources import FOLDER

    lines = (FOLDER / "data" / "questions.jsonl").read_text(encoding="utf-8").splitlines()[:ROWS]
    rows = [json.loads(line) for line in lines]
    talks = [
        {"messages": [{"role": "user", "content": row["question"]},
                      {"role": "assistant", "content": f"Good question! The answer is {row['answer']}. Ask me more."}]}
        for row in rows
    ]  # fmt: skip
    return write_file("cheerful.jsonl", "".join(json.dumps(talk, ensure_ascii=False) + "\n" for talk in talks))


def _talk(camera: Camera, questions: list[str]) -> None:
    page = camera.window.chat_page
    camera.wait(0.5)
    for question in questions:
        page.view.question.setPlainText(question)
        page.send()
        camera.wait_until(lambda: page.view.button.text() == tr("Send"), _MINUTES)
    camera.wait(0.3)


def _visit_lost(camera: Camera) -> None:
    """What a chat template drops of a row."""
    data = camera.window.wizard.data
    camera.window.open_files([write_file("functions.jsonl", LOST_FUNCTIONS)])
    camera.wait_until(lambda: data.scanned is not None and data.preview.rows.model.row_at(0) is not None)
    data.preview.tabs.show_page(data.preview.tokens)
    camera.wait_until(lambda: data.preview.tokens.row_view.isVisible())
    camera.take("lost-parts")
