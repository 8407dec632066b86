"""What programs export and people call in their own language: chats, columns, answers with scores. In the form of
tests/cases/shapes.py."""

import json
from typing import Any

from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from tests.cases.shapes import BRIEF, PLAIN, Case, turns

TWO = ("U Hi? | A* Yes.", "U Hi? | A* No.")


def _lm_studio(*steps: dict[str, Any]) -> dict[str, Any]:
    """A conversation of LM Studio's whose question was asked anew: the second version counts."""
    asked = [
        {"type": "singleStep", "role": "user", "content": [{"type": "text", "text": text}]} for text in ("Ho?", "Hi?")
    ]
    answer = {"type": "multiStep", "role": "assistant", "steps": [{"type": "contentBlock", **step} for step in steps]}
    return {"name": "Talk", "systemPrompt": "Be brief.", "messages": [{"versions": asked, "currentlySelected": 1},
                                                                      {"versions": [answer], "currentlySelected": 0}]}  # fmt: skip


def _block(text: str, **style: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], **style}


NODES = {
    "a": {"id": "a", "parentId": None, "role": "user", "content": "Hi?"},
    "b": {"id": "b", "parentId": "a", "role": "assistant", "content": "No."},
    "c": {"id": "c", "parentId": "a", "role": "assistant", "content": "Yes."},
}
WEBUI = {"id": "x", "title": "Talk", "chat": {"models": ["m"], "history": {"messages": NODES, "currentId": "c"}}}
ASKED, ANSWERED = (
    {"text": "Hi?", "sender": "User", "isCreatedByUser": True},
    {"text": "Yes.", "sender": "GPT-4", "isCreatedByUser": False},
)
LIBRE = {"conversationId": "x", "messages": [ASKED, ANSWERED]}
LIBRE_TREE = {
    "conversationId": "x",
    "messages": [{**ASKED, "children": [{**ANSWERED, "text": "No."}, {**ANSWERED, "children": []}]}],
}
COPILOT = {"requesterUsername": "me", "requests": [
    {"message": {"text": "Hi?", "parts": []}, "response": [{"kind": "progress", "value": "Looks"}, {"value": "Ye"}, {"value": "s."}]}]}  # fmt: skip
CLAUDE = [{"uuid": "u", "name": "", "chat_messages": [
    {"sender": "human", "text": "Hi?", "content": [{"type": "text", "text": "Hi?"}]},
    {"sender": "assistant", "text": "Yes.", "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Yes."}]}]}]  # fmt: skip


def _export(
    name: str, value: Any, learned: tuple[str, ...] = PLAIN, told: tuple[str, ...] = (), says: str = ""
) -> Case:
    return Case(f"a chat of {name}", TEXT, json.dumps(value), learned, told, says, "chat.json")


def _node(parent: str | None, role: str, part: Any) -> dict[str, Any]:
    """A node of the tree in which ChatGPT exports a conversation."""
    content = {"content_type": "text" if isinstance(part, str) else "multimodal_text", "parts": [part]}
    return {"parent": parent, "children": [], "message": {"author": {"role": role}, "content": content}}


