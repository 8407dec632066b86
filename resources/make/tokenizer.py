"""Learn the tokenizer from the corpus: byte-level BPE, every digit a token of its own so that sums can be learned.

python -m resources.make.tokenizer --corpus DIR/train.jsonl --out FOLDER
"""

import argparse
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

VOCABULARY = 2048
END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
TOKENIZER_FILE, CONFIG_FILE, CHAT_TEMPLATE_FILE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
SPECIAL = (END_OF_TEXT, TURN_START, TURN_END)
THINKING = ("<think>", "</think>")  # ordinary tokens: they stay in the text when special ones are left out
ROWS = 60_000  # enough to count pieces; the rest of the corpus is more of the same
# A word with the space before it, one digit, one mark with the space before it, spaces and line breaks.
_PIECES = r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]|\s+(?!\S)|\s+"
CHAT_TEMPLATE = """\
{%- for message in messages %}
    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


def learn(texts: Iterable[str]) -> Tokenizer:
    """A byte-level BPE of VOCABULARY pieces, special and thinking tokens included."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(THINKING),
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in THINKING])
    return tokenizer


def texts_of(corpus: Path, rows: int = ROWS) -> Iterator[str]:
    """The texts of the first rows of a corpus, without thinking marks, which are tokens of their own."""
    with corpus.open(encoding="utf-8") as file:
        for line in itertools.islice(file, rows):
            for message in json.loads(line)["messages"]:
                yield from re.split("|".join(THINKING), message["content"])


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """The files from which transformers and mlx-lm load a tokenizer with its chat template."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / TOKENIZER_FILE))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None,
        "eos_token": TURN_END,
        "pad_token": END_OF_TEXT,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1024,
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / CHAT_TEMPLATE_FILE).write_text(CHAT_TEMPLATE, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, help="train.jsonl as resources.make.corpus wrote it")
    parser.add_argument("--out", type=Path, required=True, help="the model folder")
    args = parser.parse_args()
    tokenizer = learn(texts_of(args.corpus))
    save(tokenizer, args.out)
    print(f"{tokenizer.get_vocab_size()} pieces in {args.out / TOKENIZER_FILE}")


if __name__ == "__main__":
    main()
