"""Every shape of the tables *_shapes.py and shapes.py: what a person is told, and what is learned, word by word."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from core.data.dataset import load_dataset
from core.data.kinds import PAIRS, QUESTIONS
from core.data.tokenize.encode import Encoded, encode_example, encode_prompt
from core.errors import BadData, Unavailable
from tests.cases.carded_shapes import CARDED
from tests.cases.choice_shapes import CHOICES
from tests.cases.everyday_shapes import EVERYDAY
from tests.cases.exported_shapes import EXPORTED
from tests.cases.file_shapes import FILES
from tests.cases.hub_sets import HUB_SETS
from tests.cases.mark_shapes import MARKS
from tests.cases.message_shapes import MESSAGES
from tests.cases.packed_shapes import PACKED
from tests.cases.people_shapes import PEOPLE
from tests.cases.public_shapes import PUBLIC
from tests.cases.shapes import CASES, Case
from tests.cases.written_shapes import WRITTEN
from tests.core.data.conftest import make_tokenizer

ROLES = {"S": "system", "D": "developer", "U": "user", "A": "assistant", "T": "tool"}


def expand(line: str) -> str:
    """The short form of a text as the ChatML template of the tests writes it, with what is learned in brackets."""
    if line.partition(" ")[0].rstrip("*") not in ROLES:
        prompt, _, completion = line.partition("*")
        return f"{prompt}[{completion}</s>]"
    written = ""
    for turn in line.split(" | "):
        speaker, _, text = turn.partition(" ")
        opening = f"<|im_start|>{ROLES[speaker.rstrip('*')]}\n"
        written += f"{opening}[{text}<|im_end|>\n]" if "*" in speaker else f"{opening}{text}<|im_end|>\n"
    return written


def show(row: Encoded, tokenizer: Any) -> str:
    """The text of an encoded row with what is learned in brackets; characters may be of several tokens."""
    runs = itertools.groupby(zip(row.tokens.tolist(), row.mask.tolist(), strict=True), key=lambda pair: bool(pair[1]))
    texts = [(learned, tokenizer.decode([token for token, _ in run])) for learned, run in runs]
    return "".join(f"[{text}]" if learned else text for learned, text in texts)


@pytest.mark.parametrize(
    "case",
    (
        *CASES,
        *CHOICES,
        *FILES,
        *CARDED,
        *HUB_SETS,
        *PUBLIC,
        *MESSAGES,
        *MARKS,
        *WRITTEN,
        *PACKED,
        *EXPORTED,
        *PEOPLE,
        *EVERYDAY,
    ),
    ids=lambda case: case.name.replace(" ", "-"),
)
def test_what_comes_of_it(case: Case, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.content)
    tokenizer = make_tokenizer(case.template)
    try:
        dataset = load_dataset(path, case.kind, **case.options)
    except (BadData, Unavailable) as error:
        assert not case.learned, error
        assert case.says in str(error)
        return
    texts, notes = [], []
    for example in dataset.examples:
        if case.kind == QUESTIONS:
            prompt = encode_prompt(example, tokenizer)
            assert prompt is not None
            opening = "<|im_start|>assistant\n" if example.messages is not None else ""
            texts.append(
                f"{tokenizer.decode(list(prompt.tokens)).removesuffix(opening)} ? {example.answer or ''}".rstrip()
            )
            continue
        rows = encode_example(example, tokenizer, train_on="answers", max_len=case.max_len)
        texts += [show(row, tokenizer) for row in rows]
        notes += [row.note for row in rows]
    expected = [expand_question(line) if case.kind == QUESTIONS else expand(line) for line in case.learned]
    assert texts == expected
    findings = [f for f in dataset.findings if f.severity != "note"]
    codes = tuple(dict.fromkeys(f.code for f in findings)) + (
        ("not-written",) if any("does not write" in n for n in notes) else ()
    )
    assert codes == case.told, [str(f) for f in findings]
    assert case.says in " ".join([*(str(f) for f in findings), *notes])
    assert case.kind != PAIRS or len(texts) == 2 * len(dataset.examples)


def expand_question(line: str) -> str:
    prompt, _, answer = line.rpartition(" ?")
    text = expand(prompt) if prompt.partition(" ")[0] in ROLES else prompt
    return f"{text} ?{answer}".rstrip()
