"""Masks worked by hand: one byte is one token, and [ ] encloses what is learned."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from core.data.format.example import Example
from core.data.tokenize.encode import Encoded, encode_example, encode_prompt
from tests.core.data.conftest import CHATML, make_tokenizer

Show = Callable[[Encoded, Any], str]


def chat(*texts: str, system: str = "") -> Example:
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]
    return Example(7, messages=tuple([{"role": "system", "content": system}] * bool(system) + messages))


def show_example(example: Example, tokenizer: Any, show: Show, train_on: str = "answers", max_len: int = 999) -> str:
    return show(encode_example(example, tokenizer, train_on=train_on, max_len=max_len)[0], tokenizer)


U, A, E = "<|im_start|>user\n", "<|im_start|>assistant\n", "<|im_end|>\n"


def test_the_answer_and_its_end_of_turn_are_learned(tokenizer: Any, marked: Show) -> None:
    assert show_example(chat("Hi", "Yo"), tokenizer, marked) == f"{U}Hi{E}{A}[Yo{E}]"


@pytest.mark.parametrize(
    ("train_on", "text"),
    [
        ("answers", f"{U}a{E}{A}[b{E}]{U}c{E}{A}[d{E}]"),
        ("last", f"{U}a{E}{A}b{E}{U}c{E}{A}[d{E}]"),
        ("all", f"<|im_start|>[{U[12:]}a{E}{A}b{E}{U}c{E}{A}d{E}]"),
    ],
)
def test_which_turns_are_learned(tokenizer: Any, marked: Show, train_on: str, text: str) -> None:
    assert show_example(chat("a", "b", "c", "d"), tokenizer, marked, train_on) == text


def test_like_texts_are_not_taken_for_each_other(tokenizer: Any, marked: Show) -> None:
    assert show_example(chat("x", "x", "x", "x"), tokenizer, marked) == f"{U}x{E}{A}[x{E}]{U}x{E}{A}[x{E}]"


def test_a_message_with_weight_0_is_read_but_not_learned(tokenizer: Any, marked: Show) -> None:
    example = chat("a", "b", "c", "d")
    example.messages[1]["weight"] = 0  # type: ignore[index]
    assert show_example(example, tokenizer, marked) == f"{U}a{E}{A}b{E}{U}c{E}{A}[d{E}]"


def test_the_cut_keeps_the_start_and_is_counted(tokenizer: Any, marked: Show) -> None:
    (row,) = encode_example(chat("Hi", "Yo"), tokenizer, train_on="answers", max_len=23)
    assert marked(row, tokenizer) == f"{U}Hi{E}{A}[Yo]"
    assert (len(row.tokens), len(row.mask), row.cut) == (23, 23, 2)


def test_an_answer_behind_the_cut_is_told(tokenizer: Any) -> None:
    (row,) = encode_example(chat("Hi", "Yo"), tokenizer, train_on="answers", max_len=10)
    assert row.mask.sum() == 0
    assert row.note == "The answer starts behind the maximum length."


def test_raw_prompt_and_completion_as_trl(tokenizer: Any, marked: Show) -> None:
    example = Example(1, prompt="2+2=", completion="4")
    assert show_example(example, tokenizer, marked) == "2+2=[4</s>]"
    assert show_example(example, tokenizer, marked, "all") == "2[+2=4</s>]"


def test_an_end_of_text_that_is_there_is_not_doubled(marked: Show) -> None:
    example = Example(1, prompt="a", completion="b</s>")
    assert show_example(example, make_tokenizer(), marked) == "a[b</s>]"
    adding_tokenizer = make_tokenizer(adds_bos=True, adds_eos=True)
    assert show_example(example, adding_tokenizer, marked) == "<s>a[b</s>]"
    assert show_example(Example(1, text="<s>ab"), adding_tokenizer, marked) == "<s>[ab</s>]"


def test_a_template_that_writes_the_beginning_gets_no_second_one(marked: Show) -> None:
    tokenizer = make_tokenizer("{{ bos_token }}" + CHATML, adds_bos=True, adds_eos=True)
    assert show_example(chat("Hi", "Yo"), tokenizer, marked) == f"<s>{U}Hi{E}{A}[Yo{E}]"


def test_plain_text_is_learned_whole_with_an_end(tokenizer: Any, marked: Show) -> None:
    for train_on in ("answers", "last", "all"):
        assert show_example(Example(1, text="abc"), tokenizer, marked, train_on) == "a[bc</s>]"


def test_without_a_template_a_conversation_becomes_plain_text_and_says_so(marked: Show) -> None:
    tokenizer = make_tokenizer(None)
    example = chat("Hi", "Yo", system="Be brief.")
    assert show_example(example, tokenizer, marked) == "Be brief.\n\nHi\n\n[Yo</s>]"
    note = encode_example(example, tokenizer, train_on="answers", max_len=99)[0].note
    assert note == "The model has no chat template: conversations are written as plain text, parted by blank lines."


TRIMS = CHATML.replace("m.content", "m.content | trim")
INJECTS = "<|im_start|>system\nBe kind.<|im_end|>\n" + CHATML
ENDS_ONCE = CHATML + "{% if not add_generation_prompt %}{{ eos_token }}{% endif %}"
# Only the last answer keeps its thinking, and an empty one is written where it has none.
THINKS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% set c = m.content.split('</think>')[-1] %}"
    "{% if m.role == 'assistant' and loop.last %}<think>{% if '</think>' in m.content %}"
    "{{ m.content.split('</think>')[0].split('<think>')[-1] }}{% endif %}</think>{% endif %}"
    "{{ c }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OPENS = THINKS.replace("assistant\n{% endif %}", "assistant\n<think>{% endif %}")
# The last answer ends with another token than the others.
RETURNS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% if m.role == 'assistant' and loop.last and not add_generation_prompt %}</s>"
    "{% else %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Whatever comes last ends with another token, so that nothing shows where an earlier answer's end of turn ends.
SEALS = RETURNS.replace("m.role == 'assistant' and ", "")
UNCLOSED = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
T1, T2 = "<think>one</think>b", "<think>two</think>d"


@pytest.mark.parametrize(
    ("template", "texts", "expected"),
    [
        (TRIMS, ("a", " b\n", "c", "\nd "), f"{U}a{E}{A}[b{E}]{U}c{E}{A}[d{E}]"),
        (INJECTS, ("a", "b"), f"<|im_start|>system\nBe kind.{E}{U}a{E}{A}[b{E}]"),
        (ENDS_ONCE, ("a", "b", "c", "d"), f"{U}a{E}{A}[b{E}]{U}c{E}{A}[d{E}</s>]"),
        (THINKS, ("a", T1, "c", T2), f"{U}a{E}{A}[b{E}]{U}c{E}{A}[<think>two</think>d{E}]"),
        (THINKS, ("a", "b", "c", "d"), f"{U}a{E}{A}[b{E}]{U}c{E}{A}[<think></think>d{E}]"),
        (OPENS, ("a", "<b>", "c", T2), f"{U}a{E}{A}[<b>{E}]{U}c{E}{A}<think>[two</think>d{E}]"),
        (RETURNS, ("a", "b", "c", "d"), f"{U}a{E}{A}[b{E}]{U}c{E}{A}[d</s>]"),
        (UNCLOSED, ("a", "b", "c", "d"), f"{U}a{A}[b]{U}c{A}[d</s>]"),
    ],
    ids=["trims", "injects", "ends once", "drops thinking", "adds thinking", "opens thinking", "returns", "unclosed"],
)
def test_templates_that_do_more_than_join(marked: Show, template: str, texts: tuple[str, ...], expected: str) -> None:
    assert show_example(chat(*texts), make_tokenizer(template), marked) == expected


def test_what_a_template_does_unasked_is_told() -> None:
    note = encode_example(chat("a", "b"), make_tokenizer(UNCLOSED), train_on="answers", max_len=99)[0].note
    assert note == "The chat template writes nothing behind an answer; </s> was added, to learn to stop."
    note = encode_example(chat("a", T1, "c", T2), make_tokenizer(THINKS), train_on="answers", max_len=99)[0].note
    assert note == "The template writes an answer differently from the row; what it writes is learned."
    note = encode_example(chat("a", "b", "c", "d"), make_tokenizer(SEALS), train_on="answers", max_len=99)[0].note
    assert note == "The end of an earlier answer cannot be told from the template; it is learned without it."
    note = encode_example(chat("a", "b", "c", "d"), make_tokenizer(OPENS), train_on="answers", max_len=99)[0].note
    assert note == "To ask, the template writes '<think>', which the answered text does not have."


@pytest.mark.parametrize(
    ("template", "note"),
    [
        ("{{ raise_exception('No, thank you.') }}", "The chat template refuses this row: No, thank you."),
        ("{{ messages[0].content + none }}", "The chat template refuses this row: TypeError"),
        ("{% for m in messages %}{{ m.role }}{% endfor %}</s>", "An answer cannot be found"),
        ("{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}</s>", "An answer cannot be found"),
    ],
)
def test_what_cannot_be_masked_is_left_out_and_told(template: str, note: str) -> None:
    (row,) = encode_example(chat("a", "b"), make_tokenizer(template), train_on="answers", max_len=99)
    assert row.mask.sum() == 0
    assert row.note.startswith(note)


def test_function_calls_are_learned_and_their_results_are_not(marked: Show) -> None:
    template = CHATML.replace(
        "{{ m.content }}",
        "{{ m.content }}{% for c in m.tool_calls or [] %}"
        "{% if m.content %}\n{% endif %}{{ c.function.name }}{% endfor %}",
    )
    messages = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "look", "arguments": {}}}]},
        {"role": "tool", "content": "sunny"},
        {"role": "assistant", "content": "Sunny."},
    ]
    example = Example(1, messages=tuple(messages))
    tool = f"<|im_start|>tool\nsunny{E}"
    assert show_example(example, make_tokenizer(template), marked) == f"{U}Weather?{E}{A}[look{E}]{tool}{A}[Sunny.{E}]"
    # A template that leaves the call out must not teach an empty answer.
    assert show_example(example, make_tokenizer(CHATML), marked) == f"{U}Weather?{E}{A}{E}{tool}{A}[Sunny.{E}]"


def test_the_first_token_is_never_a_target(tokenizer: Any) -> None:
    (row,) = encode_example(Example(1, prompt="", completion="ab"), tokenizer, train_on="answers", max_len=99)
    assert row.mask.tolist() == [0, 1, 1]
    assert (row.tokens.dtype, row.line) == (np.int32, 1)


def test_ask_is_the_row_up_to_its_last_answer(tokenizer: Any) -> None:
    question = encode_prompt(chat("a", "b", "c", "d"), tokenizer)
    assert question is not None
    assert tokenizer.decode(question.tokens) == f"{U}a{E}{A}b{E}{U}c{E}{A}"
    assert (question.prompt, question.expected) == ("c", "d")
    assert encode_prompt(Example(1, text="abc"), tokenizer) is None


def test_ask_without_template_and_raw() -> None:
    tokenizer = make_tokenizer(None, adds_bos=True, adds_eos=True)
    question = encode_prompt(chat("Hi", "Yo"), tokenizer)
    assert question is not None
    assert tokenizer.decode(question.tokens) == "<s>Hi\n\n"
    raw = encode_prompt(Example(1, prompt="2+2=", completion="4"), tokenizer)
    assert raw is not None
    assert (tokenizer.decode(raw.tokens), raw.prompt, raw.expected) == ("<s>2+2=", "2+2=", "4")


def show_texts(example: Example, tokenizer: Any, show: Show) -> list[str]:
    """Every text of a row; the person's choice of "all" must not change what is judged."""
    return [show(row, tokenizer) for row in encode_example(example, tokenizer, train_on="all", max_len=999)]


