"""An example as the text that the model is given, and the spans of it that are learned. No tokens yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.data.format.example import Example, Message
from core.data.tokenize import answer_spans
from core.data.tokenize.end_of_turn import find_end_of_turn
from core.data.tokenize.render import (
    DEVELOPER_AS_SYSTEM,
    TemplateRefused,
    developer_as_system,
    render,
    render_with_fallbacks,
)
from core.data.tokenize.template_coverage import (
    Part,
    describe_dropped,
    find_dropped,
    find_dropped_plain,
    writes_developer,
)
from core.text.sentence import join, say, shorten, split_lines

_NO_TEMPLATE = say("The model has no chat template: conversations are written as plain text, parted by blank lines.")


@dataclass(frozen=True)
class LearnedSpan:
    """Characters `start` to `end` of a text, which are learned. Where `prompt` is given, they start at the first token
    in which the tokens of the prompt and of the whole text differ, else at the token that holds character `start`."""

    start: int
    end: int
    prompt: str | None = None


@dataclass(frozen=True)
class RenderedText:
    """The text of an example. `raw` text has no special tokens yet: the tokenizer adds its own around it."""

    text: str
    spans: tuple[LearnedSpan, ...] = ()
    raw: bool = False
    open_ended: bool = False  # the model is to continue it, so the tokenizer's end of text is removed
    note: str = ""  # what a person should know about how the row was rendered, a sentence a line
    dropped: tuple[Part, ...] = ()  # parts of the example that the chat template leaves out


def render_example(example: Example, tokenizer: Any, train_on: str) -> RenderedText:
    """The text of an example that is one text for the model (see core.data.tokenize.encode.split_texts).

    `train_on` is that of core.data.tokenize.encode.encode_example. A conversation that the chat template refuses gives
    an empty text with a note.
    """
    if example.messages is not None and tokenizer.chat_template:
        return _render_chat(example.messages, example, tokenizer, train_on)
    if example.text is not None:
        text = _add_eos(example.text, tokenizer)
        return RenderedText(text, (LearnedSpan(0, len(text)),), raw=True)
    prompt, completion, note = _plain_parts(example)
    dropped = find_dropped_plain(example.messages or (), example.tools)
    note = join([note, *describe_dropped(dropped, say("Plain text"))], "\n") if dropped else note
    if completion is None:
        return RenderedText(prompt, raw=True, open_ended=True, note=note, dropped=dropped)
    text = _add_eos(prompt + completion, tokenizer)
    span = LearnedSpan(0, len(text), None if train_on == "all" else prompt)
    return RenderedText(text, (span,), raw=True, note=note, dropped=dropped)


def _render_chat(messages: tuple[Message, ...], example: Example, tokenizer: Any, train_on: str) -> RenderedText:
    """A conversation as its chat template renders it. In one that ends with a question nothing is learned."""
    add_generation_prompt = messages[-1]["role"] != "assistant"
    form_note = ""
    if any(m["role"] == "developer" for m in messages) and not writes_developer(messages, example.tools, tokenizer):
        messages, form_note = developer_as_system(messages), DEVELOPER_AS_SYSTEM
    row_messages = messages
    try:
        messages, full, note = render_with_fallbacks(messages, example.tools, tokenizer, add_generation_prompt)
    except TemplateRefused as error:
        return RenderedText("", note=shorten(say("The chat template refuses this row: {reason}.", reason=error)))
    dropped = find_dropped(row_messages, example.tools, full, tokenizer)
    notes = [form_note, note, *describe_dropped(dropped)]
    note = join(dict.fromkeys(shorten(line) for line in notes if line), "\n")
    end = find_end_of_turn(tokenizer)
    text = full
    if end.added and end.token and not add_generation_prompt:
        text += end.token
        written = (
            say("{spelled_out} spelled out", spelled_out=shorten(end.spelled_out, 60))
            if end.spelled_out
            else say("nothing")
        )
        note = _add_note(
            note,
            say(
                "The chat template writes {written} behind an answer; {token} was added, to learn to stop.",
                written=written,
                token=end.token,
            ),
        )
    if add_generation_prompt or train_on == "all":
        spans = [] if add_generation_prompt else [LearnedSpan(0, len(text))]
        return RenderedText(text, tuple(spans), note=note, dropped=dropped)

    def render_part(messages: Sequence[Message], add_generation_prompt: bool) -> str:
        return render(messages, example.tools, tokenizer, add_generation_prompt)

    answers = [n for n, m in enumerate(messages) if m["role"] == "assistant" and m.get("weight", 1)]
    spans = []
    for number in answers[-1:] if train_on == "last" else answers:
        try:
            answer = answer_spans.find_answer(messages, number, full, render_part, tokenizer.eos_token or "")
        except TemplateRefused as error:
            answer, note = (
                None,
                _add_note(note, say("The chat template refuses a part of this row: {reason}.", reason=error)),
            )
        if answer is None:
            note = _add_note(
                note, say("An answer cannot be found in what the chat template writes; it is not learned.")
            )
            continue
        note = _add_note(note, answer.note)
        spans.append(
            LearnedSpan(answer.start, len(text) if answer.end == len(full) else answer.end, answer.prompt or None)
        )
    return RenderedText(text, tuple(spans), note=note, dropped=dropped)


def _add_note(notes: str, note: str) -> str:
    """Notes, one a line, with one more unless it stands among them."""
    lines, note = split_lines(notes), shorten(note)  # a template may be quoted in it
    return notes if not note or note in lines else join([notes, note], "\n") if notes else note


def _plain_parts(example: Example) -> tuple[str, str | None, str]:
    """(prompt, completion, note) of an example that goes to the model as plain text; completion may be None."""
    if example.messages is None:
        return example.prompt or "", example.completion, ""
    *prompt, last = example.messages
    if last["role"] == "assistant":
        return _join_messages(prompt), last["content"], _NO_TEMPLATE
    return _join_messages(example.messages), None, _NO_TEMPLATE


def _join_messages(messages: Sequence[Message]) -> str:
    """Messages without a template: their texts, each followed by a blank line."""
    return "".join(f"{m['content'].strip()}\n\n" for m in messages)


def _add_eos(text: str, tokenizer: Any) -> str:
    """The text with the tokenizer's end of text behind it, once."""
    eos = tokenizer.eos_token or find_end_of_turn(tokenizer).token
    return text + eos if eos and not text.endswith(eos) else text
