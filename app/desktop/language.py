"""The window's language: every text for people goes through tr(). No Qt.

The texts stand in the code in English; `resources/languages/<code>.json` maps each of them to another language, and
`python -m resources.make.languages` says which are missing or no longer used. What the core says with
say() of core.text.sentence is translated too.
"""

import json
import string
from typing import Any

from core.resources import FOLDER
from core.text.sentence import CAPITALIZED, LOWERED, Sentence, as_value

LANGUAGES = {"en": "English", "de": "Deutsch"}

_texts: dict[str, str] = {}
_current = "en"


def use(code: str) -> None:
    """Speak a language of LANGUAGES from now on. Call it before the window's modules are imported: some hold texts."""
    global _current
    _current = code
    _texts.clear()
    if code != "en":
        path = FOLDER / "languages" / f"{code}.json"
        _texts.update(json.loads(path.read_text(encoding="utf-8")))


def current() -> str:
    """The language that is spoken, of LANGUAGES."""
    return _current


def choose(wanted: str, system: list[str]) -> str:
    """The language to speak: the one wanted, or with "system" the first of the system's ("de-AT") that Hone knows."""
    if wanted in LANGUAGES:
        return wanted
    known = [code for name in system if (code := name.replace("_", "-").split("-")[0].lower()) in LANGUAGES]
    return known[0] if known else "en"


def tr(text: str, /, **values: object) -> str:
    """A text in the window's language, with `values` in the place of its {names}: tr("Step {step}", step=3).

    A Sentence of the core brings its own values, which are translated with it; of an error among the values the reason
    is said, as core.text.reasons has it.

    `text` has to be a literal, or a text of the core's own descriptions (options, methods, families), to be found by
    resources.make.languages. Where there is no translation it is English.
    """
    if isinstance(text, Sentence):
        if text.words == CAPITALIZED:
            inner = tr(text.values["text"])
            return inner[:1].upper() + inner[1:]
        if text.words == LOWERED:
            return str(text) if _current == "en" else tr(text.values["text"])
        return tr(text.words, **text.values)
    translated = _texts.get(text, text)
    if not values:
        return translated
    said = {name: _say(value) for name, value in values.items()}
    return _FORMATTER.vformat(translated, (), said)


def _say(value: object) -> object:
    value = as_value(value) if isinstance(value, BaseException) else value
    return tr(value) if isinstance(value, Sentence) else value


def localize(number: str) -> str:
    """A number as Python writes it, "1,240.5" or "12%", as people write it in the window's language: "1.240,5" and
    "12 %" in German."""
    return number if _current == "en" else number.translate(_COMMA_AND_POINT).replace("%", "\u00a0%")


def keep_together(text: str) -> str:
    """A text that no line break parts: "6 GB", "120 steps in 3 s"."""
    return text.replace(" ", "\u00a0")


def read_number(text: str) -> str:
    """What a person typed as a number, as Python reads it: in German both "0,0002" and "0.0002" are 0.0002.

    A point beside a comma divides thousands there: "1.240,5" is 1240.5.
    """
    return text if _current == "en" or "," not in text else text.replace(".", "").replace(",", ".")


class _Formatter(string.Formatter):
    """str.format() whose numbers are written as people write them."""

    def format_field(self, value: Any, format_spec: str) -> str:
        text: str = super().format_field(value, format_spec)
        return localize(text) if isinstance(value, int | float) else text


_COMMA_AND_POINT = str.maketrans(",.", ".,")
_FORMATTER = _Formatter()


def tr_count(one: str, many: str, count: int, /, **values: object) -> str:
    """tr() of `one` for a count of 1 and else of `many`; {count} in them is the count."""
    return tr(one if count == 1 else many, count=count, **values)
