"""The window says what goes through Qt: a signal of str makes plain English text of a sentence of the core."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.core.text.test_said import unsaid

APP = Path(__file__).parents[3] / "app"
# Attributes of the core's objects that hold what it says.
SAID = {"advice", "fix", "message", "note", "problem", "reason", "refusal", "sentence", "support", "summary", "words"}


def unsaid_signals(source: str) -> Iterator[int]:
    """The lines on which a signal that is declared with str here gets a text of the core, or of an error, without
    tr()."""
    tree = ast.parse(source)
    places: dict[str, list[int]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Signal("):
            assert isinstance(node.value, ast.Call)
            kinds = [ast.unparse(kind) for kind in node.value.args]
            places[ast.unparse(node.targets[0])] = [place for place, kind in enumerate(kinds) if kind == "str"]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "emit":
            name = ast.unparse(node.func.value).rpartition(".")[2]
            texts = [node.args[place] for place in places.get(name, ()) if place < len(node.args)]
            if any(map(_may_be_said, texts)):
                yield node.lineno


def _may_be_said(text: ast.expr) -> bool:
    if isinstance(text, ast.Call):
        return ast.unparse(text.func) in ("str", "redact", "join", "say", "reason", "capitalize", "shorten")
    return isinstance(text, ast.JoinedStr) or (isinstance(text, ast.Attribute) and text.attr in SAID)


def test_signals_carry_texts_that_were_said() -> None:
    files = list(APP.rglob("*.py"))
    found = [f"{path.relative_to(APP)}:{line}" for path in files for line in unsaid_signals(path.read_text("utf-8"))]
    assert found == [] and len(files) > 150


def test_errors_of_the_window_are_said() -> None:
    found = [f"{path.relative_to(APP)}:{n}" for path in APP.rglob("*.py") for n in unsaid(path.read_text("utf-8"))]
    assert found == []


def test_a_signal_with_a_sentence_of_the_core_is_noticed() -> None:
    declared = "class A:\n    failed = Signal(int, str)\n    found = Signal(object)\n\n"
    for said in ("str(error)", "chat.note", "join((a, b))", "f'{path}: {error}'"):
        assert list(unsaid_signals(f"{declared}self.failed.emit(1, {said})")) == [5]
    for fine in ("failed.emit(1, tr(chat.note))", "found.emit(chat.note)", "failed.emit(1, key)"):
        assert list(unsaid_signals(f"{declared}self.{fine}")) == []
