"""Shapes that people bring their data in, each with what they are told and what is learned.

What is learned is written in a short form: turns divided by " | ", each a letter for who speaks and the text:
S system, D developer, U user, A assistant (as context), T a function's result; "A*" is an answer that is learned.
A row of plain text is "* text", one of prompt and completion "prompt* completion". A pair has two such lines, the
better answer first; a row that is only asked ends with " ? " and the answer it is checked against.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from tests.core.data.conftest import CHATML


@dataclass(frozen=True)
class Case:
    """Rows (or the text of a file), and what comes of them."""

    name: str
    kind: str
    rows: Any  # a list of rows, written as JSON Lines; or the text of the file, or its bytes
    learned: tuple[str, ...] = ()  # a line for each text that the model is given, in the order of the rows
    told: tuple[str, ...] = ()  # codes of the findings, notes aside; "not-written" where the template drops something
    says: str = ""  # words that stand in the findings, or in the sentence of a refusal
    file: str = "rows.jsonl"
    options: dict[str, Any] = field(default_factory=dict)  # columns, exclude, fill_in
    max_len: int = 4096  # tokens
    template: str = CHATML

    @property
    def content(self) -> bytes:
        if isinstance(self.rows, bytes):
            return self.rows
        text = self.rows
        if not isinstance(text, str):
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)
        return text.encode()


def turns(*texts: str, system: str = "") -> list[dict[str, str]]:
    """A conversation of which user and assistant say these texts in turn."""
    made = [{"role": "user" if n % 2 == 0 else "assistant", "content": text} for n, text in enumerate(texts)]
    return [{"role": "system", "content": system}, *made] if system else made


def spoken(*texts: str) -> list[dict[str, str]]:
    """The same in ShareGPT's form."""
    return [{"from": "human" if n % 2 == 0 else "gpt", "value": text} for n, text in enumerate(texts)]


def flagged(**flag: Any) -> list[dict[str, Any]]:
    """A conversation whose first answer carries a flag."""
    return [*turns("Hi?"), {"role": "assistant", "content": "No.", **flag}, *turns("Sure?", "Yes.")]


TOOL = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}}
PLAIN = ("U Hi? | A* Yes.",)
SECOND_ONLY = ("U Hi? | A No. | U Sure? | A* Yes.",)
BRIEF = ("S Be brief. | U Hi? | A* Yes.",)
THOUGHT = ("U 2+2? | A* <think>\nTwo and two.\n</think>\n\n4",)

