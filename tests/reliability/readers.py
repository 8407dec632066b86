"""The readers of Hone, each with valid files of its kind: what the fuzz test damages, and feeds to them."""

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.kinds import PAIRS, QUESTIONS, UNPAIRED
from core.data.kinds import TEXT as PLAIN
from core.errors import UserError
from core.text.sentence import MAX_SENTENCE
from tests.reliability import valid_files
from tests.reliability.runs import MODEL

KINDS = (PLAIN, PAIRS, UNPAIRED, QUESTIONS)
CHAT = [{"role": "user", "content": "Käse?"}, {"role": "assistant", "content": "Ja ☃", "tool_calls": [{"name": "f"}]}]
ROWS = (
    {"messages": CHAT, "label": True, "tools": [{"name": "f"}]},
    {"conversations": [{"from": "human", "value": "q"}], "chosen": {"from": "gpt", "value": "a"}, "rejected": "b"},
    {"instruction": "i", "input": None, "output": "o", "history": [["q", "a"]]},
    {"question": "q", "answer": "#### {{n}} 1", "text": "['a', {'b': 1}]", "prompt": "p", "completion": "c"},
)
TABLE = 'question,answer,"long, name"\nq,"a\nb",1\n"w ""x""",y,\n'
CHAT_TEXT = (
    "[14.03.24, 18:02:11] Anna: Käse?\n14.03.24, 18:03 - Ben: Ja\nnoch\n15.03.24, 18:03 - Anna: <Media omitted>\n"
)
CARDS = "#separator:tab\n#html:false\n#tags column:3\nKäse?\tJa\tx\nq\ta\t\n"
POSTS = (
    {
        "type": "personal_chat",
        "id": 1,
        "messages": [
            {"type": "message", "date": "2024-03-14T18:02:00", "from": "Anna", "text": ["Käse", {"text": "?"}]}
        ],
    },
    {
        "channel": {},
        "messages": [
            {"type": "Default", "timestamp": "2024-03-14T18:02:00+00:00", "content": "Ja", "author": {"name": "ben"}}
        ],
    },
    {
        "participants": [],
        "messages": [{"sender_name": "Anna", "timestamp_ms": 1710435780000, "content": "K\u00c3\u00a4se?"}],
    },
)
TEXT = "# Title\n\nA paragraph\nof two lines.\n\nAnother {{name}}.\n"


class TooLong(AssertionError):
    """A sentence that is longer than sentences may be, or on several lines."""


@dataclass(frozen=True)
class Reader:
    """`read` is called with a folder in which the file `name`, damaged, lies beside what it needs."""

    name: str
    examples: tuple[bytes, ...]
    read: Callable[[Path], Any]
    share: float  # of all mutations: quick readers get more


def check_sentence(text: str) -> None:
    """Raise TooLong for what is no single short line."""
    if len(text) > MAX_SENTENCE or not text.isprintable() or not text.strip():
        raise TooLong(f"{len(text)} characters: {text[:400]!r}")


