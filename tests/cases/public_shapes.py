"""The shapes of public sets, as their cards describe them. In the form of tests/cases/shapes.py."""

import json

from core.data.kinds import PAIRS, QUESTIONS, TEXT
from tests.cases.shapes import FOUR, PAIR, PLAIN, TOOL, WHOLE, YES_NO, Case, turns


def node(parent: str | None, role: str = "user", *parts: object, **fields: object) -> dict[str, object]:
    """A node of the tree in which ChatGPT exports a conversation."""
    content = {"content_type": fields.pop("content_type", "text"), "parts": list(parts)}
    message = {"author": {"role": role}, "content": content, "recipient": "all", "metadata": {}, **fields}
    return {"parent": parent, "message": message if parts else None}


TREE = {"r": node(None), "s": node("r", "system", ""), "q": node("s", "user", "Hi?"), "old": node("q", "assistant", "No."),
        "new": node("q", "assistant", "Yes.")}  # fmt: skip
SEARCH = {"run": node("q", "assistant", "search()", recipient="browser"), "found": node("run", "tool", "Rome", content_type="tether_quote"),
          "new": node("found", "assistant", "Yes.")}  # fmt: skip
CLAUDE = [{"sender": "human", "text": "Hi?", "attachments": []}, {"sender": "assistant", "text": "Yes.", "content": []}]
OPENAI_PAIR = {"preferred_output": turns("Hi?", "Yes.")[1:], "non_preferred_output": turns("Hi?", "No.")[1:]}
TWO = ("U 2+2? | A* It is 4.",)
SUMMARY = ("U A long text. | A* Short.",)
CALL = {"name": "look", "arguments": {"town": "Rome"}}

