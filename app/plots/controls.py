"""The line above the large chart: its title, and how it is drawn."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.plots.overlay_menu import OverlayMenu
from app.runs.series import SMOOTHING
from app.style import theme
from app.widgets.buttons import quiet_button
from app.widgets.card import hbox
from app.widgets.check_box import CheckBox
from app.widgets.combo_box import ComboBox
from app.widgets.labels import Label, heading
from app.widgets.slider import Slider

X_CHOICES = {"step": tr("by step"), "tokens": tr("by tokens"), "time": tr("by time")}
_STEPS = 100  # positions of the smoothing slider
_ROOMY = 720  # pixels below which the slider and the button to save go without their words, and all is narrower
_SLIDER, _SHORT_SLIDER = 84, 60
_GAP, _SMALL_GAP = 12, 6


class ChartControls(QWidget):
    """`restyled` when the curves are to be drawn in another way, `kind_changed` when the bottom axis counts something
    else, `followed` to return to the newest points, `saved` to write the chart into a file, `overlaid(folders)` when
    other runs are to be drawn over this one."""

    restyled = Signal()
    kind_changed = Signal()
    followed = Signal()
    saved = Signal()
    overlaid = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        layout = self._row = hbox(self, gap=_GAP)
        self.title = heading(tr("Loss"))
        self.title.setWordWrap(False)
        self.title.setMinimumWidth(40)
        layout.addWidget(self.title, 1)
        self.live = quiet_button(tr("Back to live"), "runs")
        self.live.setFixedHeight(24)
        self.live.hide()
        self.live.clicked.connect(self.followed)
        layout.addWidget(self.live)
        self._label = label = Label(tr("S&moothing"), "caption", tone="secondary", wrap=False)
        self.smoothing_slider = Slider(tr("Smoothing of the curves"))
        self.smoothing_slider.setRange(0, _STEPS - 1)
        self.smoothing_slider.setValue(round(SMOOTHING * _STEPS))
        self.smoothing_slider.setFixedWidth(_SLIDER)
        self.smoothing_slider.valueChanged.connect(self.restyled)
        label.setBuddy(self.smoothing_slider)
        self.log, self.clip = CheckBox(tr("Log scale")), CheckBox(tr("Leave outliers out"))
        for box in (self.log, self.clip):
            box.setFont(theme.font("caption"))
            box.toggled.connect(self.restyled)
        self.x_axis = ComboBox(tr("What the bottom axis counts"))
        for kind, words in X_CHOICES.items():
            self.x_axis.addItem(words, kind)
        self.x_axis.activated.connect(self.kind_changed)
        self.overlays = OverlayMenu()
        self.overlays.chosen.connect(self.overlaid)
        self.save = quiet_button(tr("Save…"), "save")
        self.save.setAccessibleName(tr("Save the chart as a picture, or its numbers"))
        self.save.setToolTip(self.save.accessibleName())
        self.smoothing_slider.setToolTip(self.smoothing_slider.accessibleName())
        self.save.clicked.connect(self.saved)
        for widget in (label, self.smoothing_slider, self.log, self.clip, self.x_axis, self.overlays, self.save):
            layout.addWidget(widget)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        has_room = self.width() >= _ROOMY
        self._label.setVisible(has_room)
        self.smoothing_slider.setFixedWidth(_SLIDER if has_room else _SHORT_SLIDER)
        self._row.setSpacing(_GAP if has_room else _SMALL_GAP)
        self.save.setText(tr("Save…") if has_room else "")

    @property
    def smoothing(self) -> float:
        """The weight of the running average, from 0 to 0.99."""
        return self.smoothing_slider.value() / _STEPS

    @property
    def kind(self) -> str:
        """What the bottom axis counts."""
        return str(self.x_axis.currentData())

    def show_for(self, title: str, *, is_loss: bool) -> None:
        """Name the chart that is shown; a logarithmic scale and outliers are for the loss."""
        self.title.setText(title)
        self.log.setVisible(is_loss)
        self.clip.setVisible(is_loss)
        self.live.hide()

    def use_folder(self, folder: Path, shown: Sequence[Path] = ()) -> None:
        """Offer the runs beside the run of a folder to be drawn over it."""
        self.overlays.use_folder(folder, shown)
