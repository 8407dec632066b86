"""How numbers are written: with points and commas as in English, German or Indian texts, with signs of their own for
fractions and powers, and with words for thousands and millions."""

import re

_SEPARATORS = "\u00a0\u202f\u2009 '’_"  # between groups of three digits, beside commas and points
_ENGLISH = rf"[1-9]\d{{0,2}}(?:[,{_SEPARATORS}]\d{{3}})+(?!\d)(?:\.\d+)?"
_INDIAN = r"[1-9]\d?(?:,\d{2})+,\d{3}(?!\d)(?:\.\d+)?"
_GERMAN = r"[1-9]\d{0,2}(?:\.\d{3}){2,}(?![\d.])(?:,\d+)?|[1-9]\d{0,2}(?:\.\d{3})+,\d+"
_DECIMAL_COMMA = r"(?<![\d,(\[{])(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))(?![\d,])"
PLAIN = rf"(?:{_GERMAN}|{_INDIAN}|{_ENGLISH}|{_DECIMAL_COMMA}|\d++(?:\.\d++)?|\.\d++)"
_FORMS = re.compile(
    rf"(?<![\d.])(?:(?P<german>{_GERMAN})|(?P<english>{_INDIAN}|{_ENGLISH})|(?P<comma>{_DECIMAL_COMMA}))(?!\d)"
)
# One group of three digits, which is a number of thousands in one language and a decimal number in the other.
_AMBIGUOUS = re.compile(r"[1-9]\d{0,2}([.,])\d{3}")

_FRACTIONS = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5",
    "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8",
}  # fmt: skip
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_POWER = re.compile(r"[⁺⁻]?[⁰¹²³⁴-⁹]+")
_FULL_WIDTH = str.maketrans("０１２３４５６７８９．，－＋％", "0123456789.,-+%")
_LATEX_COMMA = re.compile(r"(?<=\d)\{,\}(?=\d)")
_LATEX_SPACE = re.compile(r"(?<=\d)(?:\\[,!;: ]|~)(?=\d{3}(?!\d))")
_MINUS = re.compile(r"\b(?:minus|negative)\s+(?=[$€£]?\.?\d)", re.IGNORECASE)
_SCALES = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "tausend": 10**3,
    "millionen": 10**6, "milliarde": 10**9, "milliarden": 10**9, "mio": 10**6, "mrd": 10**9,
}  # fmt: skip
SCALE = rf"(?:{'|'.join(sorted(_SCALES, key=len, reverse=True))})(?![a-z])\.?"
_SCALED = re.compile(rf"(?<=\d)\s?({SCALE})", re.IGNORECASE)


def plain_signs(text: str) -> str:
    """A text with signs of their own for fractions, powers and digits, and LaTeX's groups of digits, written out."""
    text = _LATEX_SPACE.sub("", _LATEX_COMMA.sub(",", text.replace("\\pm", "±")))
    text = _MINUS.sub("-", text)
    if text.isascii():
        return text
    for sign, fraction in _FRACTIONS.items():
        text = re.sub(rf"(?<=\d)\s?{sign}", f" {fraction}", text).replace(sign, fraction)
    text = text.translate(_FULL_WIDTH)
    return _POWER.sub(lambda match: f"^{{{match.group().translate(_RAISED)}}}", text)


def english_numbers(text: str) -> str:
    """A text with its numbers as a program writes them: a point before decimals, nothing between groups."""

    def rewrite(match: re.Match[str]) -> str:
        number = match.group()
        if match["english"]:
            return re.sub(r"[^\d.]", "", number)
        return number.replace(".", "").replace(",", ".")

    text = _FORMS.sub(rewrite, text)
    return _SCALED.sub(lambda match: f"*{_SCALES[match[1].lower().rstrip('.')]}", text)


def other_reading(text: str) -> str | None:
    """A number such as 1.250 or 1,250 as the other language reads it; None for any other text."""
    number = re.sub(r"[^\d.,]", "", text).rstrip(".,")
    match = _AMBIGUOUS.fullmatch(number)
    if match is None or len(re.findall(r"\d[\d.,]*", text)) != 1:
        return None
    return text.replace(number, number.replace(".", "") if match[1] == "." else number.replace(",", "."))
