"""Chat templates to choose from for a base model, which has none of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import BadOption
from core.text.sentence import say


@dataclass(frozen=True)
class ChatTemplate:
    """A chat template that can be chosen for a base model."""

    title: str
    description: str
    text: str  # Jinja
    tokens: tuple[str, ...] = ()  # markers of the template, which should be one token each in the model's vocabulary


CHAT_TEMPLATES: dict[str, ChatTemplate] = {
    "chatml": ChatTemplate(
        "ChatML",
        say("What Qwen and many others use. Best when the model already knows its two marks."),
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
        ("<|im_start|>", "<|im_end|>"),
    ),
    "llama3": ChatTemplate(
        "Llama 3",
        say("For base models of the Llama 3 family."),
        "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n'"
        " + m['content'] | trim + '<|eot_id|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}",
        ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    ),
    "gemma": ChatTemplate(
        "Gemma",
        say("For base models of the Gemma family. A system message goes before the first question."),
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system message') }}{% endif %}"
        "{% for m in messages %}{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\\n'"
        " + m['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}",
        ("<start_of_turn>", "<end_of_turn>"),
    ),
    "plain": ChatTemplate(
        say("Plain words"),
        say("Speakers are named in plain text. Works with every model, since it needs no marks."),
        "{% if bos_token %}{{ bos_token }}{% endif %}{% for m in messages %}{{ '' if loop.first else '\n\n' }}"
        "{{ m['role'] | capitalize + ': ' + m['content'] | trim }}"
        "{% if m['role'] == 'assistant' and eos_token %}{{ eos_token }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '\n\nAssistant:' }}{% endif %}",
    ),
}


def set_chat_template(tokenizer: Any, name: str) -> str:
    """Give the tokenizer a chat template: one of CHAT_TEMPLATES by its name, or the text of a .jinja file.

    Returns a note where the tokenizer lacks a token of the template, else "". Raises BadOption for an unknown name and
    for a file that cannot be read.
    """
    if name in CHAT_TEMPLATES:
        template = CHAT_TEMPLATES[name]
        tokenizer.chat_template = template.text
        return _missing_token_note(tokenizer, template)
    file = Path(name).expanduser()
    if file.suffix != ".jinja":
        raise BadOption(
            say(
                "There is no chat template {name!r}; there are {names}, or a .jinja file.",
                name=name,
                names=", ".join(CHAT_TEMPLATES),
            )
        )
    try:
        tokenizer.chat_template = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadOption(say("The chat template {name} cannot be read: {reason}.", name=name, reason=error)) from None
    return ""


def _missing_token_note(tokenizer: Any, template: ChatTemplate) -> str:
    vocabulary = tokenizer.get_vocab()
    missing = [token for token in template.tokens if token not in vocabulary]
    if not missing:
        return ""
    return say(
        "The model has no token {missing}; it is spelled out, which is learned more slowly. Plain words suit it.",
        missing=missing[0],
    )
