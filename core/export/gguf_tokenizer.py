"""A model's tokenizer in GGUF's terms: tokens with scores and types, merges, and llama.cpp's way to split text."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import BadModel
from core.export.pre_tokenizers import find_pre_tokenizer, flat_parts
from core.text.sentence import say

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6  # gguf.TokenType
_UNMERGED = -1e9  # score of a token that no merge makes: it is only ever a single character


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer as GGUF holds it."""

    model: str  # "gpt2" for byte-level BPE, "llama" for SentencePiece's
    pre: str  # id of the way to split; "default" for SentencePiece's
    tokens: list[str]  # by id, as many as the embedding has rows
    types: list[int]
    scores: list[float] | None  # of SentencePiece
    merges: list[str] | None  # of byte-level BPE
    add_bos: bool
    add_space_prefix: bool | None  # None: the model's usual way
    strips: tuple[str, ...] = ()  # special tokens that take the spaces behind them
    notes: tuple[str, ...] = ()  # what is not carried, in sentences


def describe_tokenizer(folder: Path, rows: int, tokenizer: Any) -> Vocabulary:
    """The tokenizer of a model folder.

    Arguments:
        folder: has the tokenizer.json.
        rows: of the embedding; the tokens behind the tokenizer's last one are unused.
        tokenizer: what load_tokenizer(folder) gave.

    Raises BadModel, with the reason, where llama.cpp would give other token ids.
    """
    spec = json.loads(tokenizer.backend_tokenizer.to_str())
    model = spec["model"]
    if model.get("type") != "BPE":
        raise BadModel(
            say("{folder}: GGUF has no form for a tokenizer of the kind {kind}.", folder=folder, kind=model.get("type"))
        )
    tokens, types = _tokens(spec, rows, folder)
    strips = tuple(added["content"] for added in spec["added_tokens"] if added.get("rstrip"))
    notes: list[str] = []
    if strips and not set(tokens) >= _PHI_TOKENS:
        notes.append(
            say("llama.cpp keeps the spaces behind {strips}, which the model's own tokenizer drops.", strips=strips[0])
        )
    add_bos = adds_bos(tokenizer)
    if model.get("byte_fallback"):
        scores = _scores(spec, tokens, types, folder)
        prefix = _prefixes_space(spec)
        return Vocabulary("llama", "default", tokens, types, scores, None, add_bos, prefix, strips, tuple(notes))
    merges = [_merge_text(pair) for pair in model["merges"]]
    pre, note = find_pre_tokenizer(tokenizer.backend_tokenizer, folder)
    notes += [note] if note else []
    if spec.get("normalizer"):
        notes.append(
            say("Text in a decomposed Unicode form gets other tokens in llama.cpp, which does not normalize it.")
        )
    return Vocabulary("gpt2", pre, tokens, types, None, merges, add_bos, None, strips, tuple(notes))


# llama.cpp goes by the model's name: one of Phi 3 has tokens that take the spaces behind them, and has to have these.
_PHI_TOKENS = {"</s>", "<unk>", "<s>", "<|endoftext|>"}
_NAMES_WITH_A_MEANING = re.compile(r"(phi)-?(3)|(modern)-(bert)", re.IGNORECASE)


def safe_name(name: str, vocabulary: Vocabulary) -> str:
    """A name for the model from which llama.cpp draws the right conclusions about its tokens, and no others."""
    if vocabulary.strips and set(vocabulary.tokens) >= _PHI_TOKENS:
        return name if re.search(r"phi-?3", name, re.IGNORECASE) else f"Phi-3 {name}"
    return _NAMES_WITH_A_MEANING.sub(lambda match: " ".join(part for part in match.groups() if part), name)


def _tokens(spec: dict[str, Any], rows: int, folder: Path) -> tuple[list[str], list[int]]:
    """The tokens by id with their types, padded to `rows`."""
    tokens, types = [f"[PAD{i}]" for i in range(rows)], [UNUSED] * rows
    byte_fallback, unknown = bool(spec["model"].get("byte_fallback")), spec["model"].get("unk_token")
    for token, id in spec["model"]["vocab"].items():
        if id >= rows:
            raise BadModel(
                say(
                    "{folder}: the tokenizer has a token with the number {number}, the embedding {rows} rows.",
                    folder=folder,
                    number=id,
                    rows=rows,
                )
            )
        is_byte = byte_fallback and len(token) == 6 and token.startswith("<0x") and token.endswith(">")
        tokens[id], types[id] = token, BYTE if is_byte else UNKNOWN if token == unknown else NORMAL
    for added in spec["added_tokens"]:
        if added["id"] >= rows:
            raise BadModel(
                say(
                    "{folder}: the tokenizer has a token with the number {number}, beyond the embedding.",
                    folder=folder,
                    number=added["id"],
                )
            )
        if types[added["id"]] != UNKNOWN:
            types[added["id"]] = CONTROL if added["special"] else USER_DEFINED
        tokens[added["id"]] = added["content"]
    return tokens, types


def _scores(spec: dict[str, Any], tokens: Sequence[str], types: Sequence[int], folder: Path) -> list[float]:
    """A score for each token, by which llama.cpp merges SentencePiece's pieces: the rank of the merges that make it.

    Raises BadModel where the merges of one token are not neighbours: then no scores give the same order.
    """
    first: dict[str, int] = {}
    last = ""
    for rank, pair in enumerate(spec["model"]["merges"]):
        left, right = pair if isinstance(pair, list) else pair.split(" ", 1)
        made = left + right
        if made != last and made in first:
            raise BadModel(
                say(
                    "{folder}: GGUF has no form for this tokenizer: its merges are not those of SentencePiece.",
                    folder=folder,
                )
            )
        first.setdefault(made, rank)
        last = made
    return [
        0.0 if kind in (CONTROL, UNKNOWN, BYTE, USER_DEFINED) else -float(first[token]) if token in first else _UNMERGED
        for token, kind in zip(tokens, types, strict=True)
    ]


def _prefixes_space(spec: dict[str, Any]) -> bool:
    """Whether a SentencePiece tokenizer puts a space before a text."""
    parts = [part for key in ("normalizer", "pre_tokenizer") for part in flat_parts(spec.get(key))]
    return any(
        part["type"] == "Prepend" or (part["type"] == "Metaspace" and part.get("prepend_scheme", "always") != "never")
        for part in parts
    )


def adds_bos(tokenizer: Any) -> bool:
    """Whether a plain text gets the token of its beginning."""
    ids = tokenizer("x", add_special_tokens=True)["input_ids"]
    return tokenizer.bos_token_id is not None and ids[:1] == [tokenizer.bos_token_id]


def _merge_text(pair: Any) -> str:
    """A merge as GGUF writes it: both parts with a space between them; a space inside is Ġ there."""
    parts = pair if isinstance(pair, list) else pair.split(" ", 1)
    return " ".join(part.replace(" ", "Ġ") for part in parts)
