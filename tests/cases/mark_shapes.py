"""Marks, scores and texts that are other than they look: what is told of them, and what is learned all the same. In the
form of tests/cases/shapes.py."""

from typing import Any

from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from tests.cases.shapes import PLAIN, Case, turns

BOTH = ("U Hi? | A* Yes.", "U So? | A* No.")
CHOICE = ("Hi?* Yes.", "Hi?* No.")
ANSWERED = [{"question": "Hi?", "answer": "Yes."}, {"question": "So?", "answer": "No."}]


def _marked(first: Any, second: Any, column: str = "label") -> list[dict[str, Any]]:
    return [{**row, column: mark} for row, mark in zip(ANSWERED, (first, second), strict=True)]


def _pair(**scores: Any) -> list[dict[str, Any]]:
    return [{"prompt": "Hi?", "a": " Yes.", "b": " No.", **scores}]


def _text(answer: str, code: str, says: str, name: str = "") -> Case:
    return Case(
        f"an answer with {name or answer}",
        TEXT,
        [{"question": "Hi?", "answer": answer}],
        (f"U Hi? | A* {answer}",),
        (code,),
        says,
    )


def _empty_word(word: str) -> Case:
    return Case(
        f"an answer of {word}",
        TEXT,
        [{"question": "Hi?", "answer": word}],
        (f"U Hi? | A* {word}",),
        ("empty-word",),
        f"answer is “{word}”, as where there is nothing",
    )


MAPPED = {"columns": ("prompt=prompt", "chosen=a", "rejected=b")}