def _dataset(name: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        from core.data.dataset import load_dataset

        size = (folder / name).stat().st_size
        kind = KINDS[size % 4]
        columns = () if size % 5 else ("assistant=Anna",)
        dataset = load_dataset(folder / name, kind, columns=columns)
        for finding in dataset.findings:
            check_sentence(str(finding))

    return read


def _run_toml(folder: Path) -> None:
    from core.run import Run

    run = Run.read(folder / "run.toml")
    (folder / "again.toml").write_text(run.with_absolute_paths().to_toml(), encoding="utf-8")
    if Run.read(folder / "again.toml").to_toml() != run.with_absolute_paths().to_toml():
        raise AssertionError("run.toml is read otherwise than it was written")


def _events(folder: Path) -> None:
    from core.events import to_json
    from core.run.event_log import cut_log, read_log

    for _, event in read_log(folder / "events.jsonl"):
        if event is not None:
            to_json(event)
    cut_log(folder / "events.jsonl", folder / "checkpoints", 2)


def _samples(folder: Path) -> None:
    from core.rollouts.samples_file import read_samples
    from core.run.event_log import cut_samples

    path = folder / "samples.jsonl"
    cut_samples(path, 2)
    for group in read_samples(path, 100, skip_damaged=True):
        group.to_json()
    list(read_samples(path, 100))


def _resolved(folder: Path) -> None:
    from core.resolved import InputFacts
    from core.run.folder import RunFolder
    from core.training.inputs import find_changes

    facts = InputFacts("a", "b", "c", "d", None, None, None)
    find_changes(RunFolder(folder).read_resolved(), facts)


def _adapter(folder: Path) -> None:
    from core.adapters.files import choose_base_precision, read
    from core.adapters.load_adapter import load
    from core.model.build import build_model
    from core.model.check_folder import read_config

    choose_base_precision(folder, None)
    read(folder)
    load(build_model(MODEL, read_config(MODEL), False), folder)


def _config(folder: Path) -> None:
    from core.model.load import load

    load(folder, device="cpu")


def _weights(folder: Path) -> None:
    from core.model.check_folder import check_weights, read_config

    check_weights(folder, read_config(folder))


def _tokenizer(folder: Path) -> None:
    from core.data.tokenize.tokenizer import load_tokenizer

    load_tokenizer(folder)


def _template(folder: Path) -> None:
    from core.data.format.example import Example
    from core.data.tokenize.encode import encode_example
    from core.data.tokenize.templates import set_chat_template
    from core.data.tokenize.tokenizer import load_tokenizer

    if not _TOKENIZERS:
        _TOKENIZERS.append(load_tokenizer(MODEL))
    (tokenizer,) = _TOKENIZERS
    set_chat_template(tokenizer, str(folder / "chat_template.jinja"))
    messages = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"})
    for text in encode_example(Example(1, messages=messages), tokenizer, train_on="answers", max_len=64):
        if text.note:
            for sentence in text.note.split("\n"):  # one a line
                check_sentence(sentence)


_TOKENIZERS: list[Any] = []


def prepare(reader: Reader, folder: Path) -> None:
    """Lay what the reader needs into its folder."""
    if reader.read in (_config, _weights, _tokenizer):
        shutil.copytree(MODEL, folder, dirs_exist_ok=True)
    if reader.read is _adapter:
        for name, data in ADAPTER.items():
            (folder / name).write_bytes(data)


def outcome(reader: Reader, folder: Path) -> str:
    """ "read" or "refused". Raises whatever else the reader raises."""
    try:
        reader.read(folder)
    except UserError as error:
        check_sentence(str(error))
        return "refused"
    return "read"


def _lines(rows: Any) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


ADAPTER: dict[str, bytes] = {}


def readers() -> tuple[Reader, ...]:
    """All of them, with their shares."""
    chat, table, text = _lines(ROWS), TABLE.encode(), TEXT.encode()
    plain = [{"question": f"q{n}", "answer": "a"} for n in range(3)]
    array = json.dumps(ROWS, indent=1).encode()
    data = {
        "rows.jsonl": (chat, 20), "rows.json": (array, 20), "rows.csv": (table, 12),
        "rows.tsv": (table.replace(b",", b"\t"), 4),
        "rows.txt": (text, 4), "rows.md": (text, 2), "rows.parquet": (valid_files.parquet(plain), 3),
        "rows.arrow": (valid_files.arrow(plain), 3), "rows.jsonl.gz": (gzip.compress(chat, mtime=0), 8),
        "rows.zip": (valid_files.zipped(chat), 2),
    }  # fmt: skip
    chats = {
        "rows.txt": (CHAT_TEXT.encode(), CARDS.encode()),
        "rows.json": tuple(json.dumps(p).encode() for p in POSTS),
    }
    ADAPTER["adapter_config.json"] = valid_files.adapter_config()[0]
    ADAPTER["adapters.safetensors"] = valid_files.adapter_tensors()
    ADAPTER["adapter_model.safetensors"] = valid_files.adapter_tensors(peft=True)
    model = {path.name: path.read_bytes() for path in MODEL.iterdir() if path.is_file()}
    return (
        *(Reader(name, (valid, *chats.get(name, ())), _dataset(name), share) for name, (valid, share) in data.items()),
        Reader("run.toml", valid_files.run_toml(), _run_toml, 12),
        Reader("events.jsonl", (valid_files.events(),), _events, 20),
        Reader("samples.jsonl", (valid_files.samples(),), _samples, 20),
        Reader("resolved.json", (valid_files.resolved(),), _resolved, 12),
        Reader("adapter_config.json", valid_files.adapter_config(), _adapter, 0.6),
        Reader("adapters.safetensors", (valid_files.adapter_tensors(),), _adapter, 0.6),
        Reader("config.json", (model["config.json"],), _config, 0.15),
        Reader("generation_config.json", (model["generation_config.json"],), _config, 0.05),
        Reader("model.safetensors", (model["model.safetensors"],), _weights, 3),
        Reader("tokenizer_config.json", (model["tokenizer_config.json"],), _tokenizer, 0.4),
        Reader("tokenizer.json", (model["tokenizer.json"],), _tokenizer, 0.4),
        Reader("chat_template.jinja", (valid_files.TEMPLATE.encode(),), _template, 1),
    )