NAMES = (
    Case("alpaca", TEXT, [{"instruction": "Hi?", "input": "", "output": "Yes."}], PLAIN),
    Case("alpaca with input", TEXT, [{"instruction": "Double.", "input": "4", "output": "8"}],
         ("U Double.\n\n4 | A* 8",)),
    Case("alpaca with its whole text beside", TEXT,
         [{"instruction": "Hi?", "input": "", "output": "Yes.", "text": "Below is an instruction. Hi? Yes."}], PLAIN),
    Case("instruction, context and response", TEXT,
         [{"instruction": "How high?", "context": "300 m.", "response": "300 metres.", "category": "qa"}],
         ("U How high?\n\n300 m. | A* 300 metres.",)),
    Case("context beside a question", TEXT, [{"context": "300 m.", "question": "How high?", "answer": "300 metres."}],
         ("U 300 m.\n\nHow high? | A* 300 metres.",)),
    Case("context beside a prompt", TEXT, [{"context": "300 m.", "prompt": "How high?", "completion": "300 metres."}],
         ("U 300 m.\n\nHow high? | A* 300 metres.",)),
    Case("system prompt, question, response", TEXT,
         [{"id": "1", "system_prompt": "Be brief.", "question": "Hi?", "response": "Yes."}], BRIEF),
    Case("an empty system prompt", TEXT, [{"system_prompt": "", "question": "Hi?", "response": "Yes."}], PLAIN),
    Case("system beside prompt", TEXT, [{"system": "Be brief.", "prompt": "Hi?", "completion": "Yes."}], BRIEF),
    Case("system beside instruction", TEXT, [{"system": "Be brief.", "instruction": "Hi?", "output": "Yes."}], BRIEF),
    Case("prompt and completion as text", TEXT, [{"prompt": "Hi?", "completion": " Yes."}], ("Hi?* Yes.",)),
    Case("prompt and completion as messages", TEXT,
         [{"prompt": turns("Hi?"), "completion": [{"role": "assistant", "content": "Yes."}]}], PLAIN),
    Case("prompt as messages with system beside", TEXT,
         [{"system": "Be brief.", "prompt": turns("Hi?"), "completion": "Yes."}], BRIEF),
    Case("query and response", TEXT, [{"query": "Hi?", "response": "Yes.", "type": "sum"}], PLAIN),
    Case("problem, solution and answer", TEXT, [{"problem": "2+2?", "solution": "It is 4.", "answer": "4"}],
         ("U 2+2? | A* It is 4.",)),
    Case("input and output alone", TEXT, [{"input": "Hi?", "output": "Yes."}], PLAIN),
    Case("user and assistant as columns", TEXT, [{"user": "Hi?", "assistant": "Yes."}], PLAIN),
    Case("upper case names", TEXT, [{"Question": "Hi?", "Answer": "Yes."}], PLAIN),
    Case("messages win over prompt", TEXT, [{"prompt": "Hi?", "prompt_id": "7", "messages": turns("Hi?", "Yes.")}], PLAIN),
    Case("plain text", TEXT, [{"text": "Once upon a time."}], ("O*nce upon a time.",)),
    *(Case(f"{name} beside a question", TEXT, [{"question": "2+2?", name: "Two and two.", "answer": "4"}], THOUGHT)
      for name in ("thinking", "reasoning", "chain_of_thought")),
    Case("history of an Alpaca row", TEXT,
         [{"instruction": "And 3?", "input": "", "output": "6", "history": [["Double 2.", "4"]]}],
         ("U Double 2. | A 4 | U And 3? | A* 6",)),
    Case("an empty history in a table", TEXT, "instruction,input,output,history\nHi?,,Yes.,[]\n", PLAIN, file="rows.csv"),
    Case("a column that looks like content and is not read", TEXT,
         [{"question": f"What is {n}?", "answer": f"{n}", "passage_en": "A long passage of several words."} for n in range(4)],
         tuple(f"U What is {n}? | A* {n}" for n in range(4)), ("unread-column",), "passage_en"),
)  # fmt: skip

