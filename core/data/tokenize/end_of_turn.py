"""What ends an answer, worked out in one place: it is trained as a target and it stops every answer that is generated.

A tokenizer's end of text is often not what ends a turn: Llama 4, GLM and others name that in generation_config.json
alone, and a chat template chosen for a base model brings an end of its own.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.tokenize.answer_spans import MARK
from core.data.tokenize.render import TemplateRefused, render_with_fallbacks
from core.text.sentence import Sentence, say, shorten

_PROBE = ({"role": "user", "content": "?"}, {"role": "assistant", "content": MARK})


@dataclass(frozen=True)
class EndOfTurn:
    """What ends an answer of a model under its chat template."""

    token: str  # the token that ends an answer, such as "<|im_end|>"; "" where the model has none
    stops: tuple[int, ...]  # ids of every token at which generating ends, that of `token` first
    added: bool  # the chat template writes no such token behind an answer, so `token` is added behind the last one
    spelled_out: str = ""  # what the template writes behind an answer, where that is text and no token of the model

    def cut(self, text: str) -> str:
        """A generated text up to where the template's spelled-out end begins."""
        return text.partition(self.spelled_out)[0] if self.spelled_out else text

    def describe(self) -> Sentence:
        """A sentence for people."""
        if not self.token:
            return say("Nothing ends an answer: the model has no token for it, and answers go on until their longest.")
        if self.spelled_out:
            spelled_out = shorten(self.spelled_out, 60)
            return say(
                "Answers end with {spelled_out}, spelled out, and {token}.", spelled_out=spelled_out, token=self.token
            )
        return say("Answers end with {token}.", token=self.token)


def find_end_of_turn(tokenizer: Any) -> EndOfTurn:
    """What ends an answer, from the tokenizer, its chat template, and the generation_config.json and config.json beside
    it (in the folder that load_tokenizer() read)."""
    return _find(tokenizer, str(tokenizer.chat_template or ""), str(tokenizer.name_or_path or ""))


@functools.lru_cache(maxsize=8)
def _find(tokenizer: Any, template: str, folder: str) -> EndOfTurn:
    eos = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []
    known = [*eos, *(id for id in _configured_ids(folder) if id < len(tokenizer))]
    closing = _closing(tokenizer) if template else ""
    ids = tokenizer(closing, add_special_tokens=False)["input_ids"] if closing else []
    special = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    written = next((id for id in ids if id in special or id in known), None)
    stops = tuple(dict.fromkeys([*([] if written is None else [written]), *known]))
    token = str(tokenizer.convert_ids_to_tokens(stops[0])) if stops else ""
    # Behind plain text, and where the template writes no token, the first of the known ones is added.
    added = written is None and closing is not None
    return EndOfTurn(token, stops, added, spelled_out=closing or "" if added else "")


def configured_ids(settings: Any) -> list[int]:
    """The ids under "eos_token_id" of a config.json or generation_config.json: none, one or a list there."""
    value = settings.get("eos_token_id") if isinstance(settings, dict) else None
    ids = value if isinstance(value, list) else [value]
    return [id for id in ids if isinstance(id, int) and not isinstance(id, bool) and id >= 0]


def _configured_ids(folder: str) -> list[int]:
    """The ids that the files beside a tokenizer name as ends of a text."""
    ids: list[int] = []
    for name in ("generation_config.json", "config.json"):
        file = Path(folder) / name
        if folder and file.is_file():
            try:
                ids += configured_ids(json.loads(file.read_text(encoding="utf-8")))
            except (ValueError, RecursionError):  # told where the model is loaded; a tokenizer can do without
                continue
    return ids


def _closing(tokenizer: Any) -> str | None:
    """What the chat template writes behind an answer; None where it refuses a plain question and answer."""
    try:
        return render_with_fallbacks(_PROBE, (), tokenizer, False).text.rpartition(MARK)[2].strip()
    except TemplateRefused:
        return None
