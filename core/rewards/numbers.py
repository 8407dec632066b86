"""Numbers as people and models write them: found in a text, evaluated exactly, compared.

Understood are 1,234.5, 1 234, 1.234,5, 12,5, 1e5, -3, 3/4, 1 1/2, ½, \\frac{3}{4}, 2^10, 10³, \\sqrt{2}, 2\\pi, 50%,
$12, "12 apples", "1.5 million", and plain arithmetic of these. Values are exact fractions wherever that is possible.
Dates and times are none.
"""

import ast
import math
import re
from fractions import Fraction

from core.data.format.final_answer import final_answer, has_final_answer
from core.rewards import words
from core.rewards.dates import find_dates, holds_date
from core.rewards.number_forms import PLAIN, SCALE, english_numbers, other_reading, plain_signs
from core.rewards.units import unit_of, with_unit

Value = Fraction | float

TOLERANCE = 1e-6  # relative; for roots, pi and rounded decimals
MAX_POWER_DIGITS = 10**4  # powers with more digits than this are not evaluated

_NUMBER = rf"(?:{PLAIN})(?:[eE][+-]?\d+(?![\w.]))?"
_ROOT = r"(?:\\sqrt\s*\{[^{}]*\}|√\s?\d+(?:\.\d+)?)"
_TAIL = (  # a power, of ten or of the number itself, and pi
    r"(?:\s?(?:\\times|\\cdot|[×*]|x(?=\s?10))\s?10\s?(?:\^|\*\*)\s?\{?[-−]?\d+\}?|\s?(?:\^|\*\*)\s?\{?[-−]?\d+\}?)?"
    r"(?:\s?(?:\\pi|π|pi\b))?"
)
_RESULT = re.compile(
    r"(?:(?<![\w)\]}.%±])|(?<=[=(\[:,$€£]))[-−–±]?\s?[$€£]?\s?"
    rf"(?:(?:\d+\s?)?\\[dt]?frac\{{-?\d+\}}\{{\d+\}}|(?:\d+\s?)?{_ROOT}|(?:\d+\s+\d+/\d+)(?![\d/])"
    rf"|{_NUMBER}{_TAIL}(?:\s?/\s?{_NUMBER}(?!\s?/))?)(?:\s?{SCALE})?(?:\s?\\?%)?(?![abcknpqrwxyz](?![a-zA-Z])|_)"
)
_FRAC = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_MIXED_FRAC = re.compile(r"(?<![\d.])(\d+)\s*(?=\\[dt]?frac\s*\{\d+\}\s*\{\d+\})")
_SHORT_FRAC = re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)")
_SQRT = re.compile(r"\\sqrt\s*\{([^{}]*)\}")
_TEXT = re.compile(r"\\(?:text|mathrm|mbox|textbf)\s*\{[^{}]*\}(?:\^\{?\d+\}?)?")
_MIXED = re.compile(r"(?<![\d.])(\d+)\s+(\d+)\s*/\s*(\d+)(?![\d.])")
_ARITHMETIC = re.compile(r"(?:\d++(?:\.\d*+)?(?:[eE][+-]?\d++)?|\.\d++|[\s+*/()-]|pi|sqrt)*+")
# What stands beside a number that is one of several in an expression, or the coefficient of a variable.
_EXPRESSION = re.compile(r"[+*^_<>|\\{}±=]|\d[a-zA-Z](?![a-zA-Z])|(?<![a-zA-Z])[a-zA-Z]_?\d")


def find_result(text: str) -> str | None:
    """The result that a text states: marked as such, or all of it, or after "the answer is", or its last number; None
    without any."""
    if has_final_answer(text):
        return final_answer(text) or None
    if "=" not in text and _value_of(plain_signs(text)) is not None:
        return text.strip()
    text = plain_signs(text)
    for match in reversed(list(words.LEAD.finditer(text))):
        tries = (_RESULT.match(text, start) for start in range(match.end(), match.end() + 4))
        if result := next(filter(None, tries), None):
            return with_unit(result.group().strip(), text[result.end() :])
    results = [with_unit(m.group().strip(), text[m.end() :]) for m in _RESULT.finditer(text)]
    return results[-1] if results else None


def same_value(text_a: str, text_b: str) -> bool:
    """Whether two texts mean the same value. Texts that are no numbers must be equal but for case and spacing.

    A unit or a percent sign on one side only is ignored: 50% is 50, and it is 0.5 too. Of two known units the values
    are compared: 5 km is 5000 m, and not 5 m. One group of digits, as in 1.250, is read as English or German has it.
    """
    if holds_date(text_a) or holds_date(text_b):
        dates_a, dates_b = find_dates(text_a), find_dates(text_b)
        return dates_a == dates_b if dates_a or dates_b else words.bare(text_a) == words.bare(text_b)
    if _are_equal(text_a, text_b):
        return True
    other_a, other_b = other_reading(text_a), other_reading(text_b)
    return (other_a is not None and _are_equal(other_a, text_b)) or (
        other_b is not None and _are_equal(text_a, other_b)
    )


def _are_equal(text_a: str, text_b: str) -> bool:
    a, b = parse_value(text_a), parse_value(text_b)
    if a is None or b is None:
        bare_a = words.bare(plain_signs(text_a))
        return bool(bare_a) and bare_a == words.bare(plain_signs(text_b))
    unit_a, unit_b = unit_of(text_a), unit_of(text_b)
    if unit_a and unit_b and unit_a != unit_b:
        return unit_a.quantity == unit_b.quantity and _is_close(a * unit_a.size, b * unit_b.size)
    if _is_close(a, b):
        return True
    percent_a, percent_b = "%" in text_a, "%" in text_b
    return percent_a != percent_b and (_is_close(a / 100, b) if percent_a else _is_close(a, b / 100))


def parse_value(text: str) -> Value | None:
    """The value of a number or an expression of numbers, or None. A percent sign is a unit like any other."""
    if holds_date(text):
        return None
    text = plain_signs(text)
    result = _value_of(text)
    if result is not None:
        return result
    rest = _TEXT.sub(" ", text)
    numbers = _RESULT.findall(rest)
    if len(numbers) != 1 or numbers[0].strip() == text.strip():
        return None
    around = rest.replace(numbers[0], " 0 ", 1) if "\\" in numbers[0] else rest
    if _EXPRESSION.search(re.sub(r"^[^=]{0,20}=", "", around)) and unit_of(rest) is None:
        return None
    return parse_value(numbers[0])  # "12 apples", "about $12"


def _value_of(text: str) -> Value | None:
    """The value of a text that is nothing but an expression; None for any other."""
    if holds_date(text):
        return None
    expression = _to_python(text)
    if not _ARITHMETIC.fullmatch(expression):  # Python warns of much that it parses, such as 1and
        return None
    try:
        tree = ast.parse(expression, mode="eval")
        return _evaluate(tree.body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        return None


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
    t = _MIXED_FRAC.sub(r"\1+", t)
    for _ in range(4):  # fractions inside fractions
        t = _SHORT_FRAC.sub(r"((\1)/(\2))", _FRAC.sub(r"((\1)/(\2))", _SQRT.sub(r"(sqrt(\1))", t)))
    t = re.sub(r"√\s*(\d+(?:\.\d+)?)", r"(sqrt(\1))", t)
    if "=" in t:  # x = 5
        t = t.rpartition("=")[2]
    t = re.sub(r"(?<=\d)\s*x\s*(?=10\s*(?:\^|\*\*))", "*", english_numbers(t))
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
