"""Every widget of every form changes exactly one option of the run, to the value that it shows."""

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QSpinBox
from pytestqt.qtbot import QtBot

from app.new_run.draft import Draft
from app.new_run.form import Form, OptionLine
from app.new_run.settings_step import CARD_KEYS, EARLIER_STEP_KEYS, SettingsStep
from app.new_run.simple_settings import learning_rates
from app.new_run.training_choices import CHOICES
from core import methods
from core.options import Option
from core.run import Run, list_options
from core.run.flags import option_value


@pytest.mark.parametrize("method", methods.load())
def test_each_widget_changes_its_option_and_no_other(qtbot: QtBot, method: str) -> None:
    draft = Draft()
    draft.set("method", method)
    page = SettingsStep(draft)
    qtbot.addWidget(page)
    for key, line in page.forms[1].lines.items():
        if method != "sft" and not key.startswith("options."):
            continue  # what all methods have in common is tried with one of them
        if key == "model.double_quantization":
            draft.set("model.quantization", "nf4")  # the only kind whose scales can be packed
        old_values = flat(draft.run)
        new_value = change(qtbot, line)
        new_values = flat(draft.run)
        assert {k for k in new_values if new_values[k] != old_values.get(k)} == {key}
        assert option_value(draft.run, key) == new_value
        line.reset.click()
        assert flat(draft.run) == old_values, key
    check_simple_form(qtbot, page, draft, method)


def check_simple_form(qtbot: QtBot, page: SettingsStep, draft: Draft, method: str) -> None:
    """It has the basic options, and each of its widgets changes its own."""
    basic_keys = [k for k, o in list_options(method) if o.basic and k not in (*EARLIER_STEP_KEYS, *CARD_KEYS)]
    assert list(page.forms[0].lines) == basic_keys
    for key in basic_keys:
        new_value = change(qtbot, page.forms[0].lines[key])
        assert option_value(draft.run, key) == new_value
        assert page.forms[1].lines[key].field.control is not page.forms[0].lines[key].field.control
        page.forms[0].lines[key].reset.click()


@pytest.mark.parametrize("key", CHOICES)
def test_a_card_changes_its_option_and_no_other(qtbot: QtBot, key: str) -> None:
    draft = Draft()
    page = SettingsStep(draft)
    qtbot.addWidget(page)
    for choice in CHOICES[key]:
        draft.set(key, next(name for name in CHOICES[key] if name != choice))
        old_values = flat(draft.run)
        page.choices.groups[key].cards[choice].radio.click()
        new_values = flat(draft.run)
        assert {k for k in new_values if new_values[k] != old_values[k]} == {key}, choice
        assert option_value(draft.run, key) == choice
        assert page.choices.groups[key].cards[choice].radio.isChecked()


def test_what_cannot_be_chosen_is_grey_and_says_why(qtbot: QtBot) -> None:
    draft = Draft()
    page = SettingsStep(draft)
    qtbot.addWidget(page)
    advanced = page.forms[1]
    full, packed = (
        page.choices.groups[k].cards[c] for k, c in (("adapter.type", "full"), ("model.quantization", "nf4"))
    )
    assert full.radio.isEnabled() and packed.radio.isEnabled()
    assert not advanced.lines["model.double_quantization"].field.control.isEnabled()
    packed.radio.click()
    assert not full.radio.isEnabled()
    assert "4 bit NF4 cannot be trained" in full.reason.text()
    assert advanced.lines["model.double_quantization"].field.control.isEnabled()
    draft.set("model.quantization", "none")
    assert full.radio.isEnabled() and full.reason.isHidden()
    full.radio.click()
    assert not packed.radio.isEnabled()
    assert not advanced.lines["adapter.dropout"].field.control.isEnabled()
    menu = advanced.lines["model.quantization"].field.control
    assert isinstance(menu, QComboBox)
    assert not menu.model().flags(menu.model().index(menu.findData("nf4"), 0)) & Qt.ItemFlag.ItemIsEnabled