CONVERSATIONS = (
    Case("messages", TEXT, [{"messages": turns("Hi?", "Yes.", "Sure?", "Sure.")}],
         ("U Hi? | A* Yes. | U Sure? | A* Sure.",)),
    Case("messages with system", TEXT, [{"messages": turns("Hi?", "Yes.", system="Be brief.")}], BRIEF),
    Case("a developer's message", TEXT,
         [{"messages": [{"role": "developer", "content": "Be brief."}, *turns("Hi?", "Yes.")]}],
         ("D Be brief. | U Hi? | A* Yes.",)),
    Case("ShareGPT", TEXT, [{"conversations": spoken("Hi?", "Yes.")}], PLAIN),
    Case("ShareGPT with a system column", TEXT, [{"system": "Be brief.", "conversations": spoken("Hi?", "Yes.")}], BRIEF),
    Case("ShareGPT with weights", TEXT,
         [{"conversations": [{"from": "human", "value": "Hi?", "weight": None}, {"from": "gpt", "value": "No.", "weight": 0},
                             {"from": "human", "value": "Sure?", "weight": None}, {"from": "gpt", "value": "Yes.", "weight": 1}]}],
         SECOND_ONLY),
    *(Case(f"a flag {next(iter(flag))} that is {next(iter(flag.values()))!r}", TEXT, [{"messages": flagged(**flag)}], SECOND_ONLY)
      for flag in ({"weight": 0}, {"weight": "0"}, {"loss": False}, {"train": False}, {"train": "false"}, {"loss_weight": 0.0})),
    *(Case(f"a {name} of {weight!r}", TEXT, [{"messages": flagged(**{name: weight})}], ("U Hi? | A* No. | U Sure? | A* Yes.",),
           ("weight",), "1 answer has a weight other than 0 and 1, which is taken as 1")
      for name, weight in (("weight", 0.5), ("loss_weight", "0.25"), ("weight", 2))),
    Case("a weight of 0 beside one of 1", TEXT, [{"messages": flagged(weight=1, loss=0)}], SECOND_ONLY),
    Case("texts that take turns", TEXT, [{"conversations": ["Hi?", "Yes.", "Sure?", "Sure."]}],
         ("U Hi? | A* Yes. | U Sure? | A* Sure.",)),
    Case("turns of input and output", TEXT,
         [{"conversation": [{"input": "Hi?", "output": "Yes."}, {"input": "Sure?", "output": "Sure."}]}],
         ("U Hi? | A* Yes. | U Sure? | A* Sure.",)),
    Case("content in typed parts", TEXT,
         [{"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi?"}]}, *turns("", "Yes.")[1:]]}], PLAIN),
    Case("content in typed parts with values", TEXT,
         [{"messages": [{"role": "user", "content": [{"type": "text", "value": "Hi?"}]},
                        {"role": "assistant", "content": [{"type": "text", "value": "Yes."}]}]}], PLAIN),
    Case("a conversation that ends with a question", TEXT, [{"messages": turns("Hi?", "Yes.", "And?")}], PLAIN,
         ("ends-with-user",)),
    Case("an empty answer in the middle", TEXT, [{"messages": turns("Hi?", "", "Sure?", "Yes.")}],
         ("U Hi? | A  | U Sure? | A* Yes.",), ("empty-turn",), "An answer in the middle of the conversation is empty."),
    Case("two answers in a row", TEXT, [{"messages": [*turns("Hi?", "Yes."), {"role": "assistant", "content": "Sure."}]}],
         ("U Hi? | A* Yes. | A* Sure.",)),
    Case("a conversation that begins with the assistant", TEXT,
         [{"messages": [{"role": "assistant", "content": "Hello."}, *turns("Hi?", "Yes.")]}],
         ("A* Hello. | U Hi? | A* Yes.",)),
    Case("a system message in the middle", TEXT,
         [{"messages": [*turns("Hi?", "No."), *turns("Sure?", "Yes.", system="Be brief.")]}],
         ("U Hi? | A* No. | S Be brief. | U Sure? | A* Yes.",)),
    *(Case(f"a speaker called {name}", TEXT, [{"messages": [*turns("Hi?"), {"role": name, "content": "Yes."}]}], PLAIN)
      for name in ("gpt", "bot", "model", "MODEL", " Assistant ")),
    Case("a speaker that nobody knows", TEXT, [{"messages": [*turns("Hi?"), {"role": "narrator", "content": "Yes."}]}],
         (), (), "unknown role 'narrator'"),
    Case("lines of a session", TEXT,
         [{"type": "session", "name": "Kitchen"}, {"id": "a", "role": "user", "content": "Hi?"},
          {"id": "b", "role": "assistant", "content": "Yes."}], (), (), "2: The row is a single message"),
    Case("single messages in an array", TEXT, json.dumps(turns("Hi?", "Yes.", system="Be brief.")), BRIEF, file="chat.json"),
    Case("single messages as lines", TEXT,
         [{"id": "a", "role": "user", "content": "Hi?"}, {"id": "b", "role": "assistant", "content": "Yes."}],
         (), (), "single message"),
    Case("a bare list of messages a line", TEXT, [turns("Hi?", "Yes.")], PLAIN),
    Case("rows inside an object", TEXT, json.dumps({"data": [{"question": "Hi?", "answer": "Yes."}]}), PLAIN, file="rows.json"),
    Case("messages as text in a table", TEXT,
         'messages\n"[{""role"": ""user"", ""content"": ""Hi?""}, {""role"": ""assistant"", ""content"": ""Yes.""}]"\n',
         PLAIN, file="rows.csv"),
    Case("thinking that the template does not write", TEXT,
         [{"messages": [*turns("Hi?"), {"role": "assistant", "content": "Yes.", "reasoning": "Two and two."}]}],
         PLAIN, ("not-written",), "thinking"),
)  # fmt: skip

FUNCTIONS = (
    Case("functions as JSON text that the template drops", TEXT, [{"messages": turns("Hi?", "Yes."), "tools": json.dumps([TOOL])}],
         PLAIN, ("not-written",), "offered functions"),
    *(Case(f"tools that are {value!r}", TEXT, [{"messages": turns("Hi?", "Yes."), "tools": value}], PLAIN)
      for value in (None, "", " ", "[]", "null", "None", [], {}, "{}")),
    Case("tool calls that are an empty list as text", TEXT,
         [{"messages": [*turns("Hi?"), {"role": "assistant", "content": "Yes.", "tool_calls": "[]"}]}], PLAIN),
    Case("a result that is an object", TEXT,
         [{"messages": [*turns("Warm?", "Looking."), {"role": "tool", "content": {"degrees": 20}},
                        {"role": "assistant", "content": "20."}]}],
         ('U Warm? | A* Looking. | T {"degrees": 20} | A* 20.',)),
)  # fmt: skip

