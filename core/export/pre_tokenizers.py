"""llama.cpp's ways to split text before merging, and which of them gives a tokenizer's own token ids.

llama.cpp does not read how a tokenizer splits text: it knows a list of ways, each by its id. A way is taken only where
it gives the same token ids as the tokenizer itself, for awkward texts and for every token of the vocabulary.

Source of the ways: llm_tokenizer_bpe in llama.cpp's src/llama-vocab.cpp (of 2026-11).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import BadModel
from core.export.awkward_texts import AWKWARD_TEXTS
from core.text.sentence import say

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

QUICK = 200  # texts that tell most ways from a tokenizer's own; of a large vocabulary there are a hundred thousand


def find_pre_tokenizer(backend: Any, folder: Path) -> tuple[str, str]:
    """The way to split for a tokenizers.Tokenizer: (its id in PRE_TOKENIZERS, a sentence on what differs or "").

    It is the one that was made for the tokenizer's own pattern; what llama.cpp then does differently is told. Else it
    is the first that gives the same ids for all texts. Raises BadModel where there is none.
    """
    texts = list(_probes(backend))
    expected = [encoding.ids for encoding in backend.encode_batch(texts, add_special_tokens=False)]
    patterns = _patterns(json.loads(backend.to_str()))

    def differing(pre: PreTokenizer, count: int | None = None) -> list[str]:
        """Those of the first `count` texts that have other ids under `pre`."""
        found = emulate(backend, pre).encode_batch(texts[:count], add_special_tokens=False)
        return [text for text, ids, other in zip(texts, expected, found, strict=False) if ids != other.ids]

    ways = sorted(PRE_TOKENIZERS, key=lambda pre: pre.original not in patterns)
    for pre in ways:
        if pre.original not in patterns and differing(pre, QUICK):
            continue
        wrong = differing(pre)
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
    nearest, wrong = min(((pre.id, differing(pre)) for pre in ways), key=lambda found: len(found[1]))
    raise BadModel(
        say(
            "{folder}: llama.cpp has no way to split text as this tokenizer does. The nearest, {nearest}, "
            "gives other tokens for {count:,} of {texts:,} texts, such as {example!r}.",
            folder=folder,
            nearest=nearest,
            count=len(wrong),
            texts=len(texts),
            example=wrong[0][:40],
        )
    )


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


def _patterns(spec: dict[str, Any]) -> set[str]:
    """The patterns by which a tokenizer splits text."""
    parts = flat_parts(spec.get("pre_tokenizer"))
    return {part["pattern"]["Regex"] for part in parts if "Regex" in (part.get("pattern") or {})}


def flat_parts(part: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The parts of a normalizer or pre-tokenizer that may be a sequence."""
    if part is None:
        return []
    inner = part.get("normalizers") or part.get("pretokenizers")
    return [p for child in inner for p in flat_parts(child)] if inner else [part]
