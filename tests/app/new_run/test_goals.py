"""The first step: every method as a goal, in its group, grey with the reason where the data do not suit it."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.new_run import goals
from app.new_run.preflight import run_checks
from app.shell.window import MainWindow
from core import methods, resources
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from core.run import Run, list_options
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
    common = {key for key, _ in list_options("sft") if key != "method" and not key.startswith("options.")}
    for method in methods.load():
        draft.set("method", "dpo" if method == "sft" else "sft")
        before = flat(draft.run)
        window.wizard.goal.cards.cards[method].radio.click()
        assert draft.run.method == method
        assert {key: flat(draft.run)[key] for key in common} == {key: before[key] for key in common}


@pytest.mark.parametrize("method", {spec.data: name for name, spec in methods.load().items()}.values())
def test_the_sample_data_follow_the_goal(qtbot: QtBot, window: MainWindow, method: str) -> None:
    window.draft.set("method", method)
    window.wizard.show_named("data")
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
    qtbot.wait(50)
    place = page.cards.pos()
    window.draft.set("data.path", str(dataset))
    dpo = page.cards.cards["dpo"]
    qtbot.waitUntil(lambda: not dpo.radio.isEnabled())
    qtbot.wait(50)
    assert page.cards.pos() == place  # nothing moves under the pointer
    assert page.advice.text() == "Your data: mine.jsonl. Goals that need other data are grey."
    assert dpo.reason.text() == "mine.jsonl has no pairs of a better and a worse answer."
    assert page.cards.cards["sft"].radio.isEnabled()
    before = flat(window.draft.run)
    page.set_aside.click()
    after = flat(window.draft.run)
    assert {k for k in after if after[k] != before[k]} == {"data.path"}
    qtbot.waitUntil(dpo.radio.isEnabled)
    assert page.set_aside.isHidden() and page.advice.text().startswith("Choose by what you have")


def test_data_that_cannot_be_read_rule_nothing_out(tmp_path: Path) -> None:
    assert goals.unsuited_reasons(Run().replace("data.path", str(tmp_path / "gone.jsonl"))) == {}


def test_the_demo_never_follows_the_draft(qtbot: QtBot, window: MainWindow) -> None:
    welcome, started = window.welcome, []
    window.draft.take(Run(method="dpo").replace("adapter.rank", 24))
    assert "by SFT" in welcome.demo_door.text.text()
    welcome.demo.connect(started.append)
    welcome.demo_button.click()
    assert started == [Run()]


def test_good_data_for_another_method_are_not_called_broken(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "marks.jsonl"
    path.write_bytes(resources.sample(UNPAIRED).read_bytes())
    window.draft.set("method", "dpo")
    window.draft.set("data.path", str(path))
    window.go("new")
    window.wizard.show_named("data")
    page = window.wizard.data
    qtbot.waitUntil(lambda: page.notice.switch.isVisible(), timeout=20_000)
    assert page.notice.switch.text() == "Switch to KTO"
    assert page.notice.sentence.text() == "This fits KTO."
    reason = "marks.jsonl has no pairs of a better and a worse answer."
    assert page.notice.advice.text() == f"{reason} Nothing is wrong with the file."
    assert page.notice.y() > page.preview.y() > page.file.y()  # what is read stays in its place
    assert page.blocked_reason() == f"{reason} This fits KTO."
    assert page.file.sentence.text() == "300 rows" and not page.columns.isVisible()
    checks = {check.key: check for check in run_checks(window.draft.run)}
    assert checks["data"].sentence == page.blocked_reason()
    page.notice.switch.click()
    assert window.draft.run.method == "kto"
    qtbot.waitUntil(lambda: page.scanned is not None and page.scanned.usable > 0)
    assert not page.notice.isVisible() and page.blocked_reason() == ""


@pytest.mark.parametrize(("kind", "method", "title"), [(PAIRS, "dpo", "DPO"), (UNPAIRED, "kto", "KTO")])
def test_data_that_say_more_than_sft_learns_lead_to_their_method(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, kind: str, method: str, title: str
) -> None:
    path, page = tmp_path / "rows.jsonl", window.wizard.data
    path.write_bytes(resources.sample(kind).read_bytes())
    window.draft.set("data.path", str(path))
    window.go("new")
    window.wizard.show_named("data")
    qtbot.waitUntil(page.notice.switch.isVisible, timeout=20_000)
    assert page.notice.switch.text() == f"Switch to {title}" and page.blocked_reason() == ""
    assert page.notice.sentence.text().startswith(f"{title} learns from the ")
    page.notice.switch.click()
    qtbot.waitUntil(
        lambda: page.scanned is not None and page.notice.looking is not None and page.notice.looking.isFinished()
    )
    assert window.draft.run.method == method and not page.notice.isVisible()


def test_plain_examples_lead_nowhere_else(tmp_path: Path) -> None:
    for kind, method in ((TEXT, "sft"), (QUESTIONS, "sft"), (PAIRS, "dpo"), (PAIRS, "distill")):
        path = tmp_path / f"{kind}.jsonl"
        path.write_bytes(resources.sample(kind).read_bytes())
        assert goals.find_richer(Run(method=method).replace("data.path", str(path))) is None, (kind, method)


def test_what_data_fit(tmp_path: Path) -> None:
    def find(method: str, kind: str) -> tuple[tuple[str, ...], str]:
        path = tmp_path / f"{kind}.jsonl"
        path.write_bytes(resources.sample(kind).read_bytes())
        misfit = goals.find_misfit(Run(method=method).replace("data.path", str(path)))
        return (misfit.fitting, misfit.sentence) if misfit else ((), "")

    assert find("dpo", UNPAIRED) == (("kto", "sft", "grpo"), "This fits KTO.")
    assert find("kto", TEXT) == (("sft", "grpo"), "This fits SFT, and also GRPO.")
    assert find("dpo", PAIRS) == find("kto", UNPAIRED) == ((), "")
    assert goals.find_misfit(Run(method="kto").replace("data.path", str(tmp_path / "gone.jsonl"))) is None
