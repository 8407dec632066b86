"""The result of a worked answer. On its own, as rewards read it before the window has any use for data formats."""

import re

_GRADE_SCHOOL = re.compile(r"####\s*(.+?)\s*$", re.DOTALL)


def final_answer(answer: str) -> str:
    """The result of a worked answer: what follows the last "####", or stands in the last \\boxed{…}, or all of it."""
    match = _GRADE_SCHOOL.search(answer[answer.rfind("####") :]) if "####" in answer else None
    if match:
        return match.group(1)
    box = answer.rfind("\\boxed{")
    if box < 0:
        return answer.strip()
    depth, start = 0, box + len("\\boxed{")
    for n, character in enumerate(answer[start:], start):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            return answer[start:n].strip()
    return answer.strip()
