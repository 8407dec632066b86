"""Results pages of several parts, each made by a command of its own."""

import re
from pathlib import Path


def put(file: Path, title: str, part: str, text: str) -> None:
    """Put a part of a page in its place, or behind the others; those stay. `title` is that of a new page."""
    page = file.read_text(encoding="utf-8") if file.exists() else f"# {title}\n"
    made = f"## {part}\n\n{text.strip()}\n"
    found = re.search(rf"## {re.escape(part)}\n.*?(?=\n## |\Z)", page, re.DOTALL)
    page = page[: found.start()] + made + page[found.end() :] if found else f"{page}\n{made}"
    file.parent.mkdir(exist_ok=True)
    file.write_text(page, encoding="utf-8")
