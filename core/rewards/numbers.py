"""Numbers as people and models write them: found in a text, read exactly, compared.

Understood are 1,234.5, 1 234, 1e5, -3, 3/4, 1 1/2, \\frac{3}{4}, 2^10, \\sqrt{2}, 2\\pi, 50%, $12, "12 apples", and
plain arithmetic of these. Values are exact fractions wherever that is possible.
"""

import ast
import math
import re
from fractions import Fraction

from core.data.format.shapes.questions import final_answer

Value = Fraction | float

TOLERANCE = 1e-6  # relative; for roots, pi and rounded decimals
BIGGEST = 10**4  # no exponent above this is worked out

_PLAIN = r"(?:\d{1,3}(?:[,\u00a0\u202f '_]\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
_NUMBER = rf"(?:{_PLAIN})(?:[eE][+-]?\d+(?![\w.]))?"
_STATED = re.compile(
    r"(?:(?<![\w)\]}.%])|(?<=[=(\[:,$€£]))[-−–]?\s?[$€£]?\s?"
    rf"(?:\\[dt]?frac\{{-?\d+\}}\{{\d+\}}|(?:\d+\s+\d+/\d+)(?![\d/])|{_NUMBER}(?:\s?/\s?{_NUMBER}(?!\s?/))?)(?:\s?\\?%)?"
)
_LEAD = re.compile(r"(?:answer|result|total|solution)\s*(?:is|are|=|:)+\s*:?\s*", re.IGNORECASE)
_FRAC = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_SHORT_FRAC = re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)")
_SQRT = re.compile(r"\\sqrt\s*\{([^{}]*)\}")
_TEXT = re.compile(r"\\(?:text|mathrm|mbox|textbf)\s*\{[^{}]*\}")
_MIXED = re.compile(r"(?<![\d.])(\d+)\s+(\d+)\s*/\s*(\d+)(?![\d.])")
_GROUPED = re.compile(r"(?<![\d.])\d{1,3}(?:[,\u00a0\u202f '_]\d{3})+(?!\d)")


def stated(text: str) -> str | None:
    """What a text says its result is: boxed, behind ####, behind "the answer is", or its last number. None: nothing."""
    marked = final_answer(text)
    if "\\boxed{" in text or "####" in text:
        return marked or None
    lead = list(_LEAD.finditer(text))
    for match in reversed(lead):
        found = _STATED.search(text, match.end())
        if found and found.start() <= match.end() + 3:
            return found.group().strip()
    every = [m.group().strip() for m in _STATED.finditer(text)]
    return every[-1] if every else None


def same(one: str, other: str) -> bool:
    """Whether two texts mean the same value. Texts that are no numbers must be equal but for case and spacing.

    A unit or a percent sign on one side only is passed over: 50% is 50, and it is 0.5 too.
    """
    a, b = value(one), value(other)
    if a is None or b is None:
        return bool(_bare(one)) and _bare(one) == _bare(other)
    if _near(a, b):
        return True
    mine, its = "%" in one, "%" in other
    return mine != its and (_near(a / 100, b) if mine else _near(a, b / 100))


def value(text: str) -> Value | None:
    """The value of a number or an expression of numbers, or None. A percent sign is a unit like any other."""
    plain = _expression(text)
    try:
        tree = ast.parse(plain, mode="eval")
        found = _work_out(tree.body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        found = None
    if found is None:
        every = _STATED.findall(text)
        if len(every) != 1 or every[0].strip() == text.strip():
            return None
        return value(every[0])  # "12 apples", "about $12"
    return found


def _bare(text: str) -> str:
    return re.sub(r"[\s$]+|\\left|\\right", "", text).casefold().rstrip(".")


def _near(a: Value, b: Value) -> bool:
    if isinstance(a, Fraction) and isinstance(b, Fraction) and a.denominator == 1 == b.denominator:
        return a == b
    try:
        x, y = float(a), float(b)
    except OverflowError:
        return a == b
    return abs(x - y) <= TOLERANCE * max(1.0, abs(x), abs(y))


def _expression(text: str) -> str:
    """A number or formula as Python would write it."""
    t = _TEXT.sub("", text.strip()).strip().strip("$").rstrip(".").strip()
    for old, new in (("−", "-"), ("–", "-"), ("×", "*"), ("÷", "/"), ("\\times", "*"), ("\\cdot", "*"), ("\\div", "/"),
                     ("\\left", ""), ("\\right", ""), ("\\,", ""), ("\\!", ""), ("\\;", ""), ("\\ ", " "),
                     ("\\$", ""), ("\\%", ""), ("%", ""), ("°", ""), ("^\\circ", ""), ("^{\\circ}", ""),
                     ("$", ""), ("€", ""), ("£", ""), ("π", "pi"), ("\\pi", "pi")):  # fmt: skip
        t = t.replace(old, new)
    for _ in range(4):  # fractions inside fractions
        t = _SHORT_FRAC.sub(r"((\1)/(\2))", _FRAC.sub(r"((\1)/(\2))", _SQRT.sub(r"(sqrt(\1))", t)))
    t = re.sub(r"√\s*(\d+(?:\.\d+)?)", r"(sqrt(\1))", t)
    if "=" in t:  # x = 5
        t = t.rpartition("=")[2]
    t = _GROUPED.sub(lambda m: re.sub(r"\D", "", m.group()), t)
    t = _MIXED.sub(r"(\1+\2/\3)", t)
    t = t.replace("^", "**").replace("{", "(").replace("}", ")")
    t = re.sub(r"(?<=[\d)])\s*(?=\(|pi\b|sqrt\b)", "*", t)
    t = re.sub(r"sqrt\*\(", "sqrt(", t)
    return re.sub(r"(?<![\d.])0+(?=\d)", "", t).strip()


def _work_out(node: ast.expr) -> Value | None:
    match node:
        case ast.Constant(value=int(n)) if not isinstance(n, bool):
            return Fraction(n)
        case ast.Constant(value=float(x)):
            return Fraction(repr(x)) if math.isfinite(x) else None
        case ast.Name(id="pi"):
            return math.pi
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            found = _work_out(inner)
            return None if found is None else -found
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _work_out(inner)
        case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
            found = _work_out(inner)
            return None if found is None or found < 0 else _root(found)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _work_out(left), _work_out(right)
            return None if a is None or b is None else _combine(a, op, b)
    return None


def _combine(a: Value, op: ast.operator, b: Value) -> Value | None:
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.Div():
            return a / b
        case ast.Pow():
            if abs(float(b)) * max(1.0, math.log10(abs(float(a)) + 1)) > BIGGEST:
                return None
            whole = isinstance(a, Fraction) and isinstance(b, Fraction) and b.denominator == 1
            power = a ** int(b) if whole else float(a) ** float(b)
            return None if isinstance(power, complex) else power
    return None


def _root(x: Value) -> Value:
    if isinstance(x, Fraction):
        up, down = math.isqrt(x.numerator), math.isqrt(x.denominator)
        if up * up == x.numerator and down * down == x.denominator:
            return Fraction(up, down)
    return math.sqrt(float(x))