PROMPT = chat("a", "b", "c").messages
YES, NO = ({"role": "assistant", "content": "yes"},), ({"role": "assistant", "content": "no"},)


def test_a_pair_learns_its_answers_behind_the_same_prompt(tokenizer: Any, marked: Show) -> None:
    prompt_text = f"{U}a{E}{A}b{E}{U}c{E}{A}"
    pair = Example(1, messages=PROMPT, chosen=YES, rejected=NO)
    assert show_texts(pair, tokenizer, marked) == [f"{prompt_text}[yes{E}]", f"{prompt_text}[no{E}]"]
    raw = Example(1, prompt="2+2=", chosen="4", rejected="5")
    assert show_texts(raw, tokenizer, marked) == ["2+2=[4</s>]", "2+2=[5</s>]"]


def test_both_answers_of_a_pair_start_at_the_same_token(marked: Show) -> None:
    # In one answer the prompt's last character melts into the first token: then it does so in neither, as in TRL.
    byte_tokenizer = Tokenizer(models.BPE(vocab={"a": 0, "b": 1, "c": 2, "ab": 3, "</s>": 4}, merges=[("a", "b")]))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_tokenizer, eos_token="</s>")
    rows = encode_example(Example(1, prompt="ca", chosen="b", rejected="c"), tokenizer, train_on="answers", max_len=9)
    assert [row.tokens.tolist() for row in rows] == [[2, 3, 4], [2, 0, 2, 4]]
    assert [row.mask.tolist() for row in rows] == [[0, 1, 1], [0, 1, 1, 1]]


