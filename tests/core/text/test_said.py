"""What the core says to people goes through say(), so that the window can say it in another language."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]

# Where the texts stand among the arguments of what carries them.
TEXTS = {
    **dict.fromkeys(("BadOption", "BadData", "BadModel", "Unavailable", "Gated", "ChangedInputs"), (0,)),
    "Warned": (1,),
    "Unusable": (1, 2),
    "Remark": (2, 3),
    "Problem": (3, 4),
    "Finding": (4, 5),
}


def unsaid(source: str) -> Iterator[int]:
    """The lines on which a text is given as a literal or an f-string."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            places = TEXTS.get(node.func.id, ())
            texts = [node.args[place] for place in places if place < len(node.args)]
            texts += [word.value for word in node.keywords if places and word.arg in ("message", "fix")]
            if any(isinstance(text, ast.JoinedStr) or _is_text(text) for text in texts):
                yield node.lineno


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and any(map(str.isalpha, node.value))


def test_every_error_and_finding_of_the_core_is_said() -> None:
    files = [path for path in (ROOT / "core").rglob("*.py") if path.parent.name != "cli"]
    found = [f"{path.relative_to(ROOT)}:{line}" for path in files for line in unsaid(path.read_text("utf-8"))]
    assert found == [] and len(files) > 200


def test_what_is_not_said_is_noticed() -> None:
    assert list(unsaid('raise BadData(f"{path} is empty.")\nWarned("x", "Careful.")\nBadData(say("a"))')) == [1, 2]