ANSWERS = (
    Case("an answer that is an object", TEXT,
         [{"instruction": "Extract.", "input": "Bob is 5.", "output": {"name": "Bob", "age": 5}}],
         ('U Extract.\n\nBob is 5. | A* {"name": "Bob", "age": 5}',)),
    Case("an answer that is a list", TEXT, [{"question": "Primes below 6?", "answer": [2, 3, 5]}],
         ("U Primes below 6? | A* [2, 3, 5]",)),
    Case("an answer that is a number", TEXT, [{"question": "2+2?", "answer": 4}], ("U 2+2? | A* 4",)),
    Case("an answer that is true or false", TEXT, [{"question": "Is it?", "answer": True}], ("U Is it? | A* true",)),
    Case("an answer that is JSON text", TEXT, [{"question": "Deep?", "answer": '{"a": {"b": [1, {"c": null}]}}'}],
         ('U Deep? | A* {"a": {"b": [1, {"c": null}]}}',)),
    Case("NaN beside an instruction", TEXT, '{"instruction": "Hi?", "input": NaN, "output": "Yes."}\n', PLAIN),
    Case("an answer that is NaN", TEXT, '{"question": "So?", "answer": NaN}\n{"question": "Hi?", "answer": "Yes."}\n',
         PLAIN, ("null",)),
    Case("an answer that is null", TEXT, [{"question": "So?", "answer": None}, {"question": "Hi?", "answer": "Yes."}],
         PLAIN, ("null",)),
    Case("an answer of blanks", TEXT, [{"question": "So?", "answer": "  "}, {"question": "Hi?", "answer": "Yes."}],
         PLAIN, ("empty-answer",)),
    Case("choices with an index", TEXT, [{"question": "Which?", "choices": ["red", "blue"], "answer": 1}],
         ("U Which?\n\nA. red\nB. blue | A* B. blue",)),
    Case("choices with a letter", TEXT,
         [{"question": "Which?", "choices": {"text": ["red", "blue"], "label": ["A", "B"]}, "answerKey": "A"}],
         ("U Which?\n\nA. red\nB. blue | A* A. red",)),
    Case("choices with the text of one", TEXT, [{"question": "Which?", "options": ["red", "blue"], "answer": "blue"}],
         ("U Which?\n\nA. red\nB. blue | A* B. blue",)),
    Case("choices of which none is right", TEXT, [{"question": "Which?", "choices": ["red", "blue"], "answer": "green"}],
         (), ("choice",), "none of the 2 choices"),
    Case("answers as SQuAD has them", TEXT,
         [{"context": "300 m.", "question": "How high?", "answers": {"text": ["300 m", "300"], "answer_start": [0, 0]}}],
         ("U 300 m.\n\nHow high? | A* 300 m",)),
)  # fmt: skip

