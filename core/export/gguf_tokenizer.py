"""A model's tokenizer in GGUF's terms: tokens with scores and types, merges, and the id of llama.cpp's way to split.

llama.cpp does not read how a tokenizer splits text: it knows a list of ways, each by its id. A way is taken only where
it gives the same token ids as the tokenizer itself, for awkward texts and for every token of the vocabulary.

Source of the ways: llm_tokenizer_bpe in llama.cpp's src/llama-vocab.cpp (of 2026-11).
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import BadModel
from core.export.awkward_texts import AWKWARD_TEXTS
from core.text.sentence import say

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6  # gguf.TokenType
_UNMERGED = -1e9  # score of a token that no merge makes: it is only ever a single character

_ENGLISH = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
_ANY_CASE = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
_UPPER, _LOWER = r"((?=[\p{L}])([^a-z]))", r"((?=[\p{L}])([^A-Z]))"
_REST_AND_SLASH = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_BEFORE = r"[^\r\n\p{L}\p{N}]?"


def _cased(end: str = "") -> str:
    """Words parted where lower case turns into upper case, each with what may follow it."""
    return f"{_BEFORE}{_UPPER}*{_LOWER}+{end}|{_BEFORE}{_UPPER}+{_LOWER}*{end}"


def _cased_originally(end: str = "") -> str:
    """The same with the classes that llama.cpp's patterns do not have."""
    upper, lower = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
    return f"{_BEFORE}{upper}*{lower}+{end}|{_BEFORE}{upper}+{lower}*{end}"


def _words(contractions: str, digits: int) -> str:
    """Words with what stands before them, and at most so many digits at once."""
    number = r"\p{N}" if digits == 1 else rf"\p{{N}}{{1,{digits}}}"
    return rf"{contractions}|{_BEFORE}\p{{L}}+|{number}|{_REST}"


class PreTokenizer(NamedTuple):
    """One of llama.cpp's ways to split text before merging."""

    id: str
    patterns: tuple[str, ...]  # applied one after the other
    ignore_merges: bool = False  # a piece that is a token is taken whole, whatever the merges say
    original: str = ""  # the pattern in tokenizer.json that it was made for