PUBLIC = (
    Case("messages of a tree as rows", TEXT,
         [{"message_id": "1", "parent_id": None, "text": "Hi?", "role": "prompter", "message_tree_id": "1"},
          {"message_id": "2", "parent_id": "1", "text": "Yes.", "role": "assistant", "message_tree_id": "1"}],
         (), (), "single message"),
    Case("a tree of ChatGPT's, of which the newest branch counts", TEXT, [{"title": "T", "mapping": TREE, "current_node": "new"}], PLAIN),
    Case("the same as a list in one file", TEXT, json.dumps([{"title": "T", "mapping": TREE, "current_node": "new"}]), PLAIN,
         file="conversations.json"),
    Case("a branch that was gone back to", TEXT, [{"mapping": TREE, "current_node": "old"}], ("U Hi? | A* No.",)),
    Case("a tree without its newest node", TEXT, [{"mapping": TREE}], PLAIN),
    Case("a search that was not shown", TEXT, [{"mapping": {**TREE, **SEARCH}, "current_node": "new"}], PLAIN, ("not-shown",),
         "2 messages of the exported chat are"),
    Case("instructions that were not shown", TEXT,
         [{"mapping": {**TREE, "s": node("r", "user", "Be brief.", metadata={"is_visually_hidden_from_conversation": True})},
           "current_node": "new"}], PLAIN, ("not-shown",)),
    *(Case(f"a picture in ChatGPT's export {exclude}", TEXT,
           [{"mapping": {**TREE, "q": node("s", "user", {"content_type": "image_asset_pointer"}, "Hi?", content_type="multimodal_text")},
             "current_node": "new"}], *then, options={"exclude": exclude})
      for exclude, then in (((), ((), (), "something other than text (image_asset_pointer)")), (("not-text",), (PLAIN,)))),
    Case("an empty tree of ChatGPT's", TEXT, [{"mapping": {"r": node(None)}, "current_node": "r"}], (), (), "is empty"),
    Case("Claude's export", TEXT, [{"uuid": "1", "name": "N", "chat_messages": CLAUDE}], PLAIN),
    Case("a file in Claude's export", TEXT,
         [{"chat_messages": [{**CLAUDE[0], "attachments": [{"file_name": "a.txt"}]}, CLAUDE[1]]}], PLAIN, ("not-shown",)),
    *(Case(f"OpenAI's preferences {name}", PAIRS, [{"input": {"messages": turns("Hi?"), **more}, **OPENAI_PAIR}], YES_NO, told)
      for name, more, told in (("alone", {}, ()), ("with functions", {"tools": [TOOL]}, ("not-written",)))),
    *(Case(f"messages that are {content!r}", PAIRS, [{"messages": content, **WHOLE}], (), (), "messages is not a list of messages")
      for content in (True, 7, {"role": "user", "content": "Hi?"})),
    Case("calls as JSON text in answers", TEXT,
         [{"query": "Warm?", "answers": json.dumps([CALL]), "tools": json.dumps([{"name": "look", "parameters": {}}])}],
         ("U Warm? | A ",), ("not-written",), "does not write the function calls"),
    Case("a generated solution", TEXT, [{"problem": "2+2?", "generated_solution": "It is 4.", "expected_answer": "4"}], TWO),
    Case("a generated solution to check", QUESTIONS,
         [{"problem": "2+2?", "generated_solution": "It is 4.", "expected_answer": "4"}], FOUR),
    Case("inputs and targets", TEXT, [{"inputs": "Hi?", "targets": "Yes.", "language": "en"}], PLAIN),
    Case("contents of Gemini", TEXT,
         [{"systemInstruction": {"parts": [{"text": "Be brief."}]},
           "contents": [{"role": "user", "parts": [{"text": "Hi"}, {"text": "?"}]}, {"role": "model", "parts": [{"text": "Yes."}]}]}],
         ("S Be brief. | U Hi? | A* Yes.",)),
    Case("a picture in contents of Gemini", TEXT,
         [{"contents": [{"parts": [{"text": "Hi?"}, {"inlineData": {"mimeType": "image/png", "data": "AA"}}]},
                        {"role": "model", "parts": [{"text": "Yes."}]}]}],
         (), ("not-text",), "something other than text (inlineData)"),
    Case("a question and an answer in German", TEXT, [{"Frage": "Hi?", "Antwort": "Yes."}], PLAIN),
    Case("the same to check", QUESTIONS, [{"Frage": "2+2?", "Antwort": "4"}], FOUR),
    Case("a best answer", TEXT, [{"question": "Hi?", "best_answer": "Yes.", "incorrect_answers": ["No."]}], PLAIN),
    Case("a canonical solution", TEXT, [{"prompt": "def two():", "canonical_solution": " return 2"}], ("def two():* return 2",)),
    Case("a question about a passage", TEXT, [{"question": "Is it?", "passage": "It is.", "answer": True}],
         ("U It is.\n\nIs it? | A* true",)),
    Case("endings to choose from", TEXT, [{"ctx_a": "A", "ctx": "A man", "endings": ["runs", "eats"], "label": "1"}],
         ("U A man\n\nA. runs\nB. eats | A* B. eats",)),
    Case("choices of a question stem", TEXT,
         [{"question_stem": "Which?", "choices": {"text": ["red", "blue"], "label": ["A", "B"]}, "answerKey": "A"}],
         ("U Which?\n\nA. red\nB. blue | A* A. red",)),
    Case("an answer with aliases", TEXT, [{"question": "Hi?", "answer": {"value": "Yes.", "aliases": ["Yea."]}}], PLAIN),
    Case("several answers", TEXT, [{"question": "Hi?", "answer": ["Yes.", "No."]}], ('U Hi? | A* ["Yes.", "No."]',)),
    *(Case(f"a summary of {text}, called {summary}", TEXT, [{text: "A long text.", summary: "Short.", "id": "1"}], SUMMARY)
      for text, summary in (("dialogue", "summary"), ("article", "highlights"), ("document", "summary"), ("text", "summary"))),
    Case("a thought called Complex_CoT", TEXT, [{"Question": "2+2?", "Complex_CoT": "Two and two.", "Response": "4"}],
         ("U 2+2? | A* <think>\nTwo and two.\n</think>\n\n4",)),
    Case("languages side by side", TEXT, [{"translation": {"en": "Hi", "fr": "Salut"}}], (), (),
         "or map them: --columns question=translation.en,answer=translation.fr."),
    Case("languages side by side, mapped", TEXT, [{"translation": {"en": "Hi?", "fr": "Yes."}}], PLAIN,
         options={"columns": ["question=translation.en", "answer=translation.fr"]}),
    Case("an answered conversation beside whole ones", PAIRS,
         [{"conversation": [{"input": "Hi?", "output": "Yes."}], **WHOLE}], YES_NO),
    Case("a prompt with system beside whole conversations without", PAIRS, [{"prompt": turns("Hi?", system="Be brief."), **WHOLE}],
         ("S Be brief. | U Hi? | A* Yes.", "S Be brief. | U Hi? | A* No.")),
    Case("chosen_response and rejected_response", PAIRS,
         [{"instruction": "Hi?", "chosen_response": "Yes.", "rejected_response": "No."}], YES_NO),
    Case("a prompt that is null", PAIRS, [{"prompt": None, **PAIR}], (), (), "prompt is null"),
    *(Case(f"pairs by {next(reversed(row))}", PAIRS, [row], (), (), "or map them: --columns prompt=COLUMN,chosen=COLUMN,rejected=COLUMN.")
      for row in ({"post": "Hi?", "reply_A": "Yes.", "reply_B": "No.", "vote": 1},
                  {"question": {"full_text": "Hi?"}, "answer_0": "Yes.", "answer_1": "No.", "score_1": -1})),
    *(Case(f"pairs by {next(reversed(row))}", PAIRS, [row], ("Hi?*Yes.", "Hi?*No."))
      for row in ({"prompt": "Hi?", "response_0": "Yes.", "response_1": "No.", "better_response_id": 0},
                  {"prompt": "Hi?", "response_1": "Yes.", "response_2": "No.", "preference_strength": -2},
                  {"prompt": "Hi?", "answers": [{"answer": "No.", "rank": 2.0}, {"answer": "Yes.", "rank": 1.0}]})),
    Case("a boxed solution", QUESTIONS, [{"problem": "2+2?", "level": "1", "solution": "So it is \\boxed{4}."}], FOUR),
    Case("an answer beside messages", QUESTIONS,
         [{"problem": "2+2?", "solution": "\\boxed{4}", "answer": "4", "messages": turns("2+2?", "4"), "generations": ["x"]}],
         FOUR),
    Case("numbers to reach a target", QUESTIONS, [{"target": 98, "nums": [44, 19, 35]}], (), (), "target and nums are not known"),
)  # fmt: skip
