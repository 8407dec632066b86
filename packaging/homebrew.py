"""Writes a Homebrew cask for a release: python packaging/homebrew.py OWNER/NAME IMAGE [NEWER_IMAGE] > hone.rb

IMAGE is the disk image for macOS 14 and newer, NEWER_IMAGE the one that only macOS 26 runs; both lie in the release
"vVERSION" of the repository OWNER/NAME on GitHub under their own names. The cask goes into a tap: a repository
OWNER/homebrew-NAME, as Casks/hone.rb.
"""

import argparse
import hashlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import core  # noqa: E402

CASK = """cask "hone" do
  version "{version}"

{images}

  name "Hone"
  desc "Teach a language model something, in a window"
  homepage "https://github.com/{repository}"

  livecheck do
    url :url
    strategy :github_latest
  end

  depends_on arch: :arm64
  depends_on macos: ">= :sonoma"

  app "Hone.app"
  binary "#{{appdir}}/Hone.app/Contents/MacOS/hone-command", target: "hone"

  zap trash: [
    "~/Library/Application Support/Hone",
    "~/Library/Caches/Hone",
    "~/Library/Logs/Hone",
  ]
end
"""


def cask(repository: str, images: list[Path], version: str) -> str:
    """The text of the cask. Raises ValueError for a repository that is not OWNER/NAME."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ValueError(f"{repository!r} is not OWNER/NAME.")
    if len(images) == 1:
        parts = _image(repository, images[0], "  ")
    else:
        older, newer = (_image(repository, image, "    ") for image in images)
        parts = f"  on_sequoia :or_older do\n{older}\n  end\n  on_tahoe :or_newer do\n{newer}\n  end"
    return CASK.format(version=version, images=parts, repository=repository)


def _image(repository: str, image: Path, indent: str) -> str:
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    address = f"https://github.com/{repository}/releases/download/v#{{version}}/{image.name}"
    return f'{indent}sha256 "{digest}"\n\n{indent}url "{address}"'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository", help="OWNER/NAME on GitHub")
    parser.add_argument("images", nargs="+", type=Path)
    options = parser.parse_args()
    if len(options.images) > 2:
        parser.error("at most two disk images")
    try:
        print(cask(options.repository, options.images, core.__version__), end="")
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
