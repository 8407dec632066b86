"""The scripts in packaging/ are run as files and import each other by name; so do their tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "packaging"))