EXPORTED = (
    _export("LM Studio's", _lm_studio(_block("Yes.")), BRIEF),
    _export("LM Studio's with thinking", _lm_studio(_block("Hm.", style={"type": "thinking"}), _block("Yes.")), BRIEF, ("not-written",),
            "does not write the thinking"),
    _export("Open WebUI's", [WEBUI]),
    _export("Open WebUI's without a tree", [{"chat": {"messages": [NODES["a"], NODES["c"]]}}]),
    _export("LibreChat's", LIBRE),
    _export("LibreChat's as a tree", LIBRE_TREE),
    _export("VS Code's Copilot", COPILOT),
    _export("OpenAssistant's as a tree", {"message_tree_id": "t", "prompt": {"text": "Hi?", "role": "prompter", "replies": [
        {"text": "No.", "role": "assistant", "rank": 1, "replies": []}, {"text": "Yes.", "role": "assistant", "rank": 0, "replies": []}]}}),
    _export("Claude's with thinking", CLAUDE, PLAIN, ("not-shown",), "1 message of the exported chat"),
    _export("Claude's with a tool", [{"uuid": "u", "name": "", "chat_messages": [
        {"sender": "human", "text": "Hi?", "content": [{"type": "text", "text": "Hi?"}]},
        {"sender": "assistant", "text": "Ye\n```\nThis block is not supported on your current device yet.\n```\ns.",
         "content": [{"type": "tool_use", "name": "search"}, {"type": "text", "text": "Yes."}]}]}], PLAIN, ("not-shown",), "1 message of the exported chat"),
    *(_export(f"ChatGPT's {name}", [{"mapping": {"q": _node(None, "user", "Hi?"), "a": _node("q", "assistant", answer)}, "current_node": "a"}], PLAIN, told, says)
      for name, answer, told, says in (
        ("with sources", "Yes\ue200cite\ue202turn0search1\ue201.", ("not-shown",), "1 message of the exported chat"),
        ("with sources as in 2023", "Yes【4†source】.", ("not-shown",), "1 message of the exported chat"),
        ("that was spoken", {"content_type": "audio_transcription", "text": "Yes.", "direction": "out"}, (), ""))),
    _export("Claude's of which one is empty", [*CLAUDE, {"uuid": "e", "name": "", "chat_messages": []}], PLAIN, ("not-shown", "no-answer"),
            "The conversation is empty."),
    Case("messages in a table", TEXT, "Conversation,Time,Author,Message\nA,10:00,Human,Hi?\nA,10:01,AI,Yes.\n", (), (),
         "is a single message of a conversation", "copilot.csv"),
    Case("messages of people in a channel", TEXT, [{"type": "message", "user": "U1", "text": "Hi?", "ts": "1"}], ("H*i?",),
         ("single-messages",), "look like messages of a chat, by user"),
    Case("articles with their authors", TEXT, [{"author": "Anna", "content": "Once upon a day."}], ("O*nce upon a day.",)),
    *(Case(f"columns called {asked} and {answered}", TEXT, f"{asked};{answered}\nHi?;Yes.\n", PLAIN, file="rows.csv")
      for asked, answered in (("Frage", "Antwort"), ("Eingabe", "Ausgabe"), ("Question", "Réponse"), ("Question", "Re\u0301ponse"),
                              ("Pregunta", "Respuesta"), ("Domanda", "Risposta"), ("问题", "答案"), ("質問", "回答"), ("Вопрос", "Ответ"),
                              ("input_text", "output_text"), ("user_input", "ideal"))),
    Case("Alpaca's columns in German", TEXT, "Anweisung;Eingabe;Ausgabe\nDouble.;4;8\n", ("U Double.\n\n4 | A* 8",), file="rows.csv"),
    *(Case(f"an answer called {name} to check, {type(answer).__name__}", QUESTIONS, [{"messages": turns("Hi?"), name: answer}], ("U Hi? ? Yes.",))
      for name, answer in (("reference_answer", "Yes."), ("reference_answer", {"answer": "Yes."}), ("ideal", "Yes."), ("Antwort", "Yes."))),
    *(Case(f"better and worse called {better} and {worse}", PAIRS, [{"question": "Hi?", better: "Yes.", worse: "No."}], TWO)
      for better, worse in (("good", "bad"), ("response_j", "response_k"), ("winner_response", "loser_response"),
                            ("preferred_response", "dispreferred_response"))),
    *(Case(f"answers with {', '.join(beside)} beside", PAIRS, [{"question": "Hi?", **beside}], TWO) for beside in (
        {"completions": [{"response": "No.", "overall_score": 3}, {"response": "Yes.", "overall_score": 8.5}]},
        {"responses": ["No.", "Yes."], "scores": [0.1, 0.9]}, {"generations": ["No.", "So.", "Yes."], "ratings": [1, 2, 5]},
        {"responses": ["No.", "Yes."], "ranking": [2, 1]}, {"answers": [{"answer": "No.", "rank": 2}, {"answer": "Yes.", "rank": 1}]})),
    Case("answers with equal scores", PAIRS, [{"question": "Hi?", "responses": ["No.", "Yes."], "scores": [1, 1]}], (), (), "the same rank"),
    *(Case(f"a winner called {winner}", PAIRS,
           [{"question": "Hi?", "model_a": "one", "model_b": "two", "response_a": "No.", "response_b": "Yes.", "winner": winner}], TWO)
      for winner in ("two", "model_b", "Response B", "b")),
    Case("an answer that is marked right", UNPAIRED, [{"question": "Hi?", "answer": "Yes.", "is_correct": True},
                                                      {"question": "Hi?", "answer": "No.", "is_correct": False}], TWO),
    Case("a reward beside an answer", UNPAIRED, [{"question": "Hi?", "answer": "Yes.", "reward": 0.7}], (), (), "label=reward>=0.5"),
    Case("columns that nobody knows, of which two hold texts", TEXT,
         [{"uuid": "7f3a", "when": "2024", "said": "What is the capital of Italy now?", "heard": "It is Rome, as it was before."}], (), (),
         "--columns question=said,answer=heard"),
    Case("rows that lie deep inside", TEXT, json.dumps({"ok": True, "result": {"found": [{"question": "Hi?", "answer": "Yes."}]}}), (), (),
         "if the rows lie in result.found, save that list as a file of its own", "rows.json"),
)  # fmt: skip
