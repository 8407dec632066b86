"""The result of a worked answer. On its own, as rewards read it before the window has any use for data formats."""

import re

_GRADE_SCHOOL = re.compile(r"####\s*(.+?)\s*$", re.DOTALL)
_TAGGED = re.compile(r"<answer>\s*((?:(?!<answer>).)*?)\s*</answer>", re.DOTALL | re.IGNORECASE)
_BOXES = ("\\boxed{", "\\fbox{")


def has_final_answer(answer: str) -> bool:
    """Whether a worked answer marks its result."""
    return "####" in answer or any(box in answer for box in _BOXES) or bool(_TAGGED.search(answer))


def final_answer(answer: str) -> str:
    """The result of a worked answer: what follows the last "####", or stands in the last \\boxed{…} or <answer>, or all
    of it."""
    match = _GRADE_SCHOOL.search(answer[answer.rfind("####") :]) if "####" in answer else None
    if match:
        return match.group(1)
    tagged = _TAGGED.findall(answer)
    if tagged and tagged[-1]:
        answer = tagged[-1]
    box, start = max((answer.rfind(mark), len(mark)) for mark in _BOXES)
    if box < 0:
        return answer.strip()
    depth, start = 0, box + start
    for n, character in enumerate(answer[start:], start):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            return answer[start:n].strip()
    return answer.strip()
