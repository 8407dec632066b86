"""How files are written by hand, by spreadsheets and by programs: quotes, names of columns, comments, and text that is
something else. In the form of tests/cases/shapes.py."""

import json

from core.data.kinds import TEXT
from tests.cases.shapes import PLAIN, Case

BOTH = (*PLAIN, "U So? | A* No.")
ROW = '{"question": "Hi?", "answer": "Yes."}'
SECOND = '{"question": "So?", "answer": "No."}'
QUOTED = ('U He said "so", yes? | A* No "but", yes.',)
CLOSED = "line 2: The table is broken here: something stands behind a closing quote."


def _table(name: str, content: str, learned: tuple[str, ...], told: tuple[str, ...] = (), says: str = "") -> Case:
    return Case(f"a table with {name}", TEXT, content, learned, told, says, "rows.csv")


def _text(name: str, content: str, says: str, *learned: str, file: str = "rows.txt") -> Case:
    """Plain text, line by line, that is told to look like something else."""
    texts = learned or tuple(content.splitlines())
    return Case(name, TEXT, content, tuple(f"{text[0]}*{text[1:]}" for text in texts), ("looks-like",), says, file)


PASSAGES = [{"title": "T", "paragraphs": [{"context": "300 m.", "qas": [
    {"id": "1", "question": "How high?", "answers": [{"text": "300", "answer_start": 0}], "is_impossible": False},
    {"id": "2", "question": "How old?", "answers": [], "is_impossible": True}]}]}]  # fmt: skip
HIGH = ("U 300 m.\n\nHow high? | A* 300",)
TOLD = ("U A cat.\n\nWho? | A* A cat | U Where? | A* Here",)

