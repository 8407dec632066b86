"""Small things that a person reads: reasons, memory, the run in a sentence, tabs without gaps."""

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.new_run import memory_fit
from app.new_run.check_step import summarize_run
from app.new_run.disabled_reasons import find_reasons, use_labels
from app.runs.settings_text import list_options
from app.widgets.tabs import Tabs
from core.run import Run
from core.text.sentence import say


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            say("The reward {name!r} needs {flag}.", name="file", flag="--reward-file"),
            "The reward 'Your own file' needs “Reward file”.",
        ),
        ("max_seq_len is too short for --lora-r.", "“Maximum length” is too short for “Rank”."),
        ("Give either steps or epochs, not both.", "Give either steps or epochs, not both."),
        ("There is no --such-flag in q_proj.", "There is no --such-flag in q_proj."),
    ],
)
def test_options_are_called_as_the_window_calls_them(sentence: str, expected: str) -> None:
    assert use_labels(sentence, "grpo") == expected


def test_the_help_of_an_option_calls_its_choices_as_the_window_does(german: None) -> None:
    options = dict(list_options("distill"))
    for option in options.values():
        quoted = [c for c in option.choices for text in (option.help, option.when) if f"„{c}“" in text]
        assert all(option.labels[choice] == choice for choice in quoted), option.name
    assert "Wählen Sie „4 Bit NF4“, wenn" in options["model.quantization"].when
    assert "„Automatisch“" in options["neural_engine"].help  # a choice of the backend
    assert options["train.forgetting"].labels == {"auto": "Automatisch", "off": "Aus", "on": "Ein"}


def test_nothing_is_ruled_out_but_packing_the_scales_of_what_is_not_packed() -> None:
    assert list(find_reasons(Run())) == ["model.double_quantization"]
    assert "model.double_quantization" not in find_reasons(Run().replace("model.quantization", "fp4"))
    assert "full" in find_reasons(Run().replace("adapter.init", "somewhere"))["adapter.type"]


def test_the_run_in_a_sentence() -> None:
    run = Run(method="dpo").replace("adapter.type", "dora").replace("model.quantization", "nf4")
    assert (
        summarize_run(run) == "DPO with DoRA of rank 16 over a 4 bit NF4 base: Starter model learns from Sample data."
    )
    assert summarize_run(Run().replace("adapter.type", "full")).startswith("SFT with all weights: ")


def test_memory_grows_with_what_is_asked_and_a_pair_counts_twice() -> None:
    run = Run().replace("data.max_seq_len", 16)
    assert memory_fit.count_longest_row(run) == 16
    assert memory_fit.count_longest_row(Run(method="dpo").replace("data.max_seq_len", 16)) == 32
    estimates = memory_fit.estimate_memory({"lora": Run(), "full": Run().replace("adapter.type", "full")})
    assert set(estimates) == {"lora", "full"}
    assert all(fit.amount.endswith(("MB", "GB")) and not fit.advice for fit in estimates.values())
    assert memory_fit.estimate_memory({"": Run().replace("model.path", "nobody/has-this")}) == {}


def test_a_hidden_tab_leaves_no_gap(qtbot: QtBot) -> None:
    tabs = Tabs("Views")
    qtbot.addWidget(tabs)
    pages = [tabs.add(name, QWidget()) for name in ("First", "Second", "Third")]
    tabs.show()
    positions = [tabs.bar.tabRect(i).x() for i in range(3)]
    tabs.set_visible(pages[1], False)
    assert tabs.bar.tabRect(2).x() == positions[1]
    tabs.set_visible(pages[1], True)
    assert [tabs.bar.tabRect(i).x() for i in range(3)] == positions
    assert tabs.bar.tabText(1) == "Second"
