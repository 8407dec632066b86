"""The licences of what is inside an app, one folder for each part: python packaging/licenses.py SITE-PACKAGES OUT

It ends with 1 where a part carries no licence text and resources/licenses has none for it either.
"""

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from packaging.requirements import Requirement  # noqa: E402  # the library, as this folder is no package

from app.desktop.licenses import License, hone_and_python, of_packages  # noqa: E402
from app.desktop.licenses import read_folder as read  # noqa: E402
from app.desktop.licenses import write_folder as write  # noqa: E402


def collect(packages: Path, out: Path, roots: Iterable[str] = ()) -> list[str]:
    """Write the licences of Hone, Python and every package unpacked in `packages` into `out`.

    With `roots`, only these packages and what they need. Returns the parts without a text.
    """
    found = importlib.metadata.distributions(path=[str(packages)])
    installed = {_key(package.name): package for package in found}
    chosen = needed(installed, roots) if roots else set(installed)
    out.mkdir(parents=True, exist_ok=True)
    parts = [*hone_and_python(), *of_packages(installed[name] for name in chosen)]
    write(parts, out)
    return without_text(parts)


def without_text(parts: Iterable[License]) -> list[str]:
    """The parts of which there is no licence text, as "name version (licence)"."""
    return [f"{part.part} {part.version} ({part.name})" for part in parts if not part.text.strip()]


def needed(installed: dict[str, importlib.metadata.Distribution], roots: Iterable[str]) -> set[str]:
    """The installed packages that `roots` need, themselves included; "hone[cpu]" is a root with an extra."""
    waiting, seen = [Requirement(root) for root in roots], set()
    while waiting:
        requirement = waiting.pop()
        name = _key(requirement.name)
        for extra in ("", *requirement.extras):
            if name not in installed or (name, extra) in seen:
                continue
            seen.add((name, extra))
            listed = map(Requirement, installed[name].requires or ())
            waiting += [r for r in listed if r.marker is None or r.marker.evaluate({"extra": extra})]
    return {name for name, _ in seen}


def collect_system_libraries(libraries: Iterable[Path], out: Path) -> list[str]:
    """Add what Debian says about the libraries that were copied from the system into an app; returns those that no
    installed package holds."""
    unknown: list[str] = []
    owners: dict[str, list[str]] = {}
    for library in libraries:
        told = subprocess.run(["dpkg-query", "--search", f"*/{library.name}"], capture_output=True, text=True)
        lines = [line for line in told.stdout.splitlines() if line.endswith(f"/{library.name}")]
        if lines:
            owners.setdefault(lines[0].split(":")[0].split(",")[0], []).append(library.name)
        else:
            unknown.append(library.name)
    parts = read(out)
    for owner, names in sorted(owners.items()):
        text = (Path("/usr/share/doc") / owner / "copyright").read_text("utf-8", "replace")
        query = ["dpkg-query", "--show", "--showformat=${Version}\n", owner]
        version = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()[0]
        parts.append(License(owner, version, f"of {', '.join(sorted(set(names)))}", (("copyright", text),)))
    write(parts, out)
    return unknown


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    missing = collect(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.exit("\n".join(f"no licence text of {part}" for part in missing))
