"""Small tokenizers that split text as those of the families do, trained here on a few sentences."""

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from core.export.awkward_texts import AWKWARD_TEXTS

TEXT = (
    "The quick brown fox jumps over the lazy dog. It's 12:30, don't be late! Prices rose by 3,456.78 in 2026.",
    "def main():\n    print('hello world')\n\n\nfor i in range(10):\n\tx += i ** 2  # sum",
    "Grüße aus München, naïve café. Привет мир. 你好世界。こんにちは。 안녕하세요. مرحبا. 😀👍",
    "She said: “Well, I'll see you there – at 'the' station.” They're here; we've waited 1,000 years...",
)
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_REST}"
QWEN2 = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_REST}"
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"
    r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_level(folder: Path, pattern: str, special: tuple[str, ...], bos: str = "", **settings: Any) -> int:
    """A byte-level BPE tokenizer whose text is split by `pattern` ("" for GPT-2's own); its number of tokens."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=pattern == LLAMA3))
    if pattern == QWEN2:
        tokenizer.normalizer = normalizers.NFC()
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not pattern)
    split = [pre_tokenizers.Split(Regex(pattern), "isolated")] if pattern else []
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*split, level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([*TEXT * 4, *AWKWARD_TEXTS], trainer)
    return _finish(folder, tokenizer, special, bos, settings)


def sentence_piece(
    folder: Path, special: tuple[str, ...], bos: str, prefix: bool, strips: tuple[str, ...] = (), **settings: Any
) -> int:
    """A tokenizer as one converted from SentencePiece's BPE: pieces with ▁, bytes to fall back on, and every pair of
    pieces that makes a piece among its merges. The tokens in `strips` take the spaces behind them."""
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.pre_tokenizer = pre_tokenizers.Split(Regex("(?=▁)"), "isolated")
    trained.train_from_iterator(list(TEXT) * 4, trainers.BpeTrainer(vocab_size=500, show_progress=False))
    learned = json.loads(trained.to_str())["model"]
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    made = ["".join(pair) for pair in learned["merges"]]
    single = [piece for piece in learned["vocab"] if len(piece) == 1]
    vocab = {piece: id for id, piece in enumerate(dict.fromkeys([*pieces, *made, *single]))}
    merges = [
        (piece[:i], piece[i:])
        for piece in dict.fromkeys(made)
        for i in range(1, len(piece))
        if piece[:i] in vocab and piece[i:] in vocab
    ]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    parts = [normalizers.Prepend("▁")] if prefix else []
    tokenizer.normalizer = normalizers.Sequence([*parts, normalizers.Replace(" ", "▁")])
    strip = [decoders.Strip(content=" ", left=1)] if prefix else []
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    return _finish(folder, tokenizer, ("<unk>", "<s>", "</s>", *special), bos, settings, strips)


def _finish(
    folder: Path,
    tokenizer: Tokenizer,
    special: tuple[str, ...],
    bos: str,
    settings: dict[str, Any],
    strips: tuple[str, ...] = (),
) -> int:
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False, rstrip=token in strips) for token in special]
    )
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **settings}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return int(tokenizer.get_vocab_size())
