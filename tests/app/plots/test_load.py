"""What the charts are made of is imported on another thread, while others import parts of the same."""

import sys
import threading
from pathlib import Path

import pytest

from app.plots.load import import_from_package


def test_two_threads_import_a_package_and_a_module_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "slow_package"
    package.mkdir()
    (package / "__init__.py").write_text("import time\ntime.sleep(0.3)\nfrom slow_package.part import VALUE\n")
    (package / "part.py").write_text("import slow_package\nVALUE = slow_package.__name__\n")
    monkeypatch.syspath_prepend(tmp_path)
    errors: list[Exception] = []

    def import_it(name: str) -> None:
        try:
            import_from_package(name)
        except ImportError as error:
            errors.append(error)

    threads = [threading.Thread(target=import_it, args=(name,)) for name in ("slow_package", "slow_package.part")]
    for thread in threads:
        thread.start()
        threading.Event().wait(0.1)  # the second comes while the first is at it
    for thread in threads:
        thread.join()
    assert not errors and sys.modules["slow_package"].VALUE == "slow_package"
    for name in ("slow_package.part", "slow_package"):
        del sys.modules[name]
