"""The window's settings."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QWidget

from app.desktop.language import tr
from app.pages.general_settings import Choices, GeneralPage
from app.pages.machines import MachinesPage
from app.style import theme
from app.widgets.card import vbox
from app.widgets.tab_order import TabOrder
from app.widgets.tabs import Tabs


class SettingsWindow(TabOrder, QDialog):
    """A tab for each part; `machines_changed` when a machine is added, tested, chosen or removed."""

    machines_changed = Signal()

    def __init__(self, model: str, choices: Choices, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Settings"))
        self.resize(720, 600)
        layout = vbox(self, 0, 0)
        layout.setContentsMargins(theme.MARGIN, theme.GRID, theme.MARGIN, theme.MARGIN)
        self.tabs = Tabs(tr("Parts of the settings"))
        layout.addWidget(self.tabs)
        self.general = GeneralPage(choices)
        self.tabs.add(tr("General"), self.general)
        self.machines = MachinesPage(model)
        self.machines.changed.connect(self.machines_changed)
        self.tabs.add(tr("Machines"), self.machines)