FILES = (
    Case("semicolons", TEXT, "question;answer\nHi?;Yes.\n", PLAIN, file="rows.csv"),
    Case("a quote that is a character in TSV", TEXT, 'question\tanswer\nWho?\t"Imagine\nWhere?\tRome\n',
         ('U Who? | A* "Imagine', "U Where? | A* Rome"), file="rows.tsv"),
    Case("a quote that is never closed in CSV", TEXT, 'question,answer\nHi?,Yes.\nOpen?,"never\nThird?,three\n',
         PLAIN, ("open-quote",), "quote", "rows.csv"),
    Case("a cell over several lines", TEXT, 'question,answer\nFirst?,"one\ntwo"\nThird?,three\n',
         ("U First? | A* one\ntwo", "U Third? | A* three"), file="rows.csv"),
    Case("JSON Lines under another name", TEXT, '{"question": "Hi?", "answer": "Yes."}\n', PLAIN, file="rows.data"),
    Case("right to left", TEXT, [{"question": "ما هذا؟", "answer": "هذا كتاب."}], ("U ما هذا؟ | A* هذا كتاب.",)),
    Case("emoji sequences", TEXT, [{"question": "👩‍👩‍👧 🇩🇪?", "answer": "👍🏽"}], ("U 👩‍👩‍👧 🇩🇪? | A* 👍🏽",)),
    Case("Chinese", TEXT, [{"instruction": "翻译", "input": "苹果", "output": "apple"}], ("U 翻译\n\n苹果 | A* apple",)),
    Case("Windows paths", TEXT, [{"question": "Where?", "answer": "C:\\new\\table"}], ("U Where? | A* C:\\new\\table",)),
    Case("pictures", TEXT,
         [{"messages": [{"role": "user", "content": [{"type": "image", "image": "a.png"}, {"type": "text", "text": "?"}]},
                        {"role": "assistant", "content": "A cat."}]}], (), (), "with exclude=not-text its text alone is learned"),
    Case("the text beside pictures", TEXT,
         [{"messages": [{"role": "user", "content": [{"type": "image", "image": "a.png"}, {"type": "text", "text": "Hi?"}]},
                        {"role": "assistant", "content": "Yes."}]}], PLAIN, options={"exclude": ["not-text"]}),
    Case("nothing but pictures", TEXT,
         [{"messages": [{"role": "user", "content": [{"type": "image", "image": "a.png"}]},
                        {"role": "assistant", "content": "A cat."}]}], (), (), "Message 1 holds something other than text",
         options={"exclude": ["not-text"]}),
    Case("pictures in a column", TEXT, [{"messages": turns("<image>Hi?", "Yes."), "images": ["a.png"]}],
         ("U <image>Hi? | A* Yes.",), ("unread-column",), "images"),
    Case("a text with a label", TEXT, [{"text": "Great film.", "label": 1}], ("G*reat film.",), ("unread-column",), "label"),
    Case("a table in Markdown", TEXT, "| question | answer |\n| --- | :--- |\n| Hi? | Yes. |\n", PLAIN, file="rows.csv"),
    Case("two columns of one name", TEXT, "question,answer,answer\nHi?,No.,Yes.\n", PLAIN, ("same-name",),
         "Several columns are called answer; the last of them is read.", "rows.csv"),
    Case("a key that stands twice", TEXT, '{"question": "Hi?", "answer": "No.", "answer": "Yes."}\n', PLAIN, ("same-key",),
         'line 1: The key "answer" stands twice in one object.'),
    Case("a key that stands twice in a message", TEXT,
         '{"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "No.", "content" : "Yes."}]}\n',
         PLAIN, ("same-key",), 'The key "content" stands twice'),
    Case("a key that stands twice in the JSON of a cell", TEXT,
         'messages,id\n"[{""role"": ""user"", ""content"": ""Hi?""}, {""role"": ""assistant"", ""content"": ""No."", ""content"": ""Yes.""}]",1\n',
         PLAIN, ("same-key",), 'line 2: The key "content" stands twice in one object.', "rows.csv"),
    Case("a key that stands twice in tools as text", TEXT,
         [{"messages": turns("Hi?", "Yes."), "tools": '[{"name": "a", "name": "b"}]'}], PLAIN, ("same-key", "not-written"),
         'The key "name" stands twice'),
    Case("JSON that is learned as it stands, with a key twice", TEXT, [{"text": '{"a": 1, "a": 2}'}], ('{*"a": 1, "a": 2}',)),
    Case("a key that stands twice in a cell that is not read", TEXT, [{"question": "Hi?", "answer": "Yes.", "meta": '{"a": 1, "a": 2}'}],
         PLAIN, ("unread-column",)),
    Case("a key that stands twice in an array", TEXT,
         '[\n  {"question": "So?", "answer": "So."},\n  {"question": "Hi?", "answer": "No.",\n   "answer": "Yes."}\n]\n',
         ("U So? | A* So.", *PLAIN), ("same-key",), 'line 3: The key "answer" stands twice', "rows.json"),
    *(Case(f"a key that stands twice in {name}", TEXT, row, PLAIN, (code, "same-key"), 'The key "answer" stands twice')
      for name, code, row in (("a row with a comma too many", "trailing-comma", '{"question": "Hi?", "answer": 1, "answer": "Yes.",}\n'),
                              ("a row as Python writes it", "single-quotes", "{'question': 'Hi?', 'answer': 1, 'answer': 'Yes.'}\n"))),
    Case("the same key in two objects", TEXT, '{"question": "Hi?", "answer": {"a": {"b": 1}, "c": [{"b": 2}, {"b": 3}]}}\n',
         ('U Hi? | A* {"a": {"b": 1}, "c": [{"b": 2}, {"b": 3}]}',)),
    Case("columns that differ in case", TEXT, [{"Answer": "No.", "answer": "Yes.", "question": "Hi?"}], PLAIN),
    Case("a byte order mark", TEXT, "\ufeffquestion,answer\nHi?,Yes.\n", PLAIN, file="rows.csv"),
    Case("ten thousand columns", TEXT, [{**{f"c{n}": n for n in range(10_000)}, "question": "Hi?", "answer": "Yes."}], PLAIN),
    Case("JSON in a cell", TEXT, 'question,answer\nHi?,"{""a"": [1, 2]}"\n', ('U Hi? | A* {"a": [1, 2]}',), file="rows.csv"),
    Case("lists nested a hundred times", TEXT, [{"question": "Deep?", "answer": json.loads("[" * 100 + "]" * 100)}],
         (f"U Deep? | A* {'[' * 100}{']' * 100}",)),
    Case("lists nested too deeply", TEXT, '{"question": "Deep?", "answer": ' + "[" * 99_999 + "]" * 99_999 + "}\n", (), (),
         "nested too deeply"),
    Case("an object of columns", TEXT, json.dumps({"question": ["Hi?"], "answer": ["Yes."]}), (), (), "question is not text",
         "rows.json"),
    Case("an object of parts", TEXT,
         json.dumps({"train": [{"question": "Hi?", "answer": "Yes."}], "test": [{"text": "b"}, {"text": "c"}]}), PLAIN, file="rows.json"),
    Case("an object of three parts", TEXT,
         json.dumps({"train": [{"question": "Hi?", "answer": "Yes."}], "test": [{"text": "b"}], "validation": [{"text": "c"}]}), PLAIN,
         ("unread",), "the rows of test (1) are not read", "rows.json"),
    Case("an object of rows with what is said of them", TEXT,
         json.dumps({"version": "1.1", "license": "mit", "data": [{"question": "Hi?", "answer": "Yes."}]}), PLAIN, file="rows.json"),
    Case("an object with a list of its own", TEXT, [{"question": "Hi?", "answer": "Yes.", "data": [{"text": "b"}]}], PLAIN),
    Case("names that nobody knows", TEXT, [{"id": 1, "frage": "Hi?", "die antwort": "Yes."}], (), (),
         "or map them: --columns 'question=frage,answer=die antwort'."),
    Case("a name that nobody knows", TEXT, [{"inhalt": "Hi?"}], (), (), "or map them: --columns text=inhalt."),
    Case("an object of columns inside a table", TEXT, 'id,pair\n1,"{""en"": ""Hi?"", ""fr"": ""Yes.""}"\n', PLAIN, file="rows.csv",
         options={"columns": ["question=pair.en", "answer=pair.fr"]}),
    Case("columns deep inside", TEXT, [{"a": {"b": {"c": "Hi?"}}, "d": [{"e.f": "No."}, {"e.f": "Yes."}]}], PLAIN,
         options={"columns": ["question=a.b.c", "answer=d.1.e.f"]}),
    Case("a text made of columns inside", TEXT, [{"a": {"n": 300, "unit": "m"}, "q": "Hi?"}], ("U Hi? | A* 300 m",),
         options={"columns": ["question=q", "answer={a.n} {a.unit}"]}),
    Case("a column with a dot in its name", TEXT, [{"a.b": "Hi?", "a": {"b": "No."}, "c": "Yes."}], PLAIN,
         options={"columns": ["question=a.b", "answer=c"]}),
    Case("a mapped column that is not inside", TEXT, [{"a": {"b": "Hi?"}, "c": "Yes."}], (), (),
         "There is no column a.x; the row has a.b, c.", options={"columns": ["question=a.x", "answer=c"]}),
    Case("entities and tags", TEXT, [{"question": "a &lt; b?", "answer": "<b>Yes</b> &amp; no"}],
         ("U a &lt; b? | A* <b>Yes</b> &amp; no",), ("markup",)),
    Case("a date", TEXT, [{"question": "When?", "answer": "2024-01-02T00:00:00"}], ("U When? | A* 2024-01-02T00:00:00",)),
    Case("a number of many digits", TEXT, '{"question": "How many?", "answer": 12345678901234567890123}\n',
         ("U How many? | A* 12345678901234567890123",)),
    Case("line separators in a text", TEXT, [{"question": "Hi?", "answer": "a\u2028b\x85c"}], ("U Hi? | A* a\u2028b\x85c",)),
    Case("combining marks", TEXT, [{"question": "e\u0301?", "answer": "\u00e9"}], ("U e\u0301? | A* \u00e9",)),
    *(Case(f"a conversation written out with {text.split()[0]}", TEXT, [{"text": text}], (f"{text[0]}*{text[1:]}",),
           ("written-out",), "1 text is a conversation written out")
      for text in ("### Human: Hi?### Assistant: Yes.", "### Instruction:\nHi?\n\n### Response:\nYes.",
                   "[INST] Hi? [/INST] Yes.", "User: Hi?\nAssistant: Yes.", "\n<human>: Hi?\n<bot>: Yes.",
                   "Q: Hi?\nA: Yes.", "frage: Hi?\nANTWORT: Yes.")),
    Case("a list that begins with letters", TEXT, [{"text": "P: one\nA: two"}], ("P*: one\nA: two",)),
    Case("a text about users", TEXT, [{"text": "The user: a person. Assistants help."}],
         ("T*he user: a person. Assistants help.",)),
    Case("steps that are marked", TEXT, [{"prompt": "2+2?", "completions": ["Two", "and two"], "labels": [True, False]}],
         (), (), "single steps"),
)  # fmt: skip

