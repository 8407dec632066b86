"""What people save out of spreadsheets, flashcards, other programs and sets of the Hub. In the form of
tests/cases/shapes.py."""

import json
from typing import Any

from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from tests.cases.shapes import PLAIN, YES_NO, Case, turns

SECOND = "U So? | A* No."
BOTH = (*PLAIN, SECOND)
ANNA = {"columns": ["assistant=Anna"]}
HEAD = '{"user_name": "You", "character_name": "Mia", "create_date": "2024"}'
SPOKEN = [{"name": "You", "is_user": True, "mes": "Hi?"}, {"name": "Mia", "is_user": False, "mes": "Yes."}]
NOTICE = {"name": "System", "is_user": False, "is_system": True, "mes": "Saved."}


def _table(
    name: str,
    text: str,
    learned: tuple[str, ...] = BOTH,
    told: tuple[str, ...] = (),
    says: str = "",
    file: str = "rows.csv",
) -> Case:
    return Case(name, TEXT, text, learned, told, says, file)


def _lines(name: str, text: str, says: str, learned: tuple[str, ...], file: str = "rows.txt") -> Case:
    return Case(name, TEXT, text, learned, ("looks-like",), says, file)


def _posts(people: Any, **names: str) -> dict[str, Any]:
    """A chat of Meta's, whose newest message stands first."""
    speaker, text, time = (names[key] for key in ("speaker", "text", "time"))
    said = [
        {speaker: "Anna", text: "Sch\u00c3\u00b6n.", time: 1710435780000},
        {speaker: "Ben", text: "Hi?", time: 1710435720000},
    ]
    gone = {speaker: "Anna", text: "Oh.", time: 1710435720001, "is_unsent": True}
    return {"participants": people, "messages": [*said, gone, {speaker: "Ben", time: 1710435720002}]}


TREE = {
    "root": {"id": "root", "parent": None, "children": ["1"], "message": None},
    "1": {"id": "1", "parent": "root", "children": ["2"], "message": {"fragments": [{"type": "REQUEST", "content": "Hi?"}]}},
    "2": {"id": "2", "parent": "1", "children": [], "message": {"fragments": [{"type": "THINK", "content": "Hm."}, {"type": "RESPONSE", "content": "Yes."}]}},
}  # fmt: skip
ARENA = {
    "prompt": '["Hi?", "So?"]',
    "response_a": '["Yes.", "No."]',
    "response_b": '["No.", "Yes."]',
    "winner_model_a": 1,
    "winner_model_b": 0,
    "winner_tie": 0,
}
SCORED = [
    {"score": score, "completion": {"role": "model", "parts": [{"text": text}]}}
    for score, text in ((0.0, "No."), (1.0, "Yes."))
]

