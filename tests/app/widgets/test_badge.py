"""The badge of a run's backend and precision."""

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.widgets.badge import BackendBadge, _Popup


def test_the_badge_says_when_something_else_is_used(qtbot: QtBot) -> None:
    badge = BackendBadge()
    qtbot.addWidget(badge)
    cpu = {"requested": "gpu", "used": "cpu", "device": "A processor", "reason": "there is no GPU"}
    float32 = {"requested": "auto", "used": "float32", "reason": "the fastest"}
    badge.show_choices(cpu, float32)
    assert badge.text() == "CPU (MLX) · float32 · not as asked"
    badge.show_choices({**cpu, "requested": "auto"}, float32)
    assert badge.text() == "CPU (MLX) · float32"


def test_the_machines_of_a_run_are_told_with_why(qtbot: QtBot) -> None:
    badge = BackendBadge()
    qtbot.addWidget(badge)
    cpu = {"requested": "auto", "used": "cpu", "device": "A processor", "reason": "there is no GPU"}
    float32 = {"requested": "auto", "used": "float32", "reason": "the fastest"}
    link = {"requested": "auto", "used": "ring", "reason": "TCP connects any machines"}
    parts = {"requested": "auto", "used": "tensor", "reason": "mini has no room for the whole model"}
    hosts = [{"host": "studio"}, {"host": "mini"}]
    badge.show_choices(cpu, float32, {"ranks": hosts, "link": link, "sharding": parts})
    assert badge.text() == "CPU (MLX) · float32"
    popup = _Popup(badge, badge._choices)
    qtbot.addWidget(popup)
    told = [label.text() for label in popup.findChildren(QLabel)]
    assert {"Link between the machines", "ring", "studio, mini", "TCP connects any machines"} <= set(told)
    assert {"Parts of the model", "tensor", "mini has no room for the whole model"} <= set(told)


def test_the_badge_says_how_the_weights_are_held(qtbot: QtBot) -> None:
    badge = BackendBadge()
    qtbot.addWidget(badge)
    cpu = {"requested": "auto", "used": "cpu", "device": "A processor", "reason": "there is no GPU"}
    detail = "4 bit NF4, blocks of 64, scales packed too"
    packed = {"requested": "nf4", "used": "nf4", "detail": detail, "reason": "as asked", "compute": "float32"}
    badge.show_choices(cpu, packed)
    assert badge.text() == "CPU (MLX) · 4 bit NF4 · float32"
    affine = {
        "requested": "auto",
        "used": "4 bit affine",
        "detail": "4 bit affine",
        "reason": "already",
        "compute": "float32",
    }
    badge.show_choices(cpu, affine)
    assert badge.text() == "CPU (MLX) · 4 bit affine · float32"


def test_the_neural_engine_is_named_and_amber_where_it_was_asked_for_in_vain(qtbot: QtBot) -> None:
    badge = BackendBadge()
    qtbot.addWidget(badge)
    precision = {"requested": "none", "used": "none", "compute": "float32", "reason": "as asked"}
    used = {"used": True, "line": "Forward pass: Core ML, planned 97% on the Neural Engine; gradients: CPU."}
    backend = {"requested": "ane", "used": "cpu", "device": "Apple M4", "reason": "as asked", "neural_engine": used}
    badge.show_choices(backend, precision)
    assert badge.text().startswith("Neural Engine · CPU (MLX)") and "not as asked" not in badge.text()
    reason = "Neural Engine: not used. DoRA is not supported there; LoRA is."
    badge.show_choices({**backend, "neural_engine": {"used": False, "line": reason}}, precision)
    assert badge.text().startswith("CPU (MLX)") and badge.text().endswith("not as asked")
    popup = _Popup(badge, badge._choices)
    qtbot.addWidget(popup)
    assert reason in [label.text() for label in popup.findChildren(QLabel)]
