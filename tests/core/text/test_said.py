"""What the core says to people goes through say(), so that the window can say it in another language; what goes wrong
goes into it as the error itself, of which core.text.reasons knows the words."""

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


def unreasoned(source: str) -> Iterator[int]:
    """The lines on which the text of an error that was caught becomes a part of another text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr == "strerror" and ast.unparse(node.value) != "os":
            yield node.lineno
        if isinstance(node, ast.ExceptHandler) and node.name:
            for part in (inner for statement in node.body for inner in ast.walk(statement)):
                is_said = isinstance(part, ast.Call) and ast.unparse(part.func) in ("say", "tr")
                texts = [word.value for word in part.keywords] if is_said and isinstance(part, ast.Call) else []
                if any(f"str({node.name})" in ast.unparse(text) for text in texts):
                    yield part.lineno
                if isinstance(part, ast.FormattedValue) and ast.unparse(part.value) == node.name:
                    yield part.lineno


def test_every_error_and_finding_of_the_core_is_said() -> None:
    files = [path for path in (ROOT / "core").rglob("*.py") if path.parent.name != "cli"]
    found = [f"{path.relative_to(ROOT)}:{line}" for path in files for line in unsaid(path.read_text("utf-8"))]
    assert found == [] and len(files) > 200


def test_errors_of_others_are_said_by_their_reason() -> None:
    own = (ROOT / "core/text/reasons.py", *(ROOT / "core/selftest").glob("*.py"))  # which speaks to who installs Hone
    files = [path for part in ("core", "app") for path in (ROOT / part).rglob("*.py") if path not in own]
    found = [f"{path.relative_to(ROOT)}:{line}" for path in files for line in unreasoned(path.read_text("utf-8"))]
    assert found == [] and len(files) > 400


def test_what_is_not_said_is_noticed() -> None:
    assert list(unsaid('raise BadData(f"{path} is empty.")\nWarned("x", "Careful.")\nBadData(say("a"))')) == [1, 2]


def test_the_text_of_an_error_is_noticed() -> None:
    caught = "try:\n    pass\nexcept OSError as e:\n    {}\n"
    for line in ("f'{e}.'", "say('{a}', a=str(e))", "e.strerror"):
        assert list(unreasoned(caught.format(line))) == [4]
    for line in ("say('{a}', a=e)", "f'{e.code}'", "os.strerror(3)", "tr(str(e))"):
        assert list(unreasoned(caught.format(line))) == []
