"""The list "Use it" over real adapters: in a dialog, on a run's page, from Runs and from the chat; Ollama's sheet."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.pages.export import ExportList
from app.pages.export_dialog import ExportDialog
from app.pages.export_texts import PLACES
from app.pages.ollama_sheet import OllamaSheet
from app.runs.job_queue import JobQueue
from app.shell.window import MainWindow
from app.threads.export_calls import ExportJob
from core.adapters import CONFIG
from core.export.targets import TARGETS
from core.resources import STARTER
from core.run import Adapter
from tests.core.export.test_export import adapted


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter over the starter, as mlx-lm writes one."""
    folder = adapted(STARTER, Adapter(rank=4), tmp_path_factory.mktemp("adapters") / "from mlx-lm")
    saved = json.loads((folder / CONFIG).read_text())
    kept = {key: saved[key] for key in ("fine_tune_type", "num_layers", "lora_parameters")}
    (folder / CONFIG).write_text(json.dumps(kept | {"model": str(STARTER)}))
    return folder


def test_an_adapter_from_elsewhere_becomes_a_gguf_file(qtbot: QtBot, adapter: Path, tmp_path: Path) -> None:
    dialog = ExportDialog(None, JobQueue(), adapter)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: bool(dialog.list.rows), timeout=20_000)
    assert not any(row.choice.refusal for row in dialog.list.rows.values())
    file, row = tmp_path / "m.gguf", dialog.list.rows["gguf"]
    dialog.list.save(ExportJob(adapter, "gguf", str(file), "q8_0", "cpu"))
    qtbot.waitUntil(row.result.isVisible, timeout=60_000)
    assert row.result.text().startswith("Saved as m.gguf. Loaded again: its logits differ from the adapter's by ")
    assert file.read_bytes()[:4] == b"GGUF"


def test_a_folder_without_an_adapter_says_so(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = ExportDialog(None, JobQueue(), tmp_path)
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: "holds no adapter" in dialog.list.intro.text(), timeout=20_000)
    assert not dialog.list.rows


def test_a_base_that_is_gone_is_known_before_it_begins(qtbot: QtBot, adapter: Path, tmp_path: Path) -> None:
    folder = tmp_path / "alone"
    folder.mkdir()
    for file in adapter.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    saved = json.loads((folder / CONFIG).read_text()) | {"model": "maker/not-here"}
    (folder / CONFIG).write_text(json.dumps(saved))
    dialog = ExportDialog(None, JobQueue(), folder)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: bool(dialog.list.rows), timeout=20_000)
    row = dialog.list.rows["gguf"]
    assert row.result.text().startswith("Not possible: Its base maker/not-here is not on this computer")
    assert not row.button.isEnabled() and dialog.list.rows["peft"].button.isEnabled()


def test_what_is_said_of_a_model_for_ollama(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = OllamaSheet(None, ExportJob(tmp_path, "ollama", form="q8_0"), "my-run", tmp_path / "my-run-ollama")
    qtbot.addWidget(sheet)
    got: list[ExportJob] = []
    sheet.confirmed.connect(got.append)
    sheet.show()
    assert sheet.name.text() == "my-run" and sheet.place.text() == str(tmp_path / "my-run-ollama")
    sheet.name.setText(" ")
    assert not sheet.send.isEnabled()
    sheet.name.setText("tutor")
    sheet.system.setPlainText("Be brief.")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "there"), ""))
    sheet.change.click()
    assert sheet.place.text() == str(tmp_path / "there")
    sheet.send.click()
    assert got == [ExportJob(tmp_path, "ollama", str(tmp_path / "there"), "q8_0", name="tutor", system="Be brief.")]


def test_cancelling_ollamas_sheet_begins_nothing(qtbot: QtBot, tmp_path: Path) -> None:
    sheet = OllamaSheet(None, ExportJob(tmp_path, "ollama"), "my-run", tmp_path)
    qtbot.addWidget(sheet)
    got: list[ExportJob] = []
    sheet.confirmed.connect(got.append)
    sheet.show()
    sheet.foot.cancel.click()
    assert not sheet.isVisible() and not got


def test_an_adapter_brought_to_the_chat_can_be_used(qtbot: QtBot, window: MainWindow, adapter: Path) -> None:
    window.open_files([adapter])
    chat = window.chat_page
    qtbot.waitUntil(chat.offer_notice.isVisible, timeout=20_000)
    assert "from mlx-lm" in chat.offer_notice.sentence.text()
    chat.use_button.click()
    (dialog,) = window.findChildren(ExportDialog)
    assert dialog.isVisible() and dialog.windowTitle() == "Use from mlx-lm"
    dialog.close_button.click()
    assert not dialog.isVisible()


def test_from_runs_the_page_opens_at_the_list(qtbot: QtBot, window: MainWindow, adapter: Path) -> None:
    page = window.runs.start(window.draft.run)
    qtbot.waitUntil(lambda: page.record.is_over and window.jobs.current is None)
    (page.folder / CONFIG).write_bytes((adapter / CONFIG).read_bytes())
    window.go("runs")
    qtbot.waitUntil(lambda: bool(window.runs_page.table.selected_rows()))
    window.runs_page.carry_out("use")
    shown = window.stack.currentWidget()
    assert shown.tabs.stack.currentWidget() is shown.tabs.result
    qtbot.waitUntil(lambda: bool(shown.tabs.result.use_it.rows), timeout=20_000)
    uses = shown.tabs.result.use_it
    qtbot.waitUntil(lambda: uses.rows["ollama"].visibleRegion().boundingRect().height() > 40)
    bar = shown.tabs.result._scroll.verticalScrollBar()
    assert 0 < bar.value() == min(uses.y(), bar.maximum())


def test_an_adapter_from_elsewhere_is_served_until_the_dialog_closes(qtbot: QtBot, adapter: Path) -> None:
    jobs = JobQueue()
    dialog = ExportDialog(None, jobs, adapter)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.list.server is not None, timeout=20_000)
    row = dialog.list.server
    assert row is not None
    row.button.click()
    qtbot.waitUntil(row.command.isVisible, timeout=60_000)
    models = f"{row.command.text()}/models"
    with urllib.request.urlopen(models, timeout=20) as answer:
        assert "from mlx-lm" in answer.read().decode()
    dialog.close_button.click()
    assert jobs.shut_down()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(models, timeout=5)


def test_every_target_of_the_core_has_a_place_in_the_list() -> None:
    assert set(TARGETS) == set(PLACES)


def test_opening_a_run_again_does_not_end_what_is_being_written(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = window.runs.start(window.draft.run)
    qtbot.waitUntil(lambda: page.record.is_over and window.jobs.current is None)
    monkeypatch.setattr(ExportList, "is_busy", True)
    assert window.runs.show_folder(page.folder) is page
    monkeypatch.setattr(ExportList, "is_busy", False)
    assert window.runs.show_folder(page.folder) is not page