EVERYDAY = (
    _table("a table below what it is called", "Table 1,\nquestion,answer\nHi?,Yes.\nSo?,No.\n"),
    _table("a table below a line without separators", "FAQ 2024\nFrage;Antwort\nHi?;Yes.\nSo?;No.\n"),
    _table("a table of commas called .tsv", "question,answer\nHi?,Yes.\nSo?,No.\n", file="rows.tsv"),
    _table("one column called .tsv", "text\nHi, you.\n", ("H*i, you.",), file="rows.tsv"),
    _table("names behind characters that take no room", "\u200bquestion,answer\nHi?,Yes.\nSo?,No.\n"),
    _table("a table of semicolons with commas in a name", 'question;"answer, short";output, long\nHi?;;Yes.\nSo?;;No.\n', (), (), 'question, answer, short and output, long'),
    _table("a table without names", "What is it in all?,Yes.\nSo?,No.\n", (), (), "like content: put a line with names"),
    _table("a cell with a comma outside of quotes", "question,answer\nHi?,Yes.\nHo?,Yes, sir.\n", PLAIN, ("cells",), "This row has 3 cells, but the table has 2 columns."),
    _table("a table called .txt, with commas", "question,answer\nHi?,Yes.\nSo?,No.\n", file="rows.txt"),
    _table("a table called .txt, below its title", "Words\nquestion\tanswer\nHi?\tYes.\nSo?\tNo.\n", file="rows.txt"),
    _table("a table called .txt, with tabs", "id\tFrage\tThema\tAntwort\n1\tHi?\tx\tYes.\n2\tSo?\tx\tNo.\n", file="rows.txt"),
    _table("a text about a question and an answer", "question and answer,\nboth of them.\n", ("q*uestion and answer,", "b*oth of them."), file="rows.txt"),
    _table("flashcards of Anki", "#separator:tab\n#html:false\n#tags column:3\nHi?\tYes.\tx\nSo?\tNo.\t\n", file="deck.txt"),
    _table("flashcards of Anki with decks", '#separator:semicolon\n#guid column:1\n#deck column:2\na;D;Hi?;Yes.\nb;D;So?;"No."\n', file="deck.txt"),
    _table("flashcards of Anki with names", "#separator:tab\n#columns:Question\tAnswer\nHi?\tYes.\nSo?\tNo.\n", file="deck.txt"),
    _table("flashcards with names", "Front,Back,Tags\nHi?,Yes.,x\nSo?,No.,y\n"),
    _table("answers with tags", "question,answer\nHi?,<p>Yes.</p>\n", ("U Hi? | A* <p>Yes.</p>",), ("markup",), "In 100% of the rows the answer has tags"),
    Case("answers by their questions", TEXT, '{"Hi?": "Yes.", "So?": "No."}', BOTH, file="rows.json"),
    Case("rows by keys of Firebase", TEXT, '{"-Nabc": {"question": "Hi?", "answer": "Yes."}, "-Nabd": {"question": "So?", "answer": "No."}}', BOTH, file="rows.json"),
    *(Case(f"a switch of thinking that is {switch!r}", TEXT, [{"question": "Hi?", "answer": "Yes.", "reasoning": switch}], PLAIN)
      for switch in ("off", "on", "high", True, 0)),
    Case("the system of turns", TEXT, [{"conversation": [{"system": "S", "input": "Hi?", "output": "Yes."}, {"input": "So?", "output": "No."}]}], ("S S | U Hi? | A* Yes. | U So? | A* No.",)),
    *(Case(f"lists of speakers and of texts, by {who}", TEXT, [{name: {who: ["user", "assistant"], what: ["Hi?", "Yes."]}}], PLAIN)
      for name, who, what in (("messages", "role", "content"), ("conversations", "from", "value"))),
    Case("a conversation of one question", TEXT, [{"conversations": ["Hi?"]}], (), (), "The conversation has no answer by the assistant."),
    Case("a conversation of one question to ask", QUESTIONS, [{"conversations": ["Hi?"]}], (), (), "The conversation has no answer by the assistant."),
    Case("an answer that people wrote in Argilla", TEXT, [{"question": "Hi?", "response": [{"user_id": "u", "value": "Yes.", "status": "submitted"}]}], PLAIN),
    Case("an answer to be learned in part", TEXT, [{"messages": [*turns("Hi?"), {"role": "assistant", "content": "Yes.", "train_detail": [{"begin_offset": 0}]}]}], (), (),
         "Of message 2 parts are to be learned (train_detail)"),
    Case("an expected output", TEXT, [{"input": "Hi?", "actual_output": "No.", "expected_output": "Yes."}], PLAIN),
    Case("an expected output to check", QUESTIONS, [{"input": "Hi?", "expectedOutput": "Yes."}], ("U Hi? ? Yes.",)),
    Case("answers with a list of their rating", PAIRS, [{"input": "Hi?", "generations": ["No.", "Yes."], "rating": [2.0, 5.0]}], YES_NO),
    Case("Gemini's preferences", PAIRS, [{"contents": [{"role": "user", "parts": [{"text": "Hi?"}]}], "completions": SCORED}], YES_NO),
    Case("the arena's preferences of 2024", PAIRS, [ARENA], ("U Hi? | A* Yes. | U So? | A* No.", "U Hi? | A* No. | U So? | A* Yes.")),
    Case("a tie in the arena's preferences of 2024", PAIRS, [{**ARENA, "winner_model_a": 0, "winner_tie": 1}], (), (), "Neither answer is the better one."),
    Case("passages that are not read", TEXT, [{"question": "Hi?", "answer": "Yes.", "passages": ["It is so in all.", "It was so before."]}], PLAIN, ("unread-column",), "passages"),
    Case("a column called as a question is", TEXT, [{"Note": "long words that are no answer at all", "Question (EN)": "Hi?", "Answer (EN)": "Yes."}], (), (),
         "--columns 'question=Question (EN),answer=Answer (EN)'"),
    Case("a conversation that lies deep inside", TEXT, [{"body": {"messages": turns("Hi?", "Yes.")}, "id": 1}], (), (), "--columns messages=body.messages"),
    Case("a list in a row that nobody knows", TEXT, [{"id": "x", "data": ["a", "b"]}], (), (), "The columns id and data are not known"),
    *(Case(f"a chat of {name}", TEXT, json.dumps(value), ("U Hi? | A* Schön.",), ("not-shown",), "1 deleted", "chat.json", ANNA) for name, value in (
        ("Instagram's", _posts([{"name": "Ben"}], speaker="sender_name", text="content", time="timestamp_ms")),
        ("Messenger's", _posts(["Ben"], speaker="senderName", text="text", time="timestamp")))),
    Case("a chat of SillyTavern's", TEXT, "\n".join([HEAD, *map(json.dumps, [*SPOKEN, NOTICE])]), PLAIN, ("not-shown",), "1 without"),
    Case("a chat of DeepSeek's", TEXT, json.dumps([{"id": "a", "title": "T", "mapping": TREE}]), PLAIN, ("not-written",), "does not write the thinking", "chat.json"),
    _lines("mails", "From: Anna <a@x.org>\nTo: Ben\nSubject: Hi\n\nHi.\n", "look like e-mails", ("F*rom: Anna <a@x.org>\nTo: Ben\nSubject: Hi", "H*i."), "mail.eml"),
    _lines("a book of Project Gutenberg", "The book.\n\nIt begins. *** START OF THE PROJECT GUTENBERG EBOOK X ***\n", "This is a book of Project Gutenberg",
           ("T*he book.", "I*t begins. *** START OF THE PROJECT GUTENBERG EBOOK X ***")),
    _lines("an interview", "Anna: Hi?\n\nBen: Yes.\n\nAnna: So?\n\nBen: No.\n", "The lines begin with names", ("A*nna: Hi?", "B*en: Yes.", "A*nna: So?", "B*en: No.")),
    _lines("an interview in Chinese", "Li：你好？\nWu：好。\nLi：真的？\nWu：真的。\n", "The lines begin with names", ("L*i：你好？", "W*u：好。", "L*i：真的？", "W*u：真的。")),
    _lines("front matter", "---\ntitle: X\n---\n\nHi.\n", "begins with front matter", ("-*--\ntitle: X\n---", "H*i."), "rows.md"),
    _table("forms that are filled in anew", "Title: Soup\nTime: Short\n\nTitle: Stew\nTime: Long\n", ("T*itle: Soup\nTime: Short", "T*itle: Stew\nTime: Long"), file="rows.txt"),
    _lines("a transcript with times", "0:01\nHi.\n0:05\nOh.\n", "looks like subtitles", ("0*:01", "H*i.", "0*:05", "O*h.")),
    _lines("a transcript with times in brackets", "[00:00:00.000 --> 00:00:02.000] Hi.\n[00:00:02.000 --> 00:00:04.000] Oh.\n", "looks like subtitles",
           ("[*00:00:00.000 --> 00:00:02.000] Hi.", "[*00:00:02.000 --> 00:00:04.000] Oh.")),
    _lines("a chat of iMessage's", "Mar 14, 2024  6:02:11 PM\nBen\nHi?\n\nMar 14, 2024  6:03:00 PM\nMe\nYes.\n", "looks like the export of a chat",
           ("M*ar 14, 2024  6:02:11 PM\nBen\nHi?", "M*ar 14, 2024  6:03:00 PM\nMe\nYes.")),
    Case("a conversation written out in capitals", TEXT, [{"text": "Chat. USER: Hi? ASSISTANT: Yes."}], ("C*hat. USER: Hi? ASSISTANT: Yes.",), ("written-out",)),
    Case("rules between poems", TEXT, "Roses are red.\n---\nThe sea.\n***\n", ("R*oses are red.", "T*he sea."), file="rows.txt"),
    *(Case(f"messages that name their conversation, {how}", TEXT, text, BOTH, file=file) for how, text, file in (
        ("in a table", "conv_id,role,content\n1,user,Hi?\n1,assistant,Yes.\n2,user,So?\n2,assistant,No.\n", "rows.csv"),
        ("as lines", "".join(json.dumps({"thread_id": n // 2, **message}) + "\n" for n, message in enumerate(turns("Hi?", "Yes.", "So?", "No."))), "rows.jsonl"),
        ("in an array", json.dumps([{"session_id": n // 2, **message} for n, message in enumerate(turns("Hi?", "Yes.", "So?", "No."))]), "rows.json"))),
    Case("thinking with its own tags", TEXT, [{"question": "Hi?", "thinking": "<think>\nHm.\n</think>", "answer": "Yes."}], ("U Hi? | A* <think>\nHm.\n</think>\n\nYes.",)),
    Case("passages in a list", TEXT, [{"question": "Hi?", "context": ["So.", " ", "No."], "answer": "Yes."}], ("U So.\n\nNo.\n\nHi? | A* Yes.",)),
    Case("a third speaker beside the assistant", TEXT, [{"messages": [*turns("Hi?", "Yes."), {"role": "bing", "content": "x"}]}], (), (),
         "Message 3 has the unknown role 'bing'. Name who speaks under role: user, assistant, system or tool. There is no other row."),
    Case("a solution inside of an output that says more", TEXT, [{"input": "Hi?", "output": "<think>Hm, so it goes.</think> Yes.", "solution": "Yes."}], PLAIN, ("unread-column",), "output"),
    Case("an answer called content behind thinking", TEXT, [{"input": "Hi?", "reasoning_content": "Hm.", "content": "Yes.", "score": 10}], ("U Hi? | A* <think>\nHm.\n</think>\n\nYes.",)),
    Case("a dialog with a mark for each text", TEXT, [{"dialog": ["Hi?", "Yes."], "act": [1, 2], "emotion": [0, 0]}], PLAIN),
    Case("answers that are safe or not", TEXT, [{"question": "Hi?", "response": "Yes.", "is_safe": True}, {"question": "So?", "response": "No.", "is_safe": False}], PLAIN, ("marked-bad",)),
    Case("a text among short columns", TEXT, [{"ID": 1, "Joke": "A cat walks into a bar."}], (), (), "--columns text=Joke"),
    Case("an id that is called as a question is", TEXT, [{"query_id": "x", "passage": "Two cats are here.", "spans": ["2"], "my question": "How many are there?"}], (), (),
         "question=my question"),
    Case("pairs in German", PAIRS, "Frage;Gute Antwort;Schlechte Antwort\nHi?;Yes.;No.\n", YES_NO, file="rows.csv"),
    Case("pairs whose columns have blanks", PAIRS, "Question,Response A,Response B,Preferred\nHi?,No.,Yes.,Response B\n", YES_NO, file="rows.csv"),
    Case("marks in German", UNPAIRED, "Frage;Antwort;Bewertung\nHi?;Yes.;gut\nSo?;No.;👎\n", BOTH, file="rows.csv"),
    Case("scores with a decimal comma", UNPAIRED, "question;answer;score\nHi?;Yes.;0,9\n", (), (), "say from where on it is good", "rows.csv"),
    Case("scores with a decimal comma and a limit", UNPAIRED, "question;answer;score\nHi?;Yes.;0,9\nSo?;No.;0,1\n", ("Hi?*Yes.", "So?*No."), file="rows.csv",
         options={"columns": ["prompt=question", "completion=answer", "label=score>=0.5"]}),
    Case("results in German", QUESTIONS, "Frage;Ergebnis\nHi?;4\n", ("U Hi? ? 4",), file="rows.csv"),
    Case("texts to ask", QUESTIONS, "Hi?\n", (), (), "--columns question=text", "rows.txt"),
    Case("messages of Discord in a table", TEXT, "AuthorID,Author,Date,Content\n1,ben,2024,Hi?\n", ("H*i?",), ("single-messages",), "by AuthorID", "rows.csv"),
)  # fmt: skip
