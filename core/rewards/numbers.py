"""Numbers as people and models write them: found in a text, evaluated exactly, compared.

Understood are 1,234.5, 1 234, 1e5, -3, 3/4, 1 1/2, \\frac{3}{4}, 2^10, \\sqrt{2}, 2\\pi, 50%, $12, "12 apples", and
plain arithmetic of these. Values are exact fractions wherever that is possible.
"""

import ast
import math
import re
from fractions import Fraction

from core.data.format.final_answer import final_answer

Value = Fraction | float

TOLERANCE = 1e-6  # relative; for roots, pi and rounded decimals
MAX_POWER_DIGITS = 10**4  # powers with more digits than this are not evaluated

_PLAIN = r"(?:\d{1,3}(?:[,\u00a0\u202f '_]\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
_NUMBER = rf"(?:{_PLAIN})(?:[eE][+-]?\d+(?![\w.]))?"
_RESULT = re.compile(
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


def find_result(text: str) -> str | None:
    """The result that a text states: boxed, after ####, after "the answer is", or its last number; None without any."""
    marked = final_answer(text)
    if "\\boxed{" in text or "####" in text:
        return marked or None
    lead_matches = list(_LEAD.finditer(text))
    for match in reversed(lead_matches):
        result = _RESULT.search(text, match.end())
        if result and result.start() <= match.end() + 3:
            return result.group().strip()
    results = [m.group().strip() for m in _RESULT.finditer(text)]
    return results[-1] if results else None


def same_value(text_a: str, text_b: str) -> bool:
    """Whether two texts mean the same value. Texts that are no numbers must be equal but for case and spacing.

    A unit or a percent sign on one side only is ignored: 50% is 50, and it is 0.5 too.
    """
    a, b = parse_value(text_a), parse_value(text_b)
    if a is None or b is None:
        return bool(_normalize(text_a)) and _normalize(text_a) == _normalize(text_b)
    if _is_close(a, b):
        return True
    percent_a, percent_b = "%" in text_a, "%" in text_b
    return percent_a != percent_b and (_is_close(a / 100, b) if percent_a else _is_close(a, b / 100))


def parse_value(text: str) -> Value | None:
    """The value of a number or an expression of numbers, or None. A percent sign is a unit like any other."""
    expression = _to_python(text)
    try:
        tree = ast.parse(expression, mode="eval")
        result = _evaluate(tree.body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        result = None
    if result is None:
        numbers = _RESULT.findall(text)
        if len(numbers) != 1 or numbers[0].strip() == text.strip():
            return None
        return parse_value(numbers[0])  # "12 apples", "about $12"
    return result


def _normalize(text: str) -> str:
    """A text without what does not count when texts are compared: spacing, case, $, a full stop."""
    return re.sub(r"[\s$]+|\\left|\\right", "", text).casefold().rstrip(".")


def _is_close(a: Value, b: Value) -> bool:
    if isinstance(a, Fraction) and isinstance(b, Fraction) and a.denominator == 1 == b.denominator:
        return a == b
    try:
        x, y = float(a), float(b)
    except OverflowError:
        return a == b
    return abs(x - y) <= TOLERANCE * max(1.0, abs(x), abs(y))


def _to_python(text: str) -> str:
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


def _evaluate(node: ast.expr) -> Value | None:
    """The value of a parsed expression of numbers; None for anything else in it."""
    match node:
        case ast.Constant(value=int(n)) if not isinstance(n, bool):
            return Fraction(n)
        case ast.Constant(value=float(x)):
            return Fraction(repr(x)) if math.isfinite(x) else None
        case ast.Name(id="pi"):
            return math.pi
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            operand = _evaluate(inner)
            return None if operand is None else -operand
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _evaluate(inner)
        case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
            operand = _evaluate(inner)
            return None if operand is None or operand < 0 else _square_root(operand)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _evaluate(left), _evaluate(right)
            return None if a is None or b is None else _apply(a, op, b)
    return None


def _apply(a: Value, op: ast.operator, b: Value) -> Value | None:
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
            if abs(float(b)) * max(1.0, math.log10(abs(float(a)) + 1)) > MAX_POWER_DIGITS:
                return None
            is_exact = isinstance(a, Fraction) and isinstance(b, Fraction) and b.denominator == 1
            power = a ** int(b) if is_exact else float(a) ** float(b)
            return None if isinstance(power, complex) else power
    return None


def _square_root(x: Value) -> Value:
    if isinstance(x, Fraction):
        numerator, denominator = math.isqrt(x.numerator), math.isqrt(x.denominator)
        if numerator * numerator == x.numerator and denominator * denominator == x.denominator:
            return Fraction(numerator, denominator)
    return math.sqrt(float(x))
