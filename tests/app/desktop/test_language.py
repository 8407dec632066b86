"""The window's languages: every text has a translation, with the same {names}, and no translation is left over."""

import json
import re
from pathlib import Path

import pytest

from app.desktop import language
from app.desktop.language import tr, tr_count
from resources.make import languages

OTHERS = sorted(set(language.LANGUAGES) - {"en"})


@pytest.fixture
def spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A language "de" with two texts, spoken; English again after the test."""
    (tmp_path / "languages").mkdir()
    texts = {"{count} row": "{count} Zeile", "{count} rows": "{count} Zeilen", "Open": "Öffnen"}
    (tmp_path / "languages" / "de.json").write_text(json.dumps(texts), encoding="utf-8")
    monkeypatch.setattr(language, "FOLDER", tmp_path)
    language.use("de")
    yield
    language.use("en")


def test_a_text_is_translated_and_its_names_filled_in(spoken: None) -> None:
    assert language.current() == "de"
    assert (tr("Open"), tr_count("{count} row", "{count} rows", 1)) == ("Öffnen", "1 Zeile")
    assert tr_count("{count} row", "{count} rows", 3) == "3 Zeilen"
    assert tr("Step {step}", step=3) == "Step 3"  # no translation: English


def test_numbers_are_written_as_people_write_them(spoken: None) -> None:
    assert tr("{rows:,} rows, {share:.1%}, loss {loss:.2f}", rows=12345, share=0.125, loss=1.5) == (
        "12.345 rows, 12,5\u00a0%, loss 1,50"
    )
    assert language.localize("1,240.5") == "1.240,5"
    assert tr("{name}", name="1.5B") == "1.5B"  # a text stays


def test_braces_of_a_text_without_values_stay() -> None:
    assert tr('{"prompt": …}') == '{"prompt": …}'


@pytest.mark.parametrize(
    ("wanted", "system", "spoken"),
    [
        ("de", ["en-US"], "de"),
        ("en", ["de-DE"], "en"),
        ("system", ["de-AT", "en"], "de"),
        ("system", ["fr-FR", "de-DE", "en-US"], "de"),
        ("system", ["C"], "en"),
        ("klingon", ["de_DE"], "de"),  # of a damaged file of preferences
    ],
)
def test_the_language_is_the_wanted_or_the_first_known_of_the_system(wanted, system, spoken) -> None:
    assert language.choose(wanted, system) == spoken


def test_a_number_is_read_as_people_type_it(spoken: None) -> None:
    typed = ("0,0002", "0.0002", "1.240,5", "3", "2e-4")
    assert [language.read_number(text) for text in typed] == ["0.0002", "0.0002", "1240.5", "3", "2e-4"]


def test_an_english_number_stays() -> None:
    assert (language.read_number("1,5"), language.read_number("0.5")) == ("1,5", "0.5")


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_has_a_translation_with_the_same_names(code: str) -> None:
    translations, wanted = languages.load(code), languages.texts()
    assert sorted(set(translations) - wanted) == []
    assert sorted(wanted - set(translations)) == [], "python -m resources.make.languages --missing lists them"
    for text, translated in translations.items():
        assert translated.strip(), text
        assert languages.names_in(translated) == languages.names_in(text), text


def test_a_text_that_is_put_together_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "page.py").write_text('tr(f"{n} rows")\n', encoding="utf-8")
    monkeypatch.setattr(languages, "ROOT", tmp_path)
    with pytest.raises(languages.NotLiteral, match=r"app/page\.py:1"):
        languages.window_texts()


def test_the_names_of_phases_that_are_put_together_are_known() -> None:
    """ "Asking the {name}": what each can be stands in the list of resources.make.languages."""
    starts = set()
    for path in (languages.ROOT / "core").rglob("*.py"):
        found = re.findall(r'Phase\(f"([^{"]+)\{|\bname = f"([^{"]+)\{', path.read_text(encoding="utf-8"))
        starts |= {first or second for first, second in found if " " in (first or second)}
    assert {"Measuring general text ", "Asking the ", "Validating "} <= starts
    assert [start for start in starts if not any(name.startswith(start) for name in languages.phase_names())] == []