MARKS = (
    *(Case(f"marks of {good!r} and {bad!r}", UNPAIRED, _marked(good, bad), BOTH) for good, bad in (
        ("yes", "no"), ("Y", "N"), ("TRUE", "FALSE"), (1, -1), ("+", "-"), ("👍", "👎"), ("thumbs_up", "thumbs_down"),
        ("Like", "Dislike"), ("chosen", "rejected"), ("accepted", "declined"), ("correct", "incorrect"), ("pass", "fail"),
        ("Ja", "Nein"), ("WAHR", "FALSCH"), ("positiv", "negativ"), ("oui", "non"), ("sí", "no"), ("是", "否"))),
    Case("a mark that is a word of its own", UNPAIRED, _marked("sports", "politics"), (), (),
         "label is 'sports', which means neither good nor bad. Write true or false"),
    *(Case(f"a scale from {low} to {high}", UNPAIRED, _marked(low, high, "rating"), (), (), f"label=rating>={limit}")
      for low, high, limit in ((0, 1, 0.5), (1, 5, 4), (2, 10, 7), (0, 100, 70), ("★", "★★★★★", 4))),
    Case("a scale on which a mark is no number", UNPAIRED, [*_marked(5, 4, "rating"), *_marked("nan", "inf", "rating")], (), (),
         "label=rating>=4"),
    Case("a row that is marked bad, for SFT", TEXT, _marked(1, 0), PLAIN, ("marked-bad",), "1 row is marked bad, and not learned."),
    Case("classes that are no marks, for SFT", TEXT, _marked(0, 2), BOTH),
    Case("marks of which most are missing, for SFT", TEXT,
         [*_marked(None, "down"), {"question": "Oh?", "answer": "Yes.", "label": ""}], (*PLAIN, "U Oh? | A* Yes."),
         ("marked-bad",)),
    *(Case(f"scores beside mapped answers, {names}", PAIRS, _pair(**dict.fromkeys(names[:1], 1), **dict.fromkeys(names[1:], 5)), CHOICE,
           ("worse-chosen",), "higher score, 5", options=MAPPED)
      for names in (("score_a", "score_b"), ("a_rating", "b_rating"), ("reward.a", "reward.b"), ("score_chosen", "score_rejected"))),
    Case("scores beside mapped answers that say the same", PAIRS, _pair(score_a=5, score_b=1), CHOICE, options=MAPPED),
    Case("scores beside answers that were exchanged by hand", PAIRS,
         [{"prompt": "Hi?", "chosen": " No.", "rejected": " Yes.", "score_chosen": 1, "score_rejected": 5}], CHOICE,
         options={"columns": ("prompt=prompt", "chosen=rejected", "rejected=chosen")}),
    Case("scores of two answers called better and worse", PAIRS,
         [{"prompt": "Hi?", "better": " Yes.", "worse": " No.", "better_score": 1, "worse_score": 5}], CHOICE, ("worse-chosen",)),
    Case("pairs without a question", PAIRS, [{"chosen": "Yes.", "rejected": "No."}], ("Y*es.", "N*o."),
         ("no-question",), "The row has no question"),
    Case("the same answer but for blanks", PAIRS, [{"question": "Hi?", "chosen": "Yes, I do.", "rejected": "Yes, I do. "}], (), (),
         "chosen and rejected are the same."),
    Case("one answer in a list", PAIRS, [{"question": "Hi?", "chosen": ["Yes."], "rejected": ["No."]}],
         ("U Hi? | A* Yes.", "U Hi? | A* No.")),
    Case("several worse answers", PAIRS, [{"question": "Hi?", "chosen": "Yes.", "rejected": ["No.", "Oh."]}], (), (),
         "rejected holds several answers, of which a row can have one."),
    *(Case(f"answers that begin with their questions, {kind}", kind, [{**asked, **dict.fromkeys(names, "What is it? Tea.")}], learned,
           ("echo",), "In 100% of the rows the answer begins with its question again")
      for kind, asked, names, learned in (
          (TEXT, {"question": "What is it?"}, ("answer",), ("U What is it? | A* What is it? Tea.",)),
          (PAIRS, {"question": "What is it?", "rejected": "No."}, ("chosen",),
           ("U What is it? | A* What is it? Tea.", "U What is it? | A* No.")))),
    Case("an answer that begins with a word of the question", TEXT, [{"question": "Hi?", "answer": "Hi? Yes."}], ("U Hi? | A* Hi? Yes.",)),
    Case("whole numbers as pandas writes them", TEXT, [{"question": "a?", "answer": 3.0}, {"question": "b?", "answer": None}],
         ("U a? | A* 3.0",), ("whole-numbers", "null"), "answer holds whole numbers written as 3.0"),
    Case("decimal numbers beside empty cells", TEXT, [{"question": "a?", "answer": 3.5}, {"question": "b?", "answer": None}],
         ("U a? | A* 3.5",), ("null",)),
    Case("a question beside a text", TEXT, [{"prompt": "Hi?", "text": "Yes."}], ("Y*es.",), ("unread-column",), "prompt"),
    Case("an input that is an empty list", TEXT, [{"instruction": "Hi?", "input": [], "output": "Yes."}], PLAIN),
    *map(_empty_word, ("nan", "N/A", "#N/A", "NULL", "None", "#WERT!", "#REF!", "<noinput>")),
    Case("an input of nan", TEXT, [{"instruction": "Hi?", "input": "nan", "output": "Yes."}], ("U Hi?\n\nnan | A* Yes.",), ("empty-word",),
         "input is “nan”"),
    Case("an answer of nan in a conversation", TEXT, [{"messages": turns("Hi?", "nan")}], ("U Hi? | A* nan",), ("empty-word",),
         "An answer is “nan”"),
    Case("an answer of sodium", TEXT, [{"question": "Hi?", "answer": "Na"}], ("U Hi? | A* Na",)),
    *(_text(answer, "garbled", "The text holds “") for answer in (
        "SchÃ¶n", "MÃ¼nchen", "itâ€™s", "aâ€“b", "Â£5", "Ð¿Ñ€Ð¸", "ä½\u00a0å¥½", "Sch�n", "Yes._x000D_", "ï»¿Yes")),
    _text("\x1b[31mYes", "garbled", "\\x1b", "a control character"),
    *(Case(f"letters that are meant: {answer}", TEXT, [{"question": "Hi?", "answer": answer}], (f"U Hi? | A* {answer}",)) for answer in (
        "Überâll", "NÃO", "CAFÉ\u00a0»", "fiancé…”", "à la “carte”", "Ångström", "Ðor", "日本語", "Привет", "5\u00a0€", "«\u00a0ça\u00a0»")),
    *(_text(answer, "escaped", f"The text holds “{shown}” in letters") for answer, shown in (
        ("One.\\nTwo.", "\\n"), ("List:\\n- one\\n- two", "\\n"), ("One\\n\\nTwo", "\\n\\n"), ("M\\u00fcnchen", "\\u00fc"))),
    *(Case(f"backslashes that are meant: {answer}", TEXT, [{"question": "Hi?", "answer": answer}], (f"U Hi? | A* {answer}",)) for answer in (
        "$a \\neq b$", "C:\\new\\notes", "\\nabla f", "print('\\n')\nNext.")),
    *(Case(f"accepted answers in {name} to check", QUESTIONS, [{"question": "Hi?", name: ["Yes.", "Yep."]}], (f"U Hi? ? {first}",),
           ("several-accepted",), f"{name} lists 2 accepted answers") for name, first in (("answers", "Yes."), ("answer", '["Yes.", "Yep."]'))),
    Case("the same accepted answer twice", QUESTIONS, [{"question": "Hi?", "answers": ["Yes.", "yes."]}], ("U Hi? ? Yes.",)),
    *(_text(answer, "template-token", "a sign of chat templates") for answer in (
        "Yes.<|endoftext|>", "Yes.<|eot_id|>", "Yes.<end_of_turn>", "[INST] Yes. [/INST]", "Yes.<｜end▁of▁sentence｜>")),
    Case("a template's sign in the middle of a question", TEXT, [{"messages": turns("Hi <|user|>?", "Yes.")}],
         ("U Hi <|user|>? | A* Yes.",), ("template-token",), "A message holds <|user|>"),
    Case("signs that are no template's", TEXT, [{"question": "Hi <b>?", "answer": "a <| b |> c, x[INSTALL]"}],
         ("U Hi <b>? | A* a <| b |> c, x[INSTALL]",)),
    Case("a system column beside a system message", TEXT, [{"system": "Rhyme.", "messages": turns("Hi?", "Yes.", system="Be brief.")}],
         ("S Be brief. | U Hi? | A* Yes.",), ("system-twice",), "system is not used"),
    Case("the same system message twice", TEXT, [{"system": "Be brief.", "messages": turns("Hi?", "Yes.", system="Be brief.")}],
         ("S Be brief. | U Hi? | A* Yes.",)),
    Case("thinking beside a conversation", TEXT, [{"reasoning": "Hm.", "messages": turns("Hi?", "Yes.")}], PLAIN, ("unread-column",),
         "reasoning"),
)  # fmt: skip
