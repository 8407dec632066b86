"""Settings, General: how the window looks and speaks, the access token, and where Hone keeps its files."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QWidget

from app.desktop import log_files, reveal
from app.desktop.language import tr
from app.style import theme
from app.threads.model_library import hub_folder
from app.widgets.action_combo import ActionCombo
from app.widgets.buttons import plain_button
from app.widgets.card import hbox, vbox
from app.widgets.check_box import CheckBox
from app.widgets.labels import ElidedLabel, Label, caption, heading
from app.widgets.lines_card import LinesCard
from app.widgets.scroll_page import ScrollPage
from core.data.tokenize.cache import cache_folder
from core.run import runs_folder


class Choices(Protocol):
    """The choices of the menus, which the settings offer once more."""

    @property
    def themes(self) -> QActionGroup: ...
    @property
    def languages(self) -> QActionGroup: ...
    @property
    def updates(self) -> QAction: ...


class SettingLine(QWidget):
    """A setting: its title over `note`, small print, and its controls on the right; `control` is the last of them."""

    def __init__(self, title: str, note: Label, *controls: QWidget) -> None:
        super().__init__()
        self.note, self.control = note, controls[-1]
        layout = hbox(self, gap=theme.GRID)
        layout.setContentsMargins(16, 10, 16, 10)
        words = vbox(gap=2)
        words.addWidget(Label(title))
        words.addWidget(note)
        layout.addLayout(words, 1)
        layout.addSpacing(theme.GRID)
        for control in controls:
            layout.addWidget(control, 0, Qt.AlignmentFlag.AlignVCenter)


class GeneralPage(ScrollPage):
    """`token_wanted` for the dialog of the access token, `models_wanted` for that of the downloaded models."""

    token_wanted = Signal()
    models_wanted = Signal()

    def __init__(self, choices: Choices) -> None:
        super().__init__(margin=0)
        self.theme = ActionCombo(tr("Appearance"), choices.themes)
        self.language = ActionCombo(tr("Language"), choices.languages)
        self.updates = CheckBox("")
        self.updates.setAccessibleName(tr("Look for updates"))
        self.updates.setChecked(choices.updates.isChecked())
        self.updates.clicked.connect(choices.updates.trigger)
        choices.updates.toggled.connect(self.updates.setChecked)
        self.token = plain_button(tr("Access token…"))
        self.token.clicked.connect(self.token_wanted)
        self.models = plain_button(tr("Downloaded models…"))
        self.models.clicked.connect(self.models_wanted)
        self.lines: dict[str, SettingLine] = {}
        general = LinesCard()
        for key, title, note, control in (
            ("theme", tr("Appearance"), tr("Of the window and its charts."), self.theme),
            ("language", tr("Language"), tr("From the next start of Hone."), self.language),
            ("updates", tr("Look for updates"), tr("Once a day, never while a run trains."), self.updates),
            ("token", "Hugging Face", tr("For gated and private models, and for uploads."), self.token),
        ):
            self.lines[key] = SettingLine(title, caption(note), control)
            general.add(self.lines[key])
        width = max(box.sizeHint().width() for box in (self.theme, self.language))
        for box in (self.theme, self.language):
            box.setMinimumWidth(width)
        self.content_layout.addWidget(general)
        self.content_layout.addSpacing(theme.GRID)
        self.content_layout.addWidget(heading(tr("Folders")))
        self.content_layout.addWidget(self._list_folders())
        self.content_layout.addStretch()

    def _list_folders(self) -> LinesCard:
        card = LinesCard()
        folders: tuple[tuple[str, str, Callable[[], Path], list[QWidget]], ...] = (
            ("runs", tr("Runs"), runs_folder, []),
            ("models", tr("Models from Hugging Face"), hub_folder, [self.models]),
            ("rows", tr("Prepared rows, made again when needed"), cache_folder, []),
            ("logs", tr("Log files"), log_files.log_folder, []),
        )
        for key, title, folder, controls in folders:
            button = plain_button(reveal.REVEAL_LABEL)
            button.setAccessibleName(f"{reveal.REVEAL_LABEL}: {title}")
            button.clicked.connect(partial(_show_folder, folder))
            path = ElidedLabel(str(folder()), "caption", tone="secondary")
            self.lines[key] = SettingLine(title, path, *controls, button)
            card.add(self.lines[key])
        return card


def _show_folder(folder: Callable[[], Path]) -> None:
    """Show a folder in the file manager; one that nothing has been put into yet is made first."""
    folder().mkdir(parents=True, exist_ok=True)
    reveal.reveal(folder())
