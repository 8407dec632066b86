"""The badge of a run's backend and precision."""

from pytestqt.qtbot import QtBot

from app.widgets.badge import BackendBadge


def test_the_badge_says_when_something_else_is_used(qtbot: QtBot) -> None:
    badge = BackendBadge()
    qtbot.addWidget(badge)
    cpu = {"requested": "gpu", "used": "cpu", "device": "A processor", "reason": "there is no GPU"}
    float32 = {"requested": "auto", "used": "float32", "reason": "the fastest"}
    badge.show_choices(cpu, float32)
    assert badge.text() == "CPU (MLX) · float32 · not as asked"
    badge.show_choices({**cpu, "requested": "auto"}, float32)
    assert badge.text() == "CPU (MLX) · float32"


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