YES_NO = ("U Hi? | A* Yes.", "U Hi? | A* No.")
BRIEF_YES_NO = ("S Be brief. | U Hi? | A* Yes.", "S Be brief. | U Hi? | A* No.")
PAIR = {"chosen": "Yes.", "rejected": "No."}
WHOLE = {"chosen": turns("Hi?", "Yes."), "rejected": turns("Hi?", "No.")}

PREFERENCE = (
    Case("prompt, chosen, rejected", PAIRS, [{"prompt": "Hi?", **PAIR}], ("Hi?*Yes.", "Hi?*No.")),
    *(Case(f"pairs whose question is called {name}", PAIRS, [{name: "Hi?", **PAIR}], YES_NO)
      for name in ("input", "user", "problem", "query", "question", "instruction")),
    *(Case(f"system beside {name} in pairs", PAIRS, [{"system": "Be brief.", name: "Hi?", **PAIR}], BRIEF_YES_NO)
      for name in ("prompt", "input", "question", "instruction")),
    Case("instruction and input in pairs", PAIRS, [{"instruction": "Double.", "input": "4", "chosen": "8", "rejected": "9"}],
         ("U Double.\n\n4 | A* 8", "U Double.\n\n4 | A* 9")),
    Case("context beside a question in pairs", PAIRS, [{"context": "300 m.", "question": "How high?", **PAIR}],
         ("U 300 m.\n\nHow high? | A* Yes.", "U 300 m.\n\nHow high? | A* No.")),
    Case("prompt and answers as messages", PAIRS,
         [{"prompt": turns("Hi?"), "chosen": turns("", "Yes.")[1:], "rejected": turns("", "No.")[1:]}], YES_NO),
    Case("whole conversations", PAIRS, [WHOLE], YES_NO),
    Case("whole conversations with the prompt beside", PAIRS, [{"prompt": "Hi?", **WHOLE, "score_chosen": 9.0}], YES_NO),
    Case("chosen_messages and rejected_messages", PAIRS,
         [{"chosen_messages": WHOLE["chosen"], "rejected_messages": WHOLE["rejected"]}], YES_NO),
    Case("transcripts", PAIRS,
         [{"chosen": "\n\nHuman: Hi?\n\nAssistant: Yes.", "rejected": "\n\nHuman: Hi?\n\nAssistant: No."}], YES_NO),
    Case("ShareGPT with one answer each", PAIRS,
         [{"conversations": spoken("Hi?"), "chosen": {"from": "gpt", "value": "Yes."},
           "rejected": {"from": "gpt", "value": "No."}}], YES_NO),
    Case("the same answer twice", PAIRS, [{"prompt": "Hi?", "chosen": "Yes.", "rejected": "Yes."}], (), (), "the same"),
    Case("pairs for SFT", TEXT, [{"question": "Hi?", **PAIR}], PLAIN),
    Case("pairs for thumbs", UNPAIRED, [{"question": "Hi?", **PAIR}], YES_NO),
)  # fmt: skip