def test_a_model_that_comes_packed_rules_out_packing_and_full(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen3", "quantization": {"bits": 4, "group_size": 64}}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    draft = Draft()
    draft.set("model.path", str(tmp_path))
    page = SettingsStep(draft)
    qtbot.addWidget(page)
    page.enter()
    full = page.choices.groups["adapter.type"].cards["full"]
    qtbot.waitUntil(lambda: not full.radio.isEnabled(), timeout=30_000)
    assert "packed in 4 bit affine" in full.reason.text()
    assert not page.choices.groups["model.quantization"].cards["int8"].radio.isEnabled()


def test_a_contradiction_that_is_there_can_still_be_changed(qtbot: QtBot) -> None:
    draft = Draft()
    draft.set("model.quantization", "nf4")
    draft.set("adapter.type", "full")
    page = SettingsStep(draft)
    qtbot.addWidget(page)
    assert "Full fine-tuning" in page.blocked_reason() or "full" in page.blocked_reason()
    assert page.choices.groups["model.quantization"].cards["nf4"].radio.isEnabled()
    assert page.choices.groups["adapter.type"].cards["lora"].radio.isEnabled()
    page.choices.groups["model.quantization"].cards["none"].radio.click()
    assert page.blocked_reason() == ""


def test_a_format_without_a_card_gets_one_when_it_is_chosen(qtbot: QtBot) -> None:
    draft = Draft()
    page = SettingsStep(draft)
    qtbot.addWidget(page)
    draft.set("model.quantization", "mxfp4")
    assert page.choices.groups["model.quantization"].cards["mxfp4"].radio.isChecked()


def test_menus_speak_to_people(qtbot: QtBot) -> None:
    form = Form(list_options("sft"))
    qtbot.addWidget(form)
    menu = form.lines["adapter.type"].field.control
    assert isinstance(menu, QComboBox)
    assert [menu.itemText(i) for i in range(menu.count())] == ["LoRA", "DoRA", "All weights"]
    menu = form.lines["neural_engine"].field.control
    assert [menu.itemText(i) for i in range(menu.count())] == ["Fastest", "Keep the GPU free", "Always (experimental)"]
    menu = form.lines["backend"].field.control
    assert [menu.itemText(i) for i in range(menu.count())] == ["Automatic", "GPU", "CPU", "Neural Engine"]
    form.search("NF4")
    assert not form.lines["model.quantization"].isHidden()


def test_both_forms_show_a_change_of_either(qtbot: QtBot) -> None:
    draft = Draft()
    page = SettingsStep(draft)
    qtbot.addWidget(page)
    draft.set("train.batch_size", 48)
    for form in page.forms:
        control = form.lines["train.batch_size"].field.control
        assert isinstance(control, QSpinBox)
        assert control.value() == 48


def test_what_cannot_be_is_said_and_changes_nothing(qtbot: QtBot) -> None:
    draft = Draft()
    page = SettingsStep(draft)
    qtbot.addWidget(page)
    old_run = draft.run
    line = page.forms[1].lines["train.learning_rate"]
    qtbot.keyClicks(line.field.control, "fast")
    assert draft.run == old_run
    assert page.blocked_reason() == "Learning rate must be a number."
    line.reset.click()
    assert page.blocked_reason() == ""


def test_a_contradiction_is_said_and_keeps_both_values(qtbot: QtBot) -> None:
    draft = Draft()
    page = SettingsStep(draft)
    qtbot.addWidget(page)
    qtbot.keyClicks(page.forms[1].lines["train.epochs"].field.control, "2")
    qtbot.keyClicks(page.forms[1].lines["train.steps"].field.control, "50")
    assert page.blocked_reason() == "Give either steps or epochs, not both."
    assert (draft.run.train.epochs, draft.run.train.steps) == (2.0, 50)


def test_the_dot_and_reset_show_only_on_what_was_changed(qtbot: QtBot) -> None:
    form = Form([(k, o) for k, o in list_options("sft") if k.startswith("adapter.")])
    qtbot.addWidget(form)
    form.show_run(Run().replace("adapter.rank", 64))
    assert [k for k, line in form.lines.items() if not line.reset.isHidden()] == ["adapter.rank"]


def test_search_finds_by_help_label_and_flag(qtbot: QtBot) -> None:
    form = Form(list_options("sft"))
    qtbot.addWidget(form)
    for words, key in (("lora-r", "adapter.rank"), ("early stop", "train.early_stop"), ("DECAY", "train.weight_decay")):
        form.search(words)
        assert key in [k for k, line in form.lines.items() if not line.isHidden()]
    form.search("nothing is called this")
    assert all(line.isHidden() for line in form.lines.values())
    assert not form.no_match.isHidden()
    form.search("")
    assert not any(line.isHidden() for line in form.lines.values())


def test_each_line_has_a_buddy_and_an_accessible_name(qtbot: QtBot) -> None:
    form = Form(list_options("sft"))
    qtbot.addWidget(form)
    for line in form.lines.values():
        assert line.label.buddy() is line.field.control
        assert line.field.control.accessibleName() == line.option.label
        assert line.field.control.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_an_option_with_choices_that_may_be_none(qtbot: QtBot) -> None:
    option = Option(
        "mode", str, True, None, "Help.", "Mode", "--mode", None, None, ("one", "two"), "", False, "what fits best"
    )
    line = OptionLine("mode", option)
    qtbot.addWidget(line)
    combo = line.field.control
    assert isinstance(combo, QComboBox)
    assert combo.currentText() == "Automatic (what fits best)"
    with qtbot.waitSignal(line.changed) as signal:
        change(qtbot, line)
    assert signal.args == ["mode", "one"]


def change(qtbot: QtBot, line: OptionLine) -> Any:
    """Change a line as a person would; returns the value that should come of it."""
    control, o = line.field.control, line.option
    if isinstance(control, QCheckBox):
        control.click()
        return control.isChecked()
    if isinstance(control, QComboBox):
        n = (control.currentIndex() + 1) % control.count()
        control.setCurrentIndex(n)
        control.activated.emit(n)
        return control.itemData(n)
    if isinstance(control, QSpinBox):
        new = control.value() + (1 if control.value() < control.maximum() else -1)
        control.setValue(new)
        return new
    assert isinstance(control, QLineEdit)
    new = other_value(o)
    control.clear()
    qtbot.keyClicks(
        control, ",".join(new) if isinstance(new, tuple) else f"{new:g}" if isinstance(new, float) else str(new)
    )
    return new


def other_value(o: Option) -> Any:
    """A value that an option may have and does not have by default."""
    if o.type is tuple:
        return ("first", "second")
    if o.type is str:
        return "something"
    low = o.low if o.low is not None else 0.0
    high = o.high if o.high is not None else low + 100
    candidates = [v for v in (3, 0.5, 0.25, low, high) if low <= v <= high and v != o.default]
    return o.type(next(v for v in candidates if o.type is float or v == int(v)))


def flat(run: Run) -> dict[str, Any]:
    return {key: option_value(run, key) for key, _ in list_options(run.method)}


@pytest.mark.parametrize("method", methods.load())
def test_each_slider_changes_its_option_and_no_other(qtbot: QtBot, method: str) -> None:
    draft = Draft()
    draft.set("method", method)
    page = SettingsStep(draft)
    qtbot.addWidget(page)
    check_sliders(qtbot, page, draft, "train.epochs")
    draft.set("train.steps", 60)
    check_sliders(qtbot, page, draft, "train.steps")


def check_sliders(qtbot: QtBot, page: SettingsStep, draft: Draft, length: str) -> None:
    """Each slider changes its option; `length` is that of the first."""
    for row, key in zip(page.simple.rows, (length, "adapter.rank", "train.learning_rate"), strict=True):
        old_values = flat(draft.run)
        qtbot.keyClick(row.slider, Qt.Key.Key_Right)
        first = option_value(draft.run, key)
        qtbot.keyClick(row.slider, Qt.Key.Key_Right)
        new_values = flat(draft.run)
        assert {k for k in new_values if new_values[k] != old_values.get(k)} == {key}
        assert option_value(draft.run, key) > first > 0
        assert page.forms[1].lines[key].value == option_value(draft.run, key)
        row.reset.click()
        assert option_value(draft.run, key) == option_value(Run(), key)


def test_the_usual_learning_rate_lies_in_its_zone(qtbot: QtBot) -> None:
    page = SettingsStep(draft := Draft())
    qtbot.addWidget(page)
    for kind in ("lora", "full"):
        draft.set("adapter.type", kind)
        usual = draft.run.usual_learning_rate
        row, stops = page.simple.learning_rate, learning_rates(usual)
        first, last = row.slider._zone or (0, 0)
        assert stops[row.slider.value()] == usual and stops[first] >= usual / 2.01 and stops[last] <= usual * 2.01
        assert first < row.slider.value() < last
    assert "usual" in row.value.text() and not page.simple.strength.slider.isEnabled()
    draft.set("train.learning_rate", usual * 4)
    assert row.meaning.text() == f"High: {usual:g} is usual here. The loss may jump."
