"""The first page has no rail of steps and leads everywhere; the goals show what the chosen one needs, in one place."""

from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from app.desktop.machine import MachineFacts, describe_neural_engine
from app.new_run.goal_step import first_sentence
from app.pages.run import RunPage
from app.shell.window import MainWindow
from core import methods


def test_a_window_opens_with_the_welcome(qtbot: QtBot) -> None:
    window = MainWindow()
    qtbot.addWidget(window)
    window.show()
    assert window.stack.currentWidget() is window.welcome and not window.wizard.rail.isVisible()
    window.jobs.shut_down()


def test_each_door_leads_somewhere(qtbot: QtBot, window: MainWindow, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    welcome, asked = window.welcome, list[str]()
    window.go("welcome")
    monkeypatch.setattr(window.wizard.data, "choose", lambda: asked.append("data"))
    monkeypatch.setattr("app.shell.dialogs.choose_run_folder", lambda parent: asked.append("run"))
    welcome.data_button.click()
    assert asked == ["data"] and window.wizard.current is window.wizard.data and window.wizard.data.isVisible()
    window.go("welcome")
    welcome.run_button.click()
    assert asked == ["data", "run"]
    qtbot.mouseClick(welcome.demo_door, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    page = window.stack.currentWidget()
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: page.record.is_over)


def test_the_chosen_goal_tells_its_needs_without_moving_anything(qtbot: QtBot, window: MainWindow) -> None:
    goal = window.wizard.goal
    places = {key: card.geometry() for key, card in goal.cards.cards.items()}
    for key, spec in methods.load().items():
        window.draft.set("method", key)
        assert goal.about.heading.text() == spec.title
        assert goal.about.lines["You need"].text() == spec.needs
        assert goal.about.lines["Memory and time"].text() == spec.cost
        assert {k: card.geometry() for k, card in goal.cards.cards.items()} == places
    goal.methods_button.click()
    assert window.navigation.help is not None and window.navigation.help.pages["methods.md"].isVisible()
    window.navigation.help.close()


def test_one_line_is_the_first_sentence() -> None:
    assert first_sentence("One thing. Another.") == "One thing."
    assert first_sentence("Only one.") == "Only one."


def test_the_neural_engine_is_told() -> None:
    facts = MachineFacts({"neural_engine": None, "neural_engine_reason": "only a Mac has one"}, {})
    assert describe_neural_engine(facts) == "Neural Engine: not used – only a Mac has one."
    facts = MachineFacts({"neural_engine": "Core ML", "neural_engine_reason": "it is here"}, {})
    assert describe_neural_engine(facts) == "Neural Engine: may be used – it is here."
    assert describe_neural_engine(MachineFacts({}, {})) == ""


def test_a_ring_around_a_tab_is_for_the_keyboard_alone(qtbot: QtBot, window: MainWindow) -> None:
    bar = window.wizard.settings.tabs.bar
    window.wizard.show_step(3)
    bar.setFocus(Qt.FocusReason.OtherFocusReason)
    assert bar.hasFocus() and not bar.draws_ring  # type: ignore[attr-defined]
    window.wizard.next_button.setFocus()
    bar.setFocus(Qt.FocusReason.TabFocusReason)
    assert bar.draws_ring  # type: ignore[attr-defined]