MARKED_YES_NO = ("U Hi? | A* Yes.", "U So? | A* No.")
MARKED = (
    Case("prompt, completion, label", UNPAIRED,
         [{"prompt": "Hi?", "completion": "Yes.", "label": True}, {"prompt": "So?", "completion": "No.", "label": False}],
         ("Hi?*Yes.", "So?*No.")),
    Case("system beside a marked answer", UNPAIRED,
         [{"system": "Be brief.", "prompt": "Hi?", "completion": "Yes.", "label": True},
          {"system": "Be brief.", "prompt": "So?", "completion": "No.", "label": False}],
         ("S Be brief. | U Hi? | A* Yes.", "S Be brief. | U So? | A* No.")),
    Case("messages with a mark", UNPAIRED,
         [{"messages": turns("Hi?", "Yes."), "label": "good"}, {"messages": turns("So?", "No."), "label": "bad"}],
         MARKED_YES_NO),
    Case("context beside a marked answer", UNPAIRED,
         [{"context": "300 m.", "question": "High?", "answer": "300 m.", "label": 1},
          {"context": "300 m.", "question": "Low?", "answer": "3 m.", "label": 0}],
         ("U 300 m.\n\nHigh? | A* 300 m.", "U 300 m.\n\nLow? | A* 3 m.")),
    Case("stars", UNPAIRED,
         [{"prompt": "Hi?", "response": "Yes.", "label": n} for n in (1, 0, 5)], (), (),
         "label is a number on a scale, not good or bad; say from where on it is good: "
         "--columns 'prompt=prompt,completion=response,label=label>=4'. No row can be used; 3 have this problem."),
    Case("stars with a limit", UNPAIRED,
         [{"question": "Hi?", "answer": "Yes.", "stars": "5"}, {"question": "So?", "answer": "No.", "stars": 1}], ("Hi?*Yes.", "So?*No."),
         options={"columns": ["prompt=question", "completion=answer", "label=stars>=4"]}),
    Case("scores", UNPAIRED, [{"messages": turns("Hi?", "Yes."), "score": 0.25}], (), (),
         "score is a number on a scale, not good or bad; say from where on it is good: --columns 'messages=messages,label=score>=0.5'"),
    Case("stars of which one is missing", UNPAIRED,
         [{"q": "Hi?", "a": "Yes.", "stars": 5}, {"q": "So?", "a": "No.", "stars": 1}, {"q": "Oh?", "a": "No.", "stars": None}],
         ("Hi?*Yes.", "So?*No."), ("label",), "label is empty",
         options={"columns": ["prompt=q", "completion=a", "label=stars>=4"]}),
    Case("thumbs as signs", UNPAIRED,
         [{"question": "Hi?", "answer": "Yes.", "feedback": "👍"}, {"question": "So?", "answer": "No.", "feedback": "👎"}],
         MARKED_YES_NO),
)  # fmt: skip