WRITTEN = (
    _table("blanks before quotes", 'question, answer\n"Hi?", "Yes."\n"So?", "No."\n', BOTH),
    _table("blanks before quotes that hold commas", 'question, answer\n"Hi, you?", "Yes, I."\n', ("U Hi, you? | A* Yes, I.",)),
    _table("quotes behind backslashes", 'question,answer\n"He said \\"so\\", yes?","No \\"but\\", yes."\n', QUOTED),
    _table("quotes that are written twice", 'question,answer\n"He said ""so"", yes?","No ""but"", yes."\n', QUOTED),
    _table("a backslash at a cell's end", 'question,answer\n"In C:\\","Yes."\n', ("U In C:\\ | A* Yes.",)),
    _table("quotes that are characters", 'question,answer\n"He said "so" now?","Yes."\nSo?,No.\n', BOTH[1:], ("table",), CLOSED),
    _table("quotes in the middle of cells", 'question,answer\nHe said "so"?,Yes.\n', ('U He said "so"? | A* Yes.',)),
    Case("a table with NumPy's arrays", TEXT, 'question,answers\nHi?,"{\'text\': array([\'Yes.\'], dtype=object)}"\n', PLAIN, file="rows.csv"),
    Case("a table with NumPy's lines", TEXT, 'messages\n"[{\'role\': \'user\', \'content\': \'Hi?\'}\n {\'role\': \'assistant\', \'content\': \'Yes.\'}]"\n',
         PLAIN, file="rows.csv"),
    _table("its names twice", "question,answer\nHi?,Yes.\nquestion,answer\nSo?,No.\n", BOTH),
    _table("a column without a name", ",question,answer\n0,Hi?,Yes.\n1,So?,No.\n", BOTH),
    Case("a table with a column without a name, mapped", TEXT, "question,\nHi?,Yes.\nSo?,No.\n", BOTH, file="rows.csv",
         options={"columns": ("question=question", "answer=column 2")}),
    Case("lines that are comments", TEXT, f"// my rows\n{ROW}\n# more\n{SECOND}\n", BOTH),
    Case("a comment behind a row", TEXT, f"{ROW} // checked\n{SECOND}, # not\n", BOTH, ("comment",), "a comment behind it"),
    *(Case(f"JSON in {file}", TEXT, content, BOTH, file=file) for file, content in (
        ("rows.txt", f"{ROW}\n{SECOND}\n"), ("rows.md", f"[{ROW},\n {SECOND}]"), ("lines.txt", f"\n{ROW}\n{SECOND}"))),
    Case("a text that begins with a brace", TEXT, "{x} is a set.\n\nIt has a member.\n", ("{*x} is a set.", "I*t has a member."),
         file="rows.txt"),
    Case("rows that are JSON in a text", TEXT, f"{json.dumps(ROW)}\n{json.dumps(SECOND)}\n", BOTH),
    Case("a list of texts a row", TEXT, '["Hi?", "Yes."]\n["So?", "No."]\n', (), (), "This is a list, not an object with named columns. Name what it holds"),
    Case("rows as the viewer of Hugging Face has them", TEXT,
         json.dumps({"features": [], "rows": [{"row_idx": 0, "row": json.loads(ROW), "truncated_cells": []}], "num_rows_total": 1}),
         PLAIN, file="rows.json"),
    Case("SQuAD as it is given out", TEXT, json.dumps({"version": "v2.0", "data": PASSAGES}), HIGH, ("null",), "answers is null",
         "train-v2.0.json"),
    Case("SQuAD's passages as lines", TEXT, PASSAGES, HIGH, ("null",)),
    *(Case(f"CoQA {name}", TEXT, content, TOLD, file="rows.json") for name, content in (
        ("as it is given out", json.dumps({"version": "1.0", "data": [{
            "story": "A cat.", "questions": [{"input_text": "Who?", "turn_id": 1}, {"input_text": "Where?", "turn_id": 2}],
            "answers": [{"input_text": "A cat", "turn_id": 1}, {"input_text": "Here", "turn_id": 2}]}]})),
        ("as rows", json.dumps({"story": "A cat.", "questions": ["Who?", "Where?"], "answers": {"input_text": ["A cat", "Here"]}})))),
    _text("a chat without dashes", "14.03.24 18:02 Anna: Hi, you?\n14.03.24 18:03 Ben: Yes.\n", "looks like the export of a chat"),
    *(_text(f"questions as {name}", content, "look like questions and answers") for name, content in (
        ("lines", "Q: Hi?\nA: Yes.\nQ: So?\nA: No.\n"), ("lines in German", "Frage: Hi?\nAntwort: Ja.\nFrage: So?\nAntwort: Nein.\n"),
        ("turns", "User: Hi?\nAssistant: Yes.\nUser: So?\nAssistant: No.\n"))),
    _text("questions below headings", "## User 1\n\nHi?\n\n## AI 1\n\nYes.\n\n## User 2\n\nSo?\n\n## AI 2\n\nNo.\n", "look like questions",
          "## User 1", "Hi?", "## AI 1", "Yes.", "## User 2", "So?", "## AI 2", "No.", file="rows.md"),
    _text("subtitles", "1\n00:00:01,000 --> 00:00:02,000\nHi.\n\n2\n00:00:03,000 --> 00:00:04,000\nOh.\n", "looks like subtitles",
          "1\n00:00:01,000 --> 00:00:02,000\nHi.", "2\n00:00:03,000 --> 00:00:04,000\nOh.", file="film.srt"),
    _text("tags", "<p>Hi?</p>\n<p>Yes.</p>\n", "looks like HTML"),
    _text("a table of tabs", "Hi?\tYes.\nSo?\tNo.\n", "looks like a table"),
    _text("a table of Markdown's", "| q | a |\n|---|---|\n| Hi? | Yes. |\n", "looks like a table", file="rows.md"),
    _text("lines that are broken", "It was a dark\nand stormy night;\nthe rain fell\nin torrents.\n", "broken in the middle of sentences"),
    Case("a tab in a text of JSON", TEXT, '{"question": "Hi?", "answer": "Yes.\tNo."}\n', ("U Hi? | A* Yes.\tNo.",), ("control-character",),
         "The JSON has a tab or another control character in a text."),
    *(Case(f"lines that are {name}", TEXT, content, tuple(f"{line[0]}*{line[1:]}" for line in content.splitlines()), file="rows.txt")
      for name, content in (("words", "apples\npears\nplums\nfigs\n"), ("sentences", "the dog barks.\nthe cat sleeps.\na tree.\na house.\n"))),
    _text("code", "import os\n\nprint(os)\n", "This is code; what stands between blank lines", "import os", "print(os)", file="main.py"),
    Case("a page with a table in it", TEXT, "Prices.\n\n| q | a |\n|---|---|\n| 1 | 2 |\n\nThat is all.\n",
         ("P*rices.", "|* q | a |\n|---|---|\n| 1 | 2 |", "T*hat is all."), file="rows.md"),
    Case("a log", TEXT, "2024-03-14 18:02:01 INFO: up\n2024-03-14 18:02:02 INFO: Down\n",
         ("2*024-03-14 18:02:01 INFO: up", "2*024-03-14 18:02:02 INFO: Down"), file="server.log"),
    Case("lines of a poem", TEXT, "Two roads diverged\nIn a wood, and I\nTook the one\nLess travelled by.\n",
         ("T*wo roads diverged", "I*n a wood, and I", "T*ook the one", "L*ess travelled by."), file="rows.txt"),
)  # fmt: skip