def test_a_mark_judges_the_last_answer_only(tokenizer: Any, marked: Show) -> None:
    row = Example(1, messages=(*(PROMPT or ()), *YES), label=False)
    assert show_texts(row, tokenizer, marked) == [f"{U}a{E}{A}b{E}{U}c{E}{A}[yes{E}]"]


def test_a_question_is_asked_and_nothing_in_it_learned(tokenizer: Any, marked: Show) -> None:
    assert show_texts(Example(1, messages=PROMPT, answer="yes"), tokenizer, marked) == [f"{U}a{E}{A}b{E}{U}c{E}{A}"]
    assert show_texts(Example(1, prompt="2+2=", answer="4"), tokenizer, marked) == ["2+2="]
    question = encode_prompt(Example(1, messages=PROMPT, answer="yes"), tokenizer)
    assert question is not None
    assert (tokenizer.decode(question.tokens), question.expected) == (f"{U}a{E}{A}b{E}{U}c{E}{A}", "yes")
    question = encode_prompt(Example(1, messages=PROMPT, chosen=YES, rejected=NO), tokenizer)
    assert question is not None
    assert (question.prompt, question.expected) == ("c", "yes")


def test_a_template_without_system_messages_gets_it_before_the_question(marked: Show) -> None:
    template = "{% if messages[0].role == 'system' %}{{ raise_exception('No system') }}{% endif %}" + CHATML
    example = chat("Hi", "Yo", system="Be brief.")
    (row,) = encode_example(example, make_tokenizer(template), train_on="answers", max_len=99)
    assert marked(row, make_tokenizer(template)) == f"{U}Be brief.\n\nHi{E}{A}[Yo{E}]"
    assert row.note == "The chat template takes no system message; its text was put before the first question."


def test_a_template_that_wants_arguments_as_text_gets_them(marked: Show) -> None:
    template = CHATML.replace(
        "m.content }}", "m.content + (m.tool_calls[0].function.arguments if m.tool_calls else '') }}"
    )
    call = {"type": "function", "function": {"name": "n", "arguments": {"n": 1}}}
    messages = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": [call]})
    tokenizer = make_tokenizer(template)
    assert show_example(Example(1, messages=messages), tokenizer, marked) == f'{U}a{E}{A}[{{"n": 1}}{E}]'
