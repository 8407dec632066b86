"""A made-up Mac, where an evaluator in NumPy stands for Core ML."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.ane.coreml import load_coremltools
from core.ane.program_cache import ProgramCache
from core.ane.selection import Trial
from core.ane.timing import PartSeconds
from core.ane.verdict_cache import VerdictCache
from core.device.neural_engine import Host
from core.training import ane_setup
from tests.core.ane.evaluator import Evaluator

MAC = Host("darwin", "arm64", "26.1", True)
FACTS = {"seconds": 5.0, "planned_share": 0.97, "error": 5e-4}
# In MLX; texts fill a small part of a bucket.
QUICK = PartSeconds(gradient=5.0, head_on_cpu=1.0, block=400.0, forward=150.0, head=1.0)  # in whole steps
FORWARD_ONLY = PartSeconds(gradient=5000.0, head_on_cpu=1.0, block=400.0, forward=150.0, head=1.0)
SLOW = PartSeconds(gradient=5.0, head_on_cpu=1.0, block=5.0, forward=2.0, head=1.0)


@pytest.fixture(scope="session", autouse=True)
def checked_when_whole() -> Iterator[None]:
    """coremltools checks a program, and writes it down for its log, after each of its hundred passes: half of the time.
    Here it does so after those that leave something out, and before it saves the program."""
    load_coremltools()
    from coremltools.converters.mil.mil import Program

    gc.collect()
    gc.freeze()  # it collects garbage itself behind every program, and is large

    validate = Program.validate

    def validate_essential(program: Any, check_essential_scope: bool = False) -> None:
        if check_essential_scope:
            validate(program, check_essential_scope=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Program, "validate", validate_essential)
        patch.setattr(Program, "__str__", object.__repr__)
        yield


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> ProgramCache:
    """Of all tests: a program is made once."""
    return ProgramCache(tmp_path_factory.mktemp("programs"))


@pytest.fixture
def use_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, programs: ProgramCache) -> Callable[..., None]:
    """Puts a Mac in the place of this machine; its parts can be others."""

    def use(
        load: Any = Evaluator,
        objection: Any = None,
        seconds: PartSeconds = QUICK,
        host: Host = MAC,
        programs: ProgramCache = programs,
    ) -> None:
        cache = VerdictCache(tmp_path / "v")
        trial = Trial(lambda block, n: (objection, dict(FACTS)), lambda *block_and_sizes: seconds, cache)
        machine = ane_setup.Machine(host, trial, load, programs)
        monkeypatch.setattr(ane_setup, "this_machine", lambda: machine)

    return use
