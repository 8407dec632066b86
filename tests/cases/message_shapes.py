"""Messages as services and frameworks write them: who speaks, typed parts, functions. In the form of
tests/cases/shapes.py; the template writes calls behind a message's text, as {name} and the arguments."""

import json

from core.data.kinds import PAIRS, QUESTIONS, TEXT
from tests.cases.shapes import BRIEF, PLAIN, THOUGHT, Case, turns

CALLS = (
    "{% for t in tools or [] %}<|im_start|>system\n{{ t.function.name }} {{ t.function.parameters | tojson }}<|im_end|>\n{% endfor %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls or [] %}{{ c.function.name }} {{ c.function.arguments | tojson }}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LOOKED = ('U Hi? | A* look {"q": "a"} | T R | A* Yes.',)
SAYS_WHO = "Name who speaks under role"


def _named(speaker: str, text: str, user: str, assistant: str) -> list[dict[str, str]]:
    return [{speaker: user, text: "Hi?"}, {speaker: assistant, text: "Yes."}]


def _called(call: dict[str, object]) -> list[dict[str, object]]:
    """A question, a message that calls a function, its result and the answer."""
    return [*turns("Hi?"), {"role": "assistant", **call}, {"role": "tool", "content": "R"}, *turns("", "Yes.")[1:]]


def _with_arguments(arguments: object) -> list[dict[str, object]]:
    return _called({"content": None, "tool_calls": [{"function": {"name": "look", "arguments": arguments}}]})


USED = {"type": "tool_use", "id": "t", "name": "look", "input": {"q": "a"}}
RESULT = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "R"}]}
SCHEMA = {"type": "object"}

