"""One widget for each type of option. A field shows a value, and reports each change by the person."""

import math
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QSpinBox, QWidget

from app.desktop import preferences
from app.desktop.language import read_number, tr
from app.runs.settings_text import format_value
from app.widgets.buttons import Button
from app.widgets.card import hbox
from app.widgets.check_box import CheckBox
from app.widgets.combo_box import ComboBox
from app.widgets.disabled import disable
from app.widgets.line_edit import LineEdit
from app.widgets.spin_box import SpinBox
from core.errors import BadOption
from core.option_values import parse
from core.options import Option

_SPIN_LIMIT = 2**31 - 1
WIDTH = 208


class Field(QWidget):
    """The base of all fields: `changed(value)` after a change by the person, `refused(sentence)` for a text that is no
    value of the option, with "" once it is a value again."""

    changed = Signal(object)
    refused = Signal(str)

    def __init__(self, option: Option) -> None:
        super().__init__()
        self.option = option
        self._layout = hbox(self, gap=6)
        self.setFixedWidth(WIDTH)

    @property
    def control(self) -> QWidget:
        """The widget that takes the keyboard."""
        raise NotImplementedError

    def show_value(self, value: Any) -> None:
        """Show a value without emitting `changed`."""
        raise NotImplementedError

    def disable_choices(self, reasons: dict[str, str]) -> None:
        """Grey what cannot be chosen: {choice: reason}, with the choice "" for the whole field."""
        disable(self, reasons.get("", ""))

    def _add_control(self, control: QWidget) -> None:
        control.setAccessibleName(self.option.label)
        control.setAccessibleDescription(self.option.help)
        self._layout.addWidget(control)
        self.setFocusProxy(control)


class BoolField(Field):
    """A check box."""

    def __init__(self, option: Option) -> None:
        super().__init__(option)
        self._box = CheckBox()
        self._add_control(self._box)
        self._layout.setAlignment(self._box, Qt.AlignmentFlag.AlignRight)
        self._box.clicked.connect(lambda: self.changed.emit(self._box.isChecked()))

    @property
    def control(self) -> QCheckBox:
        return self._box

    def show_value(self, value: Any) -> None:
        self._box.setChecked(bool(value))


class ChoiceField(Field):
    """A menu of the choices; where the option may be None, that comes first, as "Automatic"."""

    def __init__(self, option: Option) -> None:
        super().__init__(option)
        self._combo = ComboBox(option.label, narrow=True)
        if option.optional:
            self._combo.addItem(tr("Automatic ({unset})", unset=option.unset), None)
        for choice in option.choices:
            self._combo.addItem(option.choice_label(choice), choice)
        self._add_control(self._combo)
        self._combo.activated.connect(lambda: self.changed.emit(self._combo.currentData()))

    @property
    def control(self) -> QComboBox:
        return self._combo

    def show_value(self, value: Any) -> None:
        self._combo.setCurrentIndex(self._combo.findData(value))

    def disable_choices(self, reasons: dict[str, str]) -> None:
        super().disable_choices(reasons)
        model = self._combo.model()
        assert isinstance(model, QStandardItemModel)
        for i in range(self._combo.count()):
            item, reason = model.item(i), reasons.get(self._combo.itemData(i), "")
            item.setEnabled(not reason)
            item.setToolTip(reason)


class IntField(Field):
    """A spin box for whole numbers that always have a value."""

    def __init__(self, option: Option) -> None:
        super().__init__(option)
        self._spin = SpinBox(option.label)
        self._spin.setRange(int(option.low or 0), int(option.high or _SPIN_LIMIT))
        self._add_control(self._spin)
        self._spin.valueChanged.connect(lambda number: self.changed.emit(number))

    @property
    def control(self) -> QSpinBox:
        return self._spin

    def show_value(self, value: Any) -> None:
        self._spin.blockSignals(True)
        self._spin.setValue(int(value))
        self._spin.blockSignals(False)


class TextField(Field):
    """A line of text for numbers, texts and lists, which the command line's own parser reads."""

    def __init__(self, option: Option) -> None:
        super().__init__(option)
        self._line = LineEdit(option.label)
        if option.optional:
            self._line.setPlaceholderText(option.unset)
            self._line.setToolTip(tr("Empty: {unset}", unset=option.unset))
        elif option.default is not None:
            self._line.setPlaceholderText(format_value(option, option.default))
        self._add_control(self._line)
        self._line.textEdited.connect(self._parse_text)
        self._value: Any = None  # of the text that is shown

    @property
    def control(self) -> LineEdit:
        return self._line

    def show_value(self, value: Any) -> None:
        self._value = value
        self._line.mark_wrong(False)
        self._line.setText("" if value is None else format_value(self.option, value))

    def _parse_text(self, text: str) -> None:
        try:
            typed = read_number(text) if self.option.type is float else text
            value = parse(self.option, typed) if text.strip() or self.option.optional else self.option.default
        except BadOption as error:
            self._line.mark_wrong(True)
            self.refused.emit(describe_refusal(self.option, text, tr(str(error))))
            return
        self._line.mark_wrong(False)
        self.refused.emit("")
        if value != self._value:
            self._value = value
            self.changed.emit(value)


class PathField(TextField):
    """A line of text with a button that chooses a file or a folder."""

    def __init__(self, option: Option, target: str) -> None:
        super().__init__(option)
        self._target = target
        button = Button("", "folder")
        button.setAccessibleName(tr("Choose: {label}", label=option.label))
        button.setToolTip(tr("Choose…"))
        button.clicked.connect(self._choose)
        self._layout.addWidget(button)

    def _choose(self) -> None:
        choose = QFileDialog.getExistingDirectory if self._target == "folder" else QFileDialog.getOpenFileName
        answer = choose(self, self.option.label, preferences.last_folder())
        path = answer if isinstance(answer, str) else answer[0]
        if path:
            preferences.set_last_folder(str(Path(path).parent))
            self._line.setText(path)
            self._parse_text(path)


def describe_refusal(option: Option, text: str, sentence: str) -> str:
    """Why a text is no value of an option: what must hold of the number, or the library's `sentence` with the label."""
    if option.type in (int, float):
        try:
            number = float(read_number(text)) if option.type is float else int(text)
        except ValueError:
            if option.type is int:
                return tr("{label} must be a whole number.", label=tr(option.label))
            return tr("{label} must be a number.", label=tr(option.label))
        if option.low is not None and number < option.low:
            return tr("{label} must be at least {low:,.10g}.", label=tr(option.label), low=option.low)
        if option.high is not None and number > option.high:
            return tr("{label} must be at most {high:,.10g}.", label=tr(option.label), high=option.high)
    return sentence.replace(option.name, tr(option.label), 1) if sentence.startswith(option.name + " ") else sentence


def make_field(option: Option, browse: str = "") -> Field:
    """The field for an option. `browse` is "file" or "folder" for an option that holds a path, "" for others."""
    if browse and not option.choices:
        return PathField(option, browse)
    if option.type is bool:
        return BoolField(option)
    if option.choices and option.type is not tuple:
        return ChoiceField(option)
    if option.type is int and not option.optional and (option.high or math.inf) <= _SPIN_LIMIT:
        return IntField(option)
    return TextField(option)
