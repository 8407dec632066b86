"""What a run learns from, as hashes: a run that goes on is told where something is not what it was."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.data.batch.groups import Group, row_texts
from core.errors import ChangedInputs
from core.files.checksums import hash_file
from core.reference.frozen_model import ModelSource
from core.resolved import InputFacts
from core.rollouts.prompts import Prompt
from core.run import Run
from core.text.sentence import capitalize, join_and, say
from core.training.data_setup import TrainingData

NAMES = {
    "dataset": say("the dataset"),
    "held_out": say("the held-out rows"),
    "chat_template": say("the chat template"),
    "model": say("the model"),
    "adapter": say("the adapter it started from"),
    "reward_file": say("the reward file"),
    "replay": say("the recorded answers"),
    "teacher": say("the teacher"),
    "reference": say("the reference model"),
}
# Of a longer file, as many pieces are read: a model is known by them, and hashing 100 GB would take a minute.
_PIECES, _PIECE_BYTES = 64, 1 << 20


def input_facts(
    run: Run,
    data: TrainingData,
    held_out: Iterable[Any],
    teacher: ModelSource | None = None,
    reference: ModelSource | None = None,
) -> InputFacts:
    """The hashes of what a run learns from; `held_out` are the rows, or prompts, that it is measured on."""
    o = run.options
    reward_file, replay = getattr(o, "reward_file", ""), getattr(o, "replay", None)
    return InputFacts(
        dataset=data.dataset.facts.sha256,
        held_out=_hash_rows(held_out),
        chat_template=_hash_text(json.dumps(getattr(data.tokenizer, "chat_template", None), default=str)),
        model=hash_folder(data.model_folder),
        adapter=hash_folder(Path(run.adapter.init).expanduser()) if run.adapter.init else None,
        reward_file=hash_file(Path(reward_file).expanduser()) if reward_file else None,
        replay=hash_file(Path(replay).expanduser()) if replay else None,
        teacher=_hash_source(teacher),
        reference=_hash_source(reference),
    )


def find_changes(resolved: Mapping[str, Any], inputs: InputFacts) -> list[str]:
    """In words, what is not as resolved.json has it. What it says nothing about counts as unchanged."""
    before = resolved.get("inputs")
    if not isinstance(before, dict):
        return []
    return [words for name, words in NAMES.items() if name in before and before[name] != getattr(inputs, name)]


def check_changes(folder: Path, resolved: Mapping[str, Any], inputs: InputFacts, accepted: bool) -> str:
    """A sentence about what has changed and was accepted, "" for nothing. Raises ChangedInputs where it was not."""
    changes = find_changes(resolved, inputs)
    if not changes:
        return ""
    listed = capitalize(join_and(changes))
    if len(changes) == 1 and not changes[0].endswith("s"):
        sentence = say("{listed} is not what {folder} has learned with so far", listed=listed, folder=folder)
    else:
        sentence = say("{listed} are not what {folder} has learned with so far", listed=listed, folder=folder)
    if not accepted:
        advice = say("go on all the same with --accept-changes, or start a new run")
        raise ChangedInputs(say("{sentence}; {advice}.", sentence=sentence, advice=advice), tuple(changes))
    return say("{sentence}, as accepted.", sentence=sentence)


def hash_folder(folder: Path) -> str:
    """One SHA-256 over the settings, templates and weights in a model's folder."""
    digest = hashlib.sha256()
    files = {path for kind in ("*.json", "*.safetensors", "*.jinja", "*.model") for path in folder.glob(kind)}
    for path in sorted(path for path in files if path.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            if size <= _PIECES * _PIECE_BYTES:
                digest.update(file.read())
                continue
            for n in range(_PIECES):  # from the first byte to the last
                file.seek(n * (size - _PIECE_BYTES) // (_PIECES - 1))
                digest.update(file.read(_PIECE_BYTES))
    return digest.hexdigest()


def _hash_source(source: ModelSource | None) -> str | None:
    """The hash of another model, with that of the adapter on it."""
    if source is None:
        return None
    model = hash_folder(source.folder)
    return model if source.adapter is None else _hash_text(model + hash_folder(source.adapter))


def _hash_rows(rows: Iterable[Any]) -> str:
    """What the model sees of rows, and what it is measured by."""
    digest = hashlib.sha256()
    for row in rows:
        if isinstance(row, Prompt):
            digest.update(json.dumps([row.tokens, row.expected]).encode())
            continue
        digest.update(json.dumps(dict(row.values) if isinstance(row, Group) else {}, sort_keys=True).encode())
        for text in row_texts(row):
            digest.update(len(text.tokens).to_bytes(8, "little"))
            digest.update(np.ascontiguousarray(text.tokens).tobytes() + np.ascontiguousarray(text.mask).tobytes())
    return digest.hexdigest()


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
