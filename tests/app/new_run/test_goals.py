"""The first step: every method as a goal, in its group, grey with the reason where the data do not suit it."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.new_run import goals
from app.shell.window import MainWindow
from core import methods, resources
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from core.run import Run, every_option
from tests.app.new_run.test_form import flat


def test_every_method_is_in_one_group_and_the_first_is_the_one_to_begin_with() -> None:
    groups = goals.groups()
    assert sorted(m for g in groups for m in g.methods) == sorted(methods.load())
    assert {g.group.title: g.methods[0] for g in groups}["Preferences"] == "dpo"
    assert groups[0].methods == ("sft",)
    assert [(g.group.title, g.methods) for g in groups] == [
        ("Examples", ("sft",)),
        ("Preferences", ("dpo", "kto", "orpo", "simpo")),
        ("Reasoning", ("grpo", "dapo")),
        ("Distillation", ("distill",)),
    ]


def test_a_card_changes_the_method_alone(qtbot: QtBot, window: MainWindow) -> None:
    draft = window.draft
    common = {key for key, _ in every_option("sft") if key != "method" and not key.startswith("options.")}
    for method in methods.load():
        draft.set("method", "dpo" if method == "sft" else "sft")
        before = flat(draft.run)
        window.wizard.goal.cards.cards[method].radio.click()
        assert draft.run.method == method
        assert {key: flat(draft.run)[key] for key in common} == {key: before[key] for key in common}


@pytest.mark.parametrize("method", {spec.data: name for name, spec in methods.load().items()}.values())
def test_the_sample_data_follow_the_goal(qtbot: QtBot, window: MainWindow, method: str) -> None:
    window.draft.set("method", method)
    window.wizard.show_named("Data")
    page = window.wizard.data
    qtbot.waitUntil(lambda: page.head is not None and bool(page.head.examples))
    assert page.head is not None
    example = page.head.examples[0]
    kind = methods.load()[method].data
    assert bool(example.chosen) == (kind == PAIRS)
    assert (example.label is not None) == (kind == UNPAIRED)
    assert goals.unsuited_reasons(window.draft.run) == {}


@pytest.mark.parametrize("kind", [TEXT, PAIRS, UNPAIRED, QUESTIONS])
def test_data_rule_out_what_they_cannot_serve(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(resources.sample(kind).read_bytes())
    reasons = goals.unsuited_reasons(Run().replace("data.path", str(path)))
    for name, spec in methods.load().items():
        if spec.data == kind:
            assert name not in reasons
        if name in reasons:
            assert reasons[name] == f"mine.jsonl has {goals.LACKS[spec.data]}."
    if kind == TEXT:
        assert {"dpo", "kto"} & set(reasons)


def test_goals_are_grey_with_their_reason_and_one_button_puts_it_right(
    qtbot: QtBot, window: MainWindow, dataset: Path
) -> None:
    page = window.wizard.goal
    window.draft.set("data.path", str(dataset))
    dpo = page.cards.cards["dpo"]
    qtbot.waitUntil(lambda: not dpo.radio.isEnabled())
    assert dpo.reason.text() == "mine.jsonl has no pairs of a better and a worse answer."
    assert page.cards.cards["sft"].radio.isEnabled()
    before = flat(window.draft.run)
    page.set_aside.click()
    after = flat(window.draft.run)
    assert {k for k in after if after[k] != before[k]} == {"data.path"}
    qtbot.waitUntil(dpo.radio.isEnabled)
    assert page.notice.isHidden()


def test_data_that_cannot_be_read_rule_nothing_out(tmp_path: Path) -> None:
    assert goals.unsuited_reasons(Run().replace("data.path", str(tmp_path / "gone.jsonl"))) == {}


def test_the_demo_follows_the_goal() -> None:
    for name in methods.load():
        assert goals.demo_run(Run(method=name)) == Run(method="sft" if name == "distill" else name)
