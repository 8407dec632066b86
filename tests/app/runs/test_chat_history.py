"""Conversations: what each model is told of them, and that they are kept for their owner alone, and not for ever."""

import stat
from pathlib import Path

import pytest

from app.runs import chat_history
from app.runs.chat_history import ChatHistory
from app.runs.conversation import Conversation, Speaker, Turn, split_thinking


def conversation(question: str = "Who are you?") -> Conversation:
    turns = [
        Turn(question, {"": "A model.", "/runs/a": "<think>Hm.</think>\nA pirate."}),
        Turn("And now?", {"": "", "/runs/a": "<think>Hm"}),
        Turn("Really?", system="Be short."),
    ]
    return Conversation("starter", "/runs/a", "Be short.", [Speaker("Untrained"), Speaker("a", "/runs/a")], turns)


def test_each_model_knows_its_own_answers_without_thinking() -> None:
    talk = conversation()
    texts = [(m["role"], m["content"]) for m in talk.messages("/runs/a", 2)]
    assert texts == [
        ("system", "Be short."), ("user", "Who are you?"), ("assistant", "A pirate."), ("user", "Really?"),
    ]  # fmt: skip
    assert talk.messages("", 1)[1]["content"] == "A model."
    assert [m["role"] for m in talk.messages("", 0)] == ["user"]  # it was asked before there was a system prompt
    old = talk.to_json()
    del old["turns"][0]["system"]
    assert Conversation.from_json(old).messages("", 0)[0]["content"] == "Be short."


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Plain.", ("", "Plain.")),
        ("<think>\nHm.\n</think>\n\nSo.", ("Hm.", "So.")),
        ("<think>Not done", ("Not done", "")),
    ],
)
def test_thinking_is_told_from_the_answer(text: str, parts: tuple[str, str]) -> None:
    assert split_thinking(text) == parts


def test_what_is_kept_can_be_read_again_by_its_owner_alone(tmp_path: Path) -> None:
    history = ChatHistory(tmp_path / "data" / "chats")
    path = history.new_path(conversation())
    history.keep(conversation(), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)} == {0o700}
    assert history.read(path) == conversation()
    assert [kept.title for kept in history.list("/runs/a")] == ["Who are you?"]
    assert history.list("/other/a") == []


def test_broken_files_are_left_out_and_old_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_history, "MOST_PER_RUN", 3)
    history = ChatHistory(tmp_path / "chats")
    paths = []
    for number in range(5):
        paths.append(history.new_path(conversation()))
        history.keep(conversation(f"question {number}"), paths[-1])
    assert [kept.title for kept in history.list("/runs/a")] == ["question 4", "question 3", "question 2"]
    paths[4].write_text('{"model": 1, "run": []}')
    paths[3].write_text("nonsense")
    assert [kept.path for kept in history.list("/runs/a")] == [paths[2]]
    history.delete(paths[2])
    history.delete(paths[2])
    assert history.list("/runs/a") == []
