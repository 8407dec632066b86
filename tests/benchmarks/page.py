"""Results pages of several parts, each made by a command of its own."""

import re
from pathlib import Path


def put_part(file: Path, title: str, part: str, text: str) -> None:
    """Write one part of a page in place of its old text, or behind the other parts, which stay.

    `title` is that of a new page.
    """
    page = file.read_text(encoding="utf-8") if file.exists() else f"# {title}\n"
    section = f"## {part}\n\n{text.strip()}\n"
    old_section = re.search(rf"## {re.escape(part)}\n.*?(?=\n## |\Z)", page, re.DOTALL)
    page = page[: old_section.start()] + section + page[old_section.end() :] if old_section else f"{page}\n{section}"
    file.parent.mkdir(exist_ok=True)
    file.write_text(page, encoding="utf-8")
