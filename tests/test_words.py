"""Nothing in the repository points at one machine: it works the same wherever it is cloned."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = (".ci", ".github", "app", "core", "packaging", "resources", "tests")

# Put together here, so that this file does not hold them itself.
FORBIDDEN = ["/" + "work/", "../" + "shared", "pypi" + ".org", "files.python" + "hosted", "/" + "root/", "/home" + "/"]


def product() -> Iterator[Path]:
    """Every file of ours: not the lock, which names where packages come from, nor the .git of a worktree."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.name not in ("uv.lock", ".git"))
    for folder in FOLDERS:
        yield from (p for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts)


def test_no_file_names_a_place_outside_the_project() -> None:
    files = list(product())
    assert ROOT / "core/run/run.py" in files
    violations = []
    for path in files:
        text = path.read_bytes().decode("utf-8", errors="replace")
        violations += [f"{path.relative_to(ROOT)}: {word}" for word in FORBIDDEN if word in text]
    assert not violations
