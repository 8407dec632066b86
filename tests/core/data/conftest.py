"""A tokenizer whose every token is one byte, so that masks can be written down by hand, and templates that do
what those of released models do."""

from collections.abc import Callable
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from core.data.tokenize.encode import Encoded

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ("<s>", "</s>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")


def make_tokenizer(
    template: str | None = CHATML, *, eos: str = "</s>", adds_bos: bool = False, adds_eos: bool = False
) -> Any:
    """One token for each byte and for each of SPECIAL."""
    letters = {c: n for n, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    byte_tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    byte_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    byte_tokenizer.decoder = decoders.ByteLevel()
    byte_tokenizer.add_special_tokens(list(SPECIAL))
    if adds_bos or adds_eos:
        ends = [(t, byte_tokenizer.token_to_id(t)) for t in ("<s>", "</s>")]
        single = f"{'<s> ' if adds_bos else ''}$A{' </s>' if adds_eos else ''}"
        byte_tokenizer.post_processor = processors.TemplateProcessing(
            single=single, pair=f"{single} $B", special_tokens=ends
        )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_tokenizer, bos_token="<s>", eos_token=eos)
    tokenizer.chat_template = template
    return tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return make_tokenizer()


@pytest.fixture(scope="session")
def marked() -> Callable[[Encoded, Any], str]:
    """The text of an encoded row with what is learned between [ and ]."""

    def show(row: Encoded, tokenizer: Any) -> str:
        text, on = "", False
        for id, learned in zip(row.tokens.tolist(), row.mask.tolist(), strict=True):
            if bool(learned) != on:
                text, on = text + "[]"[on], bool(learned)
            text += tokenizer.decode([id])
        return text + "]" * on

    return show
