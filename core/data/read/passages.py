"""Questions about passages as SQuAD and CoQA nest them, a passage with its questions, and rows as the viewer of
Hugging Face wraps them: made rows of their own."""

from typing import Any

Rows = list[dict[str, Any]]
_NESTED = frozenset(("row_idx", "paragraphs", "story"))  # of these, each such object has one


def rows_of_list(values: Rows) -> Rows:
    """The rows that objects hold; the objects themselves where they are the rows."""
    return [row for value in values for row in rows_of(value)]


def rows_of(value: dict[str, Any]) -> Rows:
    """The rows that an object holds; the object itself where it is the row."""
    if _NESTED.isdisjoint(value):  # nearly every row
        return [value]
    if isinstance(value.get("row"), dict) and "row_idx" in value:
        return [value["row"]]
    paragraphs = value.get("paragraphs")
    if isinstance(paragraphs, list) and paragraphs and all(map(_is_paragraph, paragraphs)):
        return [{"context": p["context"], **question} for p in paragraphs for question in p["qas"]]
    if "story" in value and (turns := _turns(value)):
        return [{"messages": turns}]
    return [value]


def _is_paragraph(value: Any) -> bool:
    """Whether a value is a passage with questions, as in SQuAD."""
    if not (isinstance(value, dict) and isinstance(value.get("context"), str) and isinstance(value.get("qas"), list)):
        return False
    return all(isinstance(question, dict) and "question" in question for question in value["qas"])


def _turns(value: dict[str, Any]) -> Rows:
    """The conversation about a story, as in CoQA, whose first question stands behind the story; none for other rows."""
    questions, answers = (_texts(value.get(name)) for name in ("questions", "answers"))
    if not questions or len(questions) != len(answers) or not isinstance(value["story"], str):
        return []
    questions[0] = f"{value['story']}\n\n{questions[0]}"
    sides = ("user", "assistant")
    return [
        {"role": role, "content": text}
        for turn in zip(questions, answers, strict=True)
        for role, text in zip(sides, turn, strict=True)
    ]


def _texts(value: Any) -> list[str]:
    """The texts of questions or of answers: by themselves, in objects, or in an object of lists."""
    if isinstance(value, dict):
        value = value.get("input_text")
    if not isinstance(value, list):
        return []
    texts = [item.get("input_text") if isinstance(item, dict) else item for item in value]
    return [text for text in texts if isinstance(text, str)]
