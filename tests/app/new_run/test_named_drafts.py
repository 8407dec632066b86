"""Drafts with names: saved, opened, renamed and deleted, each as it was left."""

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QKeySequence
from pytestqt.qtbot import QtBot

from app.desktop import preferences
from app.new_run.draft import Draft, draft_file
from app.new_run.draft_files import NamedDrafts
from app.new_run.draft_menu import NameDialog
from app.shell import dialogs
from app.shell.window import MainWindow
from core.errors import BadData, BadOption
from core.run import Run


def test_each_name_keeps_its_own_run(qtbot: QtBot) -> None:
    draft = Draft()
    draft.set("adapter.rank", 4)
    draft.save_as("  One /  and «two» ")
    draft.set("adapter.rank", 5)
    draft.save_as("Other")
    draft.set("adapter.rank", 6)
    assert draft.named.names() == ["One / and «two»", "Other"]
    draft.open("One / and «two»")
    assert (draft.run.adapter.rank, draft.name) == (5, "One / and «two»")
    draft.open("Other")
    assert draft.run.adapter.rank == 6
    draft.take(Run().replace("adapter.rank", 9))  # as by Ctrl+N, or an old run's settings: that is another draft
    draft.save()
    assert draft.name == "" and draft.named.read("Other").adapter.rank == 6
    draft.open("Other")
    again = Draft()
    assert (again.run.adapter.rank, again.name) == (6, "Other")


def test_names_are_checked(qtbot: QtBot) -> None:
    draft = Draft()
    draft.save_as("One")
    for name, words in ((" ", "needs a name"), ("x" * 61, "at most 60"), ("oNE", "a draft “oNE” already")):
        with pytest.raises(BadOption, match=words):
            draft.save_as(name)
    draft.rename("ONE")  # another way to write its own name
    draft.rename("Two")
    assert (draft.named.names(), draft.name) == (["Two"], "Two")
    draft.set("train.seed", 7)
    draft.delete()
    assert (draft.named.names(), draft.name, draft.run.train.seed) == ([], "", 7)
    assert Draft().run.train.seed == 7


SECOND_WINDOW = """
import sys
from PySide6.QtCore import QCoreApplication
from app.new_run.draft import Draft
app = QCoreApplication([])
draft = Draft()
print(draft.run.train.seed, draft.name, flush=True)
draft.set("train.seed", 8)
try:
    draft.open("One")
except Exception as error:
    print(error, flush=True)
draft.save_as("Two")
print("saved", flush=True)
sys.stdin.read()
"""


def test_a_second_window_has_a_draft_of_its_own(qtbot: QtBot) -> None:
    draft = Draft()
    draft.set("train.seed", 7)
    draft.save_as("One")
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", SECOND_WINDOW], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().split() == [str(Run().train.seed)]
        assert process.stdout.readline() == "The draft “One” is open in another window.\n"
        assert process.stdout.readline() == "saved\n"
        with pytest.raises(BadOption, match="“Two” is open in another window"):
            draft.open("Two")
        assert (draft.name, draft.run.train.seed) == ("One", 7)
        process.communicate("")  # it closes
    draft.open("Two")
    assert draft.run.train.seed == 8
    assert draft_file().with_name("draft-2.toml").exists()


def test_a_broken_draft_is_a_sentence(qtbot: QtBot) -> None:
    draft = Draft()
    draft.save_as("One")
    draft.take(Run())
    (preferences.data_folder() / "drafts" / "One.toml").write_text("method = 3")
    with pytest.raises(BadData, match="The draft “One” cannot be read"):
        draft.open("One")
    assert draft.name == "" and NamedDrafts(Path("nowhere")).names() == []


def entry(window: MainWindow, text: str):  # type: ignore[no-untyped-def]
    return next(action for action in window.wizard.drafts.build_menu().actions() if action.text() == text)


def test_the_menu_in_the_foot(qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    drafts, draft = window.wizard.drafts, window.draft
    assert drafts.text() == "Draft without a name"
    assert not entry(window, "Delete…").isEnabled() and not entry(window, "Rename…").isEnabled()
    assert entry(window, "Delete…").toolTip() == "This draft has no name yet: save it first."
    draft.set("adapter.rank", 4)
    entry(window, "Save as…").trigger()
    dialog = drafts.findChild(NameDialog)
    dialog.name.setText("")
    dialog.accept()
    assert dialog.isVisible() and dialog.problem.text() == "A draft needs a name."
    dialog.name.setText("Pirates")
    dialog.accept()
    assert not dialog.isVisible() and drafts.text() == "Pirates"
    monkeypatch.setattr(dialogs, "confirm_begin", lambda parent, data, begin: pytest.fail("it is kept"))
    actions = [a for menu in window.menuBar().actions() for a in menu.menu().actions()]
    next(a for a in actions if a.shortcut() == QKeySequence.StandardKey.New).trigger()
    assert draft.run == Run() and drafts.text() == "Draft without a name"
    entry(window, "Pirates").trigger()
    assert draft.run.adapter.rank == 4 and entry(window, "Pirates").isChecked()
