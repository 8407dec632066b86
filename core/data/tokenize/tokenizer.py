"""A model folder's tokenizer. Nothing in the folder is run, nothing is downloaded."""

from pathlib import Path
from typing import Any

from core.data.tokenize.limit_templates import limit_templates
from core.errors import BadModel
from core.files.json_file import read_json
from core.packages.quiet import quiet
from core.text.sentence import say

_LARGEST = 128 << 20  # bytes; the largest tokenizer.json in use takes 35 MB
_LONGEST_NUMBER = 40  # digits: transformers writes 10 to the power of 30 where nothing limits a text
_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model", "tokenizer.tiktoken")


def load_tokenizer(folder: Path) -> Any:
    """The folder's tokenizer, as a fast tokenizer of transformers.

    Raises BadModel when the folder or its tokenizer is missing or broken, or when it cannot become a fast one.
    """
    # It takes seconds to import, and puts another module in its place then. Who asks for a name while another thread
    # imports it would look in the one that is no longer there; after a plain import, which waits, it is the right one.
    import transformers  # noqa: F401
    from transformers import AutoTokenizer

    if not folder.is_dir():
        raise BadModel(say("There is no model folder {folder}.", folder=folder))
    check_tokenizer_files(folder)
    for name in ("tokenizer_config.json", "tokenizer.json", "config.json"):
        _read_object(folder / name)
    try:
        with quiet("transformers"):  # it warns of architectures and token ids that it does not know; mlx-lm may
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        # Settings of the wrong kind show when it is used for the first time.
        tokenizer.decode(tokenizer("a b", add_special_tokens=True)["input_ids"])
    except Exception as error:  # the tokenizers library raises bare Exception for a broken file
        raise BadModel(
            say("The tokenizer in {folder} cannot be loaded: {reason}.", folder=folder, reason=error)
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise BadModel(
            say(
                "The tokenizer in {folder} has no tokenizer.json, and Hone cannot make one from its files.",
                folder=folder,
            )
        )
    limit_templates()
    if tokenizer.chat_template is None:
        tokenizer.chat_template = _read_template_json(folder / "chat_template.json")
    return tokenizer


def check_tokenizer_files(folder: Path) -> None:
    """Raises BadModel where a model folder has no file of a tokenizer."""
    if not any((folder / name).is_file() for name in _FILES):
        raise BadModel(say("{folder} has no tokenizer: tokenizer.json is missing.", folder=folder))


def _read_template_json(file: Path) -> str | None:
    """The chat template in a chat_template.json, as processors of transformers keep it; None where there is none."""
    template = _read_object(file).get("chat_template")
    return template if isinstance(template, str) else None


def _read_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file, empty where there is no such file. Raises BadModel."""
    return read_json(file, _LARGEST, _LONGEST_NUMBER) if file.is_file() else {}