MESSAGES = (
    *(Case(f"who speaks under {speaker}, as {user}", TEXT, [{"messages": _named(speaker, text, user, assistant)}], PLAIN)
      for speaker, text, user, assistant in (
          ("author", "content", "user", "assistant"), ("sender", "message", "user", "bot"), ("speaker", "text", "Human", "AI"),
          ("type", "content", "human", "ai"), ("role", "content", "Benutzer", "Assistent"), ("role", "content", "用户", "助手"),
          ("role", "content", "utilisateur", "ai"))),
    *(Case(f"what is said under {key}", TEXT, [{"messages": [{"role": "user", key: "Hi?"}, {"role": "assistant", key: "Yes."}]}], PLAIN)
      for key in ("text", "value", "message")),
    Case("who speaks as LangChain has it", TEXT,
         [{"messages": [{"type": "human", "data": {"content": "Hi?"}}, {"type": "ai", "data": {"content": "Yes."}}]}], PLAIN),
    Case("whether it is the user", TEXT,
         [{"messages": [{"is_user": True, "text": "Hi?"}, {"is_user": False, "text": "Yes."}]}], PLAIN),
    *(Case(f"turns of {asked} and {answered}", TEXT, [{"conversation": [{asked: "Hi?", answered: "Yes."}]}], PLAIN)
      for asked, answered in (("human", "assistant"), ("question", "answer"), ("prompt", "response"))),
    Case("people's names", TEXT, [{"messages": _named("speaker", "text", "Anna", "Ben")}], (), (), "It is not said who is the assistant of these: Anna and Ben."),
    Case("nobody who speaks", TEXT, [{"messages": [{"id": 1, "content": "Hi?"}, {"id": 2, "content": "Yes."}]}], (), (),
         "Message 1 does not say who speaks. " + SAYS_WHO),
    Case("a call as Anthropic has it", TEXT, [{"messages": [
        *turns("Hi?"), {"role": "assistant", "content": [USED]}, {"role": "user", "content": [RESULT]}, *turns("", "Yes.")[1:]]}],
         LOOKED, template=CALLS),
    Case("a result as Anthropic has it, with a question behind it", TEXT, [{"messages": [
        *turns("Hi?"), {"role": "assistant", "content": [USED]},
        {"role": "user", "content": [RESULT, {"type": "text", "text": "So?"}]}, *turns("", "Yes.")[1:]]}],
         ('U Hi? | A* look {"q": "a"} | T R | U So? | A* Yes.',), template=CALLS),
    *(Case(f"arguments that are {arguments!r}", TEXT, [{"messages": _with_arguments(arguments)}],
           (f"U Hi? | A* look {written} | T R | A* Yes.",), template=CALLS)
      for arguments, written in ((None, "{}"), ("null", "{}"), ("", "{}"), ("{'q': 'a'}", '{"q": "a"}'), ({"q": "a"}, '{"q": "a"}'))),
    Case("arguments that are no JSON", TEXT, [{"messages": _with_arguments("q=a")}], (), (), "arguments that are not valid JSON"),
    Case("a system message in parts", TEXT,
         [{"system": [{"text": "Be brief."}], "messages": [{"role": "user", "content": [{"text": "Hi?"}]},
                                                           {"role": "assistant", "content": [{"text": "Yes."}]}]}], BRIEF),
    Case("items of OpenAI's Responses", TEXT, [{
        "input": turns("Hi?"),
        "output": [{"type": "reasoning", "summary": []}, {"type": "function_call", "name": "look", "arguments": '{"q": "a"}', "call_id": "c"},
                   {"type": "function_call_output", "call_id": "c", "output": "R"},
                   {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]}]}],
         LOOKED, template=CALLS),
    Case("an answer that is a message", TEXT, [{"prompt": turns("Hi?"), "response": {"role": "assistant", "content": "Yes."}}], PLAIN),
    Case("an answer inside of choices", TEXT,
         [{"prompt": turns("Hi?"), "response": {"choices": [{"message": {"role": "assistant", "content": "Yes."}}]}}], PLAIN),
    Case("a conversation inside of input", TEXT, [{"input": {"messages": turns("Hi?")}, "output": "Yes."}], PLAIN),
    Case("a conversation inside of input, to ask", QUESTIONS, [{"input": {"messages": turns("Hi?")}, "expected": "Yes."}], ("U Hi? ? Yes.",)),
    Case("pairs whose answers are single messages", PAIRS,
         [{"prompt": turns("Hi?"), "chosen": {"role": "assistant", "content": "Yes."}, "rejected": {"role": "assistant", "content": "No."}}],
         ("U Hi? | A* Yes.", "U Hi? | A* No.")),
    Case("thinking twice", TEXT, [{"question": "2+2?", "reasoning": "Two and two.", "answer": "<think>\nTwo and two.\n</think>\n\n4"}],
         THOUGHT),
    Case("thinking twice in a message", TEXT, [{"messages": [
        *turns("2+2?"), {"role": "assistant", "content": "<think>\nTwo and two.\n</think>\n\n4", "reasoning_content": "Two and two."}]}],
         THOUGHT),
    *(Case(f"no answer in {json.dumps(answers)}", TEXT, [{"question": "Hi?", "answers": answers}], (), (), "answers is null")
      for answers in ([], {"text": [], "answer_start": []})),
    Case("accepted answers as objects", TEXT, [{"question": "Hi?", "answers": [{"text": "Yes.", "answer_start": 0}]}], PLAIN),
    *(Case(f"an answer of {content!r}", TEXT, [{"messages": [*turns("Hi?"), {"role": "assistant", "content": content}]}], (), (),
           "Message 2 has no content.") for content in ([], {})),
    Case("calls as Python writes them", TEXT, [{"messages": _called({"content": "", "tool_calls": "[{'name': 'look', 'arguments': {'q': 'a'}}]"})}],
         LOOKED, template=CALLS),
    Case("the questions of MT-Bench", TEXT, [{"question_id": 81, "category": "writing", "turns": ["Hi?", "So?"]}], (), (),
         "turns holds the questions of a benchmark, without answers"),
    *(Case(f"an answer of {name} alone", TEXT, [{"question": "Hi?", "answer": text}], (), (), "answer is empty")
      for name, text in (("a space of no width", "\u200b"), ("a mark of byte order", "\ufeff \u200d"), ("a control character", "\0"))),
    Case("a question of the user that is empty", TEXT, [{"messages": turns("Hi?", "Yes.", " ", "No.")}],
         ("U Hi? | A* Yes. | U   | A* No.",), ("empty-turn",), "A message of the user is empty."),
    Case("the schema of a function's input", TEXT,
         [{"tools": [{"name": "look", "input_schema": SCHEMA}], "messages": turns("Hi?", "Yes.")}],
         ('S look {"type": "object"} | U Hi? | A* Yes.',), template=CALLS),
)  # fmt: skip
