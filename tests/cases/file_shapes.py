"""Forms of files: encodings, line ends, what is packed, and what is no data. In the form of tests/cases/shapes.py."""

import gzip
import io
import zipfile

from core.data.kinds import TEXT
from tests.cases.shapes import PLAIN, Case

ROW = '{"question": "Hi?", "answer": "Yes."}'
TABLE = "question,answer\nHi?,Yes.\n"
CAFE = ("U Où? | A* Au café “Œuf”.",)


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("word/document.xml", ROW)
    return packed.getvalue()


def _no_data(name: str, content: str | bytes, sentence: str, file: str) -> Case:
    return Case(name, TEXT, content, (), (), f"{file} is {sentence}.", file)


LONG = " ".join(["word"] * 100_000)

FILES = (
    *(Case(f"lines that end with CR alone, in {file}", TEXT, content.replace("\n", "\r"), learned, file=file)
      for file, content, learned in (("rows.csv", TABLE, PLAIN), ("rows.txt", "One.\nTwo.\n", ("O*ne.", "T*wo.")))),
    Case("lines that end with CR alone, in JSON Lines", TEXT, f"{ROW}\r" + ROW.replace("Hi", "So") + "\r",
         (*PLAIN, "U So? | A* Yes.")),
    Case("lines that end with CR alone, in UTF-16", TEXT, "question\tanswer\rHi?\tYes.\r".encode("utf-16"), PLAIN, file="rows.tsv"),
    Case("lines that end with CR and LF", TEXT, TABLE.replace("\n", "\r\n"), PLAIN, file="rows.csv"),
    Case("what Excel says of the separator", TEXT, "sep=;\nquestion;answer\nHi?;Yes.\n", PLAIN, file="rows.csv"),
    Case("what Excel says of the separator, with a mark and CR LF", TEXT, "\ufeffsep=,\r\nquestion,answer\r\nHi?,Yes.\r\n", PLAIN,
         file="rows.csv"),
    Case("an unusual separator that Excel names", TEXT, "sep=#\nquestion#answer\nHi?#Yes.\n", PLAIN, file="rows.csv"),
    *(Case(f"several objects on a line with {between!r} between", TEXT,
           f"{ROW}{between}{ROW.replace('Hi', 'So')}\n{ROW.replace('Hi', 'Oh')}\n",
           (*PLAIN, "U So? | A* Yes.", "U Oh? | A* Yes.")) for between in ("", " ", ", ")),
    Case("several objects on the only line", TEXT, ROW + ROW.replace("Hi", "So"), (*PLAIN, "U So? | A* Yes.")),
    Case("an object with something behind it", TEXT, f"{ROW} and more\n{ROW.replace('Hi', 'So')}\n", (*PLAIN, "U So? | A* Yes."),
         ("json",), "line 1: The JSON is broken"),
    *(Case(f"{encoding} with a mark", TEXT, f"\ufeff{ROW}\n".encode(encoding), PLAIN)
      for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-8")),
    Case("UTF-16 without a mark", TEXT, f"{ROW}\n".encode("utf-16-le"), (), (), "is not a text file"),
    Case("Windows-1252", TEXT, '{"question": "Où?", "answer": "Au café “Œuf”."}\n'.encode("cp1252"), CAFE, ("encoding",),
         "This is not UTF-8."),
    Case("Latin-1 in a table", TEXT, "question,answer\nÜber?,Ja.\n".encode("latin-1"), ("U Über? | A* Ja.",), ("encoding",),
         "not UTF-8", "rows.csv"),
    Case("one row of another encoding", TEXT, f"{ROW}\n".encode() + '{"question": "Où?", "answer": "Oui."}\n'.encode("cp1252"),
         (*PLAIN, "U Où? | A* Oui."), ("encoding",), "line 2: This is not UTF-8."),
    Case("packed with gzip", TEXT, gzip.compress(f"{ROW}\n".encode()), PLAIN, file="rows.jsonl.gz"),
    Case("packed with gzip under another name", TEXT, gzip.compress(TABLE.encode()), PLAIN, file="rows.csv"),
    Case("a row of 100,000 words", TEXT, [{"question": "Go?", "answer": LONG}], (f"U Go? | A* {LONG}",), max_len=1 << 20),
    Case("base64", TEXT, [{"question": "Data?", "answer": "aGVsbG8+/w==" * 100}], ("U Data? | A* " + "aGVsbG8+/w==" * 100,)),
    Case("Windows paths in a table", TEXT, "question,answer\nWhere?,C:\\new\\table.txt\n", ("U Where? | A* C:\\new\\table.txt",),
         file="rows.csv"),
    Case("marks of direction", TEXT, [{"question": "\u202bמה?\u202c", "answer": "\u200fכן\u200e."}],
         ("U \u202bמה?\u202c | A* \u200fכן\u200e.",)),
    Case("a character outside of the basic plane, escaped", TEXT, '{"question": "\\ud83d\\ude00?", "answer": "Yes."}\n',
         ("U 😀? | A* Yes.",)),
    _no_data("a file packed by zstd", b"\x28\xb5\x2f\xfd\x04\x00", "packed by zstd, not a data file: unpack it, or pack it with gzip",
             "rows.jsonl.zst"),
    _no_data("a workbook", _zip(), "a workbook, not a data file: save its sheet as CSV", "rows.xlsx"),
    _no_data("a document", _zip(), "a document, not a data file: save it as plain text, .txt", "text.docx"),
    _no_data("a document in RTF", "{\\rtf1 Hi}", "a document, not a data file: save it as plain text, .txt", "text.rtf"),
    _no_data("a PDF", b"%PDF-1.7\n", "a PDF, not a data file: save its text as .txt", "text.pdf"),
    _no_data("YAML", "- question: Hi?\n  answer: Yes.\n", "YAML, not a data file: convert it to JSON Lines or CSV", "rows.yaml"),
    _no_data("XML", "<rows><row/></rows>", "XML, not a data file: convert it to JSON Lines or CSV", "rows.xml"),
    _no_data("XML under another name", "<?xml version='1.0'?>", "XML, not a data file: convert it to JSON Lines or CSV", "rows.data"),
    _no_data("a piece of a web page", "<div>Hi</div>", "a web page, not a data file: save its text as .txt", "page.html"),
    _no_data("weights", b"\x08\0\0\0\0\0\0\0{}", "the weights of a model, not a data file", "model.safetensors"),
    *(Case(f"tabs between cells {name}", TEXT, content, learned, file="rows.tsv") for name, content, learned in (
        ("that go over several lines", 'question\tanswer\nHi?\t"One.\nTwo."\nSo?\tYes.\n',
         ("U Hi? | A* One.\nTwo.", "U So? | A* Yes.")),
        ("that hold tabs and quotes", 'question\tanswer\nHi?\t"One\ttwo, ""three""."\n', ('U Hi? | A* One\ttwo, "three".',)),
        ("in quotes, their names too", '"question"\t"answer"\r\n"Hi?"\t"Yes."\r\n', PLAIN),
        ("with quotes written twice", 'question\tanswer\n"He said ""so""?"\tYes.\n', ('U He said "so"? | A* Yes.',)),
        ("with quotes that are characters", 'question\tanswer\n"Hi" is?\t5"\n"So"\t"Yes"\n',
         ('U "Hi" is? | A* 5"', 'U "So" | A* "Yes"')),
        ("with a quote that is not closed", 'question\tanswer\nHi?\t"One\nSo?\tYes.\nOh?\t"No" or "yes".\n',
         ('U Hi? | A* "One', "U So? | A* Yes.", 'U Oh? | A* "No" or "yes".')),
    )),
    *(Case(f"a table as pandas writes it, orient={orient}", TEXT, content, (*PLAIN, "U So? | A* No."), file="rows.json")
      for orient, content in (
        ("columns", '{"question": {"0": "Hi?", "1": "So?"}, "answer": {"0": "Yes.", "1": "No."}}'),
        ("index", '{"0": {"question": "Hi?", "answer": "Yes."}, "1": {"question": "So?", "answer": "No."}}'),
        ("split", '{"columns": ["question", "answer"], "index": [0, 1], "data": [["Hi?", "Yes."], ["So?", "No."]]}'),
        ("table", '{"schema": {"fields": []}, "data": [{"question": "Hi?", "answer": "Yes."},\n'
                  '{"question": "So?", "answer": "No."}]}'),
        ("list", '{"question": ["Hi?", "So?"], "answer": ["Yes.", "No."]}'),
        ("records", '[{"question": "Hi?", "answer": "Yes."}, {"question": "So?", "answer": "No."}]'),
    )),
    Case("lists of other lengths are no table", TEXT, '{"question": ["Hi?", "So?"], "answer": ["Yes."]}', (), (),
         "question is not text", "rows.json"),
    *(Case(f"an array without its brackets, {name}", TEXT, f"{ROW},{between}{ROW.replace('Hi', 'So')}{end}",
           (*PLAIN, "U So? | A* Yes."), file=file)
      for name, between, end, file in (("line by line", "\n", ",\n", "rows.jsonl"), ("with CR LF", "\r\n", "", "rows.json"),
                                       ("indented", "\n  ", "\n", "rows.json"))),
    Case("a table under another name", TEXT, TABLE, PLAIN, file="rows.dat"),
    Case("a sheet of tabs called xls", TEXT, TABLE.replace(",", "\t"), PLAIN, file="rows.xls"),
)  # fmt: skip
