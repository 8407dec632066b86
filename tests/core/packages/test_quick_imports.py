"""What transformers finds about itself is what it finds on its own."""

import functools
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import transformers
from transformers.utils import import_utils

from core.packages import quick_imports

MODELS = Path(transformers.__file__).parent / "models"


def test_the_exported_names_are_those_that_every_line_gives() -> None:
    read = import_utils.fetch__all__
    assert isinstance(read, functools.partial)
    (as_usual,) = read.args
    files = sorted(MODELS.rglob("*.py"))[::5]
    found = {file: read(file.read_text(encoding="utf-8")) for file in files}
    assert found == {file: as_usual(file.read_text(encoding="utf-8")) for file in files}
    assert sum(map(len, found.values())) > 300
    for text in (
        "",
        "x = 1\n",
        '__all__ = ["a", "b"]\n',
        "# no\n x__all__ = []",
        '__all__ = ["a"]\n__all__ = [\n"b",\n]\n',
    ):
        assert read(text) == as_usual(text)


def test_each_folder_is_read_once() -> None:
    find = import_utils.create_import_structure_from_path
    assert find.cache_parameters()["maxsize"] is None
    folders = [folder for folder in MODELS.iterdir() if folder.is_dir() and folder.name != "__pycache__"]
    assert find.cache_info().currsize > len(folders) > 128  # of so many it remembers on its own
    assert find(str(MODELS / "qwen3")) == find.__wrapped__(str(MODELS / "qwen3")) != {}


def test_one_that_finds_its_names_in_another_way_is_left_alone() -> None:
    module = ModuleType("import_utils")
    quick_imports._execute(lambda m: setattr(m, "define_import_structure", len), module)
    assert {name for name in vars(module) if not name.startswith("__")} == {"define_import_structure"}


def test_nothing_is_left_behind() -> None:
    code = (
        "import sys, core; import transformers.utils.import_utils as u; import importlib; importlib.reload(core);"
        "print([type(f).__module__ for f in sys.meta_path if 'core' in type(f).__module__], u.__spec__.origin)"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout.startswith("[] ") and "import_utils.py" in asked.stdout
