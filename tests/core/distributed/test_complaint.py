"""What a rank complains about comes to whoever launched it with its words, and with what has changed."""

import socket
from pathlib import Path

from core.distributed.complaint import LAUNCHED, complaint, understand
from core.errors import ChangedInputs, Unavailable
from core.text.sentence import Sentence, say

RANK = {LAUNCHED: "1"}
LOST = say("{machine} has ended unexpectedly. {advice}", machine="mini", advice=say("Resume."))


def as_told(sentence: str) -> str:
    return sentence


def test_alone_it_is_one_line() -> None:
    assert complaint(LOST, environment={}) == "hone: mini has ended unexpectedly. Resume."


def test_under_another_launcher_each_rank_but_the_first_tells_its_machine(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts.json"
    hosts.write_text('[["127.0.0.1:1"], ["127.0.0.1:2"]]')
    told = [complaint("It is full.", environment={"MLX_RANK": n, "MLX_HOSTFILE": str(hosts)}) for n in ("0", "1")]
    assert told == ["hone: It is full.", f"hone: {socket.gethostname()} (rank 1): It is full."]


def test_the_words_come_along() -> None:
    lines = ["a warning of a library", *complaint(LOST, environment=RANK).splitlines(), "and another"]
    error = understand(lines, as_told)
    told = str(error)
    assert isinstance(error, Unavailable) and told == "mini has ended unexpectedly. Resume."
    assert isinstance(told, Sentence) and told.words == LOST.words and told.values["advice"].words == "Resume."


def test_what_has_changed_comes_along() -> None:
    lines = complaint("The dataset is not what it was.", [say("the dataset"), "the model"], RANK).splitlines()
    error = understand(lines, lambda sentence: f"mini: {sentence}")
    assert isinstance(error, ChangedInputs) and error.changes == ("the dataset", "the model")
    assert str(error) == "mini: The dataset is not what it was."


def test_words_that_are_damaged_or_of_another_sentence_are_left_out() -> None:
    for words in ('hone-words: {"sente', "hone-words: []", complaint(LOST, environment=RANK).splitlines()[0]):
        error = understand([words, "hone: There is no dataset."], as_told)
        assert type(error) is Unavailable and str(error) == "There is no dataset."
    assert understand(["hone-words: {}", "Traceback"], as_told) is None
