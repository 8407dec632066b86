"""What is told of a model, and the second model of methods that have one."""

import json
import struct
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.desktop import preferences
from app.new_run.check import BAD
from app.new_run.model_check import check_model
from app.new_run.preflight import run_checks
from app.shell.window import MainWindow
from app.threads.model_library import describe_packing, read_model_facts
from core import methods
from core.errors import BadModel
from core.run import Run
from tests.app.new_run.test_form import flat


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, ""),
        ({"quantization": {"bits": 4, "group_size": 64}}, "4 bit affine"),
        ({"quantization": {"bits": 4, "group_size": 32, "mode": "mxfp4"}}, "4 bit MXFP4"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "4 bit gptq"),
        ({"quantization_config": {"quant_method": "fp8"}}, "fp8"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "4 bit bitsandbytes"),
        ({"quantization": "odd"}, ""),
    ],
)
def test_a_packed_model_is_called_what_it_is(config: dict[str, object], words: str) -> None:
    assert describe_packing(config) == words


def model(folder: Path, kind: str) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_text("{}")
    weights = json.dumps({"lm_head.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(weights)) + weights + bytes(4))
    return folder


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("model.safetensors", b"", "model.safetensors is empty"),
        ("model.safetensors", None, "model.safetensors is missing"),
        ("config.json", b"", "config.json cannot be read as JSON"),
        ("tokenizer.json", None, "has no tokenizer"),
    ],
)
def test_what_a_model_folder_lacks_is_told_where_it_is_chosen(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    folder = model(tmp_path / "m", "qwen3")
    run = Run().replace("model.path", str(folder))
    assert "qwen3" in check_model(run).text
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    with pytest.raises(BadModel, match=words):
        check_model(run)
    check = next(check for check in run_checks(run) if check.key == "model")
    assert (check.state, check.step) == (BAD, "model") and words in check.sentence


def test_an_unsupported_family_is_told_with_the_reason(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    page = window.wizard.model
    window.draft.set("model.path", str(model(tmp_path / "m", "bitnet")))
    window.wizard.show_named("model")
    qtbot.waitUntil(lambda: bool(page.blocked_reason()), timeout=30_000)
    assert page.blocked_reason().startswith("BitNet cannot be trained")
    assert read_model_facts(tmp_path / "m").architecture == "bitnet"


def test_an_untried_family_is_told_and_goes_on(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    page = window.wizard.model
    path = str(model(tmp_path / "m", "brand_new"))
    window.draft.set("model.path", path)
    window.wizard.show_named("model")
    qtbot.waitUntil(lambda: "not among those that are tried" in page.cards.cards[path].detail.text(), timeout=30_000)
    assert page.blocked_reason() == ""


def test_methods_with_another_model_have_a_place_to_choose_it(qtbot: QtBot, window: MainWindow) -> None:
    page, draft = window.wizard.model, window.draft
    window.wizard.show_named("model")
    for name, spec in methods.load().items():
        draft.set("method", name)
        assert page.second_model.isVisible() == (name in ("dpo", "kto", "distill")), name
        assert spec.data


def test_a_reference_is_chosen_by_menu_id_and_folder(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, draft = window.wizard.model, window.draft
    draft.set("method", "dpo")
    window.wizard.show_named("model")
    card = page.second_model
    old_values = flat(draft.run)
    place = card.choice.findData("base")
    card.choice.setCurrentIndex(place)
    card.choice.activated.emit(place)
    assert flat(draft.run) == {**old_values, "options.reference": "base"}
    card.id.setText("Qwen/Qwen3-0.6B")
    card.use_id.click()
    assert flat(draft.run) == {**old_values, "options.reference": "Qwen/Qwen3-0.6B"}
    assert card.choice.currentText() == "Qwen/Qwen3-0.6B"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    card.folder.click()
    assert flat(draft.run) == {**old_values, "options.reference": str(tmp_path)}
    card.choice.setCurrentIndex(0)
    card.choice.activated.emit(0)
    assert flat(draft.run) == old_values


def test_runs_of_this_sitting_and_models_on_this_computer_can_be_the_reference(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = model(tmp_path / "mine", "qwen3")
    monkeypatch.setattr(preferences, "model_folders", lambda: [str(local)])
    window.draft.set("method", "dpo")
    window.wizard.show_named("model")
    choice = window.wizard.model.second_model.choice
    qtbot.waitUntil(lambda: choice.findData(str(local)) >= 0, timeout=20_000)
    first = window.runs.start(Run())
    qtbot.waitUntil(lambda: window.jobs.current is None)
    assert choice.findData(str(first.folder)) < 0
    window.wizard.show_named("settings")
    window.wizard.show_named("model")
    qtbot.waitUntil(lambda: choice.findData(str(first.folder)) >= 0, timeout=20_000)
    assert choice.currentData() is None and window.draft.run.options.reference is None


def test_distillation_needs_a_teacher(window: MainWindow) -> None:
    window.draft.set("method", "distill")
    window.wizard.show_named("model")
    window.wizard.next_button.click()
    assert window.wizard.stack.currentWidget() is window.wizard.model
    check = next(run_checks(window.draft.run))
    assert (check.state, check.step) == (BAD, "model")
    window.draft.set("options.teacher", "starter")
    assert window.wizard.model.blocked_reason() == ""
    assert Run(method="distill").options.teacher is None
