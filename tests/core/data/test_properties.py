"""What holds for any file and any conversation, tried on many that no person would think of."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.data.dataset import load_dataset
from core.data.format.conversation import parse_messages, trim_to_last_answer
from core.data.format.example import Example, Unusable
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from core.data.preview.page import read_page, search_rows
from core.data.preview.scan import ScanResult, preview_files, scan_files
from core.data.read.reader import Finding, Row, read_rows
from core.data.tokenize.encode import encode_example
from core.errors import UserError
from tests.core.data.conftest import CHATML, make_tokenizer
from tests.core.data.tokenize.test_encode import ENDS_ONCE, INJECTS, OPENS, RETURNS, SEALS, THINKS, TRIMS, UNCLOSED

# Slow machines are no finding; the test's own time limit still catches what never ends.
quick = settings(deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])

NAMES = ("messages", "role", "content", "from", "value", "prompt", "completion", "text", "chosen", "rejected", "label")
WORDS = st.sampled_from((*NAMES, "user", "assistant", "human", "gpt", "", "{{name}}", "[", "\ud800", "é☃"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
PIECES = st.sampled_from(
    (
        *(b'{"text": "a"}', b"{", b"}", b"[", b"]", b'"', b"'", b"\\", b",", b":", b"\\ud800", b"1e999", b"nul"),
        *(b"\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b\x08", b"PAR1", b"text,b\n", b'"a\n'),
    )
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Any bytes; bytes that look like data; rows of any shape, as lines, as one array or printed over many lines."""
    form = draw(st.sampled_from(("bytes", "pieces", "lines", "array", "printed")))
    if form == "bytes":
        return draw(st.binary(max_size=200))
    if form == "pieces":
        return b"".join(draw(st.lists(PIECES, max_size=20)))
    rows = draw(st.lists(JSON, max_size=4))
    if form == "lines":
        return "\n".join(json.dumps(row) for row in rows).encode()
    return json.dumps(rows, indent=2 if form == "printed" else None).encode()


@quick
@given(files(), st.sampled_from((".jsonl", ".json", ".csv", ".tsv", ".txt", ".jsonl.gz", ".parquet", "")))
def test_any_file_gives_rows_and_findings_or_one_sentence(data: bytes, ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows{ending}"
        path.write_bytes(data)
        for kind in (TEXT, PAIRS, UNPAIRED, QUESTIONS):
            try:
                dataset = load_dataset(path, kind)
            except UserError as error:
                assert "\n" not in str(error).strip()
                continue
            assert dataset.examples
            assert all(isinstance(e, Example) for e in dataset.examples)
            assert all(isinstance(f, Finding) and f.message for f in dataset.findings)


@quick
@given(files(), st.sampled_from((".jsonl", ".json", ".csv", ".txt")))
def test_a_scan_agrees_with_reading(data: bytes, ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows{ending}"
        path.write_bytes(data)
        try:
            rows = [item for item in read_rows(path) if isinstance(item, Row)]
        except UserError:
            return
        last = list(scan_files(path, TEXT))[-1]
        assert isinstance(last, ScanResult)
        # By their text: a NaN, which JSON as people write it can hold, is not equal to itself.
        assert repr(last.index.read(0, len(rows) + 1)) == repr(rows)
        assert last.index.rows == len(rows)
        assert len(preview_files(path, TEXT).examples) == min(200, last.usable)
        page = read_page(last.index, last.parser, range(len(rows) + 1))
        assert repr([s.row for s in page]) == repr(rows)
        *_, search = search_rows(last.index, last.parser, key=lambda s: s.problem, descending=True)
        assert search.rows is not None
        assert sorted(search.rows.tolist()) == list(range(len(rows)))


TEMPLATES = (CHATML, TRIMS, INJECTS, ENDS_ONCE, THINKS, OPENS, RETURNS, SEALS, UNCLOSED)
TOKENIZERS = [make_tokenizer(template) for template in TEMPLATES]
START = "<|im_start|>"
# What a conversation says; special tokens written out in it would be special tokens.
CONTENT = st.text(st.characters(exclude_characters="<", exclude_categories=("Cs",)), max_size=12)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(("user", "assistant", "system", "tool")), "content": CONTENT},
        optional={"weight": st.sampled_from((0, 1))},
    ),
    max_size=6,
)


@quick
@given(MESSAGES, st.sampled_from(TOKENIZERS), st.sampled_from(("answers", "last")), st.integers(1, 150))
def test_only_answers_are_learned(messages: list[dict[str, Any]], tokenizer: Any, train_on: str, max_len: int) -> None:
    try:
        usable, _ = trim_to_last_answer(parse_messages(messages))
    except Unusable:
        return
    (row,) = encode_example(Example(1, messages=usable), tokenizer, train_on=train_on, max_len=max_len)
    assert row.tokens.shape == row.mask.shape
    assert len(row.tokens) <= max_len
    assert set(row.mask.tolist()) <= {0, 1}
    assert not row.mask[:1].any()
    allowed = []  # the template's own header says whose turn a token belongs to
    role = ""
    for id in row.tokens.tolist():
        text = tokenizer.decode([id])
        if text == START:
            role, header = "", True
        allowed.append(role == "assistant" and not header)
        if text != START and header:
            header = text != "\n"
            role += text if header else ""
    assert all(may_learn for may_learn, is_learned in zip(allowed, row.mask, strict=True) if is_learned)


@quick
@given(st.lists(JSON, max_size=4))
def test_any_value_is_a_conversation_or_unusable(value: list[Any]) -> None:
    try:
        messages, _ = trim_to_last_answer(parse_messages(value))
    except Unusable as problem:
        assert problem.remark.message
        return
    assert messages[-1]["role"] == "assistant"
    assert all(isinstance(m["content"], str) for m in messages)