# The first that suits is taken: those that older versions of llama.cpp know stand before those of newer ones.
PRE_TOKENIZERS = (
    PreTokenizer("llama-bpe", (_words(_ENGLISH, 3),), True, _words(_ANY_CASE, 3)),
    PreTokenizer("qwen2", (_words(_ENGLISH, 1),), False, _words(_ANY_CASE, 1)),
    PreTokenizer("gpt-2", (_GPT2,)),
    PreTokenizer("smollm", (r"\p{N}", _GPT2)),
    PreTokenizer("dbrx", (_words(_ENGLISH, 3),)),
    PreTokenizer(
        "tekken",
        (_cased() + r"|\p{N}" + _REST_AND_SLASH,),
        True,
        _cased_originally() + r"|\p{N}" + _REST_AND_SLASH,
    ),
    PreTokenizer(
        "gpt-4o",
        (_cased(_ENGLISH + "?") + r"|\p{N}{1,3}" + _REST_AND_SLASH,),
        False,
        _cased_originally(_ANY_CASE + "?") + r"|\p{N}{1,3}" + _REST_AND_SLASH,
    ),
    PreTokenizer(
        "deepseek-v3",
        (
            r"\p{N}{1,3}",
            "[一-龥぀-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ),
    ),
    PreTokenizer("deepseek-coder", (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}")),
    PreTokenizer("viking", (r" ?[^(\s|.,!?…。，、।۔،)]+", r"\p{N}")),
)


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


def find_pre_tokenizer(backend: Any, folder: Path) -> tuple[str, str]:
    """The way to split for a tokenizers.Tokenizer: (its id in PRE_TOKENIZERS, a sentence on what differs or "").

    It is the one that was made for the tokenizer's own pattern; what llama.cpp then does differently is told. Else it
    is the first that gives the same ids for all texts. Raises BadModel where there is none.
    """
    texts = list(_probes(backend))
    expected = [encoding.ids for encoding in backend.encode_batch(texts, add_special_tokens=False)]
    patterns = _patterns(json.loads(backend.to_str()))
    nearest, differing = "", list[str]()
    for pre in sorted(PRE_TOKENIZERS, key=lambda pre: pre.original not in patterns):
        found = emulate(backend, pre).encode_batch(texts, add_special_tokens=False)
        wrong = [text for text, a, b in zip(texts, expected, found, strict=True) if a != b.ids]
        if not wrong:
            return pre.id, ""
        if pre.original in patterns:
            return pre.id, (
                say(
                    "llama.cpp splits {count:,} of {texts:,} awkward texts otherwise than the model's own "
                    "tokenizer does, such as {example!r}.",
                    count=len(wrong),
                    texts=len(texts),
                    example=wrong[0][:40],
                )
            )
        if not differing or len(wrong) < len(differing):
            nearest, differing = pre.id, wrong
    raise BadModel(
        say(
            "{folder}: llama.cpp has no way to split text as this tokenizer does. The nearest, {nearest}, "
            "gives other tokens for {count:,} of {texts:,} texts, such as {example!r}.",
            folder=folder,
            nearest=nearest,
            count=len(differing),
            texts=len(texts),
            example=differing[0][:40],
        )
    )


def _patterns(spec: dict[str, Any]) -> set[str]:
    """The patterns by which a tokenizer splits text."""
    parts = _flat(spec.get("pre_tokenizer"))
    return {part["pattern"]["Regex"] for part in parts if "Regex" in (part.get("pattern") or {})}


def emulate(backend: Any, pre: PreTokenizer) -> Any:
    """A tokenizers.Tokenizer with the vocabulary of `backend` that splits text as llama.cpp does under `pre`."""
    from tokenizers import Regex, Tokenizer, pre_tokenizers

    spec = json.loads(backend.to_str())
    spec["model"]["ignore_merges"] = pre.ignore_merges
    other = Tokenizer.from_str(json.dumps(spec))
    splits = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in pre.patterns]
    other.pre_tokenizer = pre_tokenizers.Sequence(
        [*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    return other


def _probes(backend: Any) -> Iterator[str]:
    """Awkward texts, and every token of the vocabulary where a split may differ: behind a quote, a space, a digit."""
    yield from AWKWARD_TEXTS
    special = {token.content for token in backend.get_added_tokens_decoder().values()}
    for token in backend.get_vocab():
        text = backend.decode([backend.token_to_id(token)])
        if token in special or "�" in text or not text.strip():
            continue
        yield f"it'{text.strip()} 1{text}{text} ({text.strip()}) {text.strip().upper()}{text.strip()}\n\n{text}"


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
    parts = [part for key in ("normalizer", "pre_tokenizer") for part in _flat(spec.get(key))]
    return any(
        part["type"] == "Prepend" or (part["type"] == "Metaspace" and part.get("prepend_scheme", "always") != "never")
        for part in parts
    )


def _flat(part: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The parts of a normalizer or pre-tokenizer that may be a sequence."""
    if part is None:
        return []
    inner = part.get("normalizers") or part.get("pretokenizers")
    return [p for child in inner for p in _flat(child)] if inner else [part]


def adds_bos(tokenizer: Any) -> bool:
    """Whether a plain text gets the token of its beginning."""
    ids = tokenizer("x", add_special_tokens=True)["input_ids"]
    return tokenizer.bos_token_id is not None and ids[:1] == [tokenizer.bos_token_id]


def _merge_text(pair: Any) -> str:
    """A merge as GGUF writes it: both parts with a space between them; a space inside is Ġ there."""
    parts = pair if isinstance(pair, list) else pair.split(" ", 1)
    return " ".join(part.replace(" ", "Ġ") for part in parts)
