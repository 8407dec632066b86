"""What README.md here names exists: each file, each test in it; and what the README of all names in the window."""

import json
import re
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def test_each_named_test_exists() -> None:
    named = re.findall(r"`((?:\S+\.py)?(?:::)?(?:test_\w+)?)`", (HERE / "README.md").read_text(encoding="utf-8"))
    file, found = HERE, 0
    for path, name in (
        reference.partition("::")[::2] if ".py" in reference else ("", reference) for reference in named
    ):
        file = HERE / path if path else file  # a test alone is in the file named before it
        assert file.is_file(), path
        assert not name or f"def {name}(" in file.read_text(encoding="utf-8"), (file.name, name)
        found += 1
    assert found > 60


def test_the_buttons_and_menus_that_the_readme_names_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    walk = readme[readme.index("## The first five minutes") : readme.index("### The walk in pictures")]
    named = [word for words in re.findall(r"\*\*([^*]+)\*\*", walk) for word in words.split(" → ")]
    texts = json.loads((ROOT / "resources/languages/de.json").read_text(encoding="utf-8"))
    shown = {text.replace("&", "").partition(" (")[0] for text in texts}
    assert named and not set(named) - shown


def test_each_picture_of_the_readme_exists_and_each_is_shown() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"resources/screenshots/([\w-]+\.png)", readme))
    assert shown == {path.name for path in (ROOT / "resources/screenshots").iterdir()}