FOUR = ("U 2+2? ? 4",)
ASKED = (
    Case("question and worked answer", QUESTIONS, [{"question": "2+2?", "answer": "Two and two.\n#### 4"}], FOUR),
    Case("problem, answer and solution", QUESTIONS, [{"problem": "2+2?", "answer": "4", "solution": "It is 4."}], FOUR),
    Case("system beside a prompt to ask", QUESTIONS, [{"system": "Be brief.", "prompt": "2+2?", "answer": "4"}],
         ("S Be brief. | U 2+2? ? 4",)),
    Case("the answer inside reward_model", QUESTIONS,
         [{"data_source": "math", "prompt": turns("2+2?"), "ability": "MATH",
           "reward_model": {"ground_truth": "4", "style": "rule"}, "extra_info": {"index": 1}}], FOUR),
    Case("answers as SQuAD has them, to check", QUESTIONS,
         [{"context": "300 m.", "question": "How high?", "answers": {"text": ["300 m"], "answer_start": [0]}}],
         ("U 300 m.\n\nHow high? ? 300 m",)),
    Case("choices to ask", QUESTIONS, [{"question": "Which?", "choices": ["red", "blue"], "answer": 1}],
         ("U Which?\n\nA. red\nB. blue ? B",)),
    Case("conversations to ask", QUESTIONS, [{"messages": turns("2+2?", "4")}], FOUR),
    Case("prompts alone", QUESTIONS, [{"prompt": "2+2?"}], ("2+2? ?",)),
)  # fmt: skip

CASES = (*NAMES, *CONVERSATIONS, *FUNCTIONS, *ANSWERS, *FILES, *PREFERENCE, *MARKED, *ASKED)
