"""What README.md here names exists: each file, and each test in it."""

import re
from pathlib import Path

HERE = Path(__file__).parent


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
