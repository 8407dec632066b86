"""The probe with processes in the place of Core ML's: ones that work, raise, hang, give nonsense, and die."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten

from core.ane import probe as probe_module
from core.ane.probe import ProbeResult, judge_result, probe, usual_command
from core.ane.program import chunk_spec, save_program
from tests.core.ane.evaluator import Evaluator
from tests.core.ane.tiny import add_lora, tiny_model

SAYS = "import json, os, signal, sys, time; tell = lambda **facts: print(json.dumps(facts), flush=True)\n"
DONE = "tell(seconds=0.1, cpu_seconds=0.4, planned_share=0.97, elsewhere={}, stage='done')"


def child(code: str, edit: Callable[[dict[str, Any]], None] | None = None) -> Callable[[Path, Path, Path], Any]:
    """The command of a process that says what `code` says; with `edit` there are the program's outputs, so changed."""

    def command(package: Path, inputs: Path, outputs: Path) -> list[str]:
        if edit:
            with np.load(inputs) as feed:
                found = Evaluator(package).run(dict(feed))
            edit(found)
            np.savez(outputs, **found)
        return [sys.executable, "-c", SAYS + code]

    return command


def keep(found: dict[str, Any]) -> None:
    pass


def spoil(found: dict[str, Any]) -> None:
    found["block0_out"][0, 3, 0, 2] = np.nan


def enlarge(found: dict[str, Any]) -> None:
    found["block0_out"] *= np.float16(1.05)


def block():
    return add_lora(tiny_model("qwen3")).layers[0]


@pytest.fixture(scope="module")
def saved_block(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of block(), which is the same each time."""
    tried, package = block(), tmp_path_factory.mktemp("saved") / "block.mlpackage"
    save_program([tried], chunk_spec([tried], 128), package)
    return package


def test_a_block_that_core_ml_computes_rightly() -> None:
    tried = block()
    before = {name: np.array(value) for name, value in tree_flatten(tried.parameters())}
    verdict, facts = probe(tried, 128, command=child(DONE, keep))
    assert verdict is None
    assert 1e-5 < facts["error"] < 2e-3 and facts["planned_share"] == 0.97 and facts["seconds"] == 0.1
    assert all(np.array_equal(before[name], value) for name, value in tree_flatten(tried.parameters()))


@pytest.mark.parametrize(
    ("code", "edit", "expected", "part"),
    [
        (
            "tell(stage='compile'); raise RuntimeError('no such luck')",
            None,
            "compile",
            "could not compile a block (Runtime",
        ),
        ("tell(stage='compile'); os.kill(os.getpid(), signal.SIGKILL)", None, "crash", "ended by signal 9 (compile)"),
        ("tell(stage='compute'); os.abort()", None, "crash", "ended by signal 6 (compute)"),
        ("tell(stage='compile'); time.sleep(60)", None, "timeout", "(compile)"),
        ("tell(refused='no_ane', devices=['MLCPUComputeDevice'])", None, "no_ane", "lists no Neural Engine"),
        ("tell(refused='no_coreml')", None, "no_coreml", "cannot be loaded"),
        (DONE, spoil, "numerics", "not finite"),
        (DONE, enlarge, "numerics", "%; 1% is accepted"),
        (DONE.replace("0.97", "0.62").replace("{}", "{'einsum': 14}"), keep, "placement", "plans 62% of a block"),
        (DONE.replace("0.4", "0.1"), keep, "idle", "100 ms a block with it and 100 ms on the CPU alone"),
        ("print('ANECCompile() FAILED', file=sys.stderr)\n" + DONE, keep, "compile", "ANECCompile() FAILED"),
    ],
)
def test_everything_that_can_go_wrong_is_a_reason(
    code: str, edit: Any, expected: str, part: str, saved_block: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_module, "save_program", lambda blocks, spec, to: shutil.copytree(saved_block, to))
    verdict, _ = probe(block(), 128, command=child(code, edit), seconds=3 if "sleep" in code else 60)
    assert verdict is not None and not verdict.used
    assert (verdict.code, part in verdict.reason, verdict.reason[-1]) == (expected, True, "."), verdict


def test_a_weight_that_float16_has_no_room_for() -> None:
    tried = block()
    tried.mlp.up_proj.linear.weight = mx.full((96, 64), 1e5)
    verdict, _ = probe(tried, 128, command=child(""))
    assert verdict is not None and verdict.code == "numerics"


@pytest.mark.skipif(sys.platform == "darwin", reason="there Core ML may be")
def test_the_real_child_says_that_there_is_no_core_ml_here() -> None:
    verdict, facts = probe(block(), 128, command=usual_command)
    assert verdict is not None and verdict.code == "no_coreml", (verdict, facts)
    assert facts["coremltools"].startswith("9.")


def test_the_child_loads_no_mlx() -> None:
    code = "import sys; from core.ane import probe_child; sys.exit('mlx' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(sys.platform == "darwin", reason="there Core ML may be")
def test_the_child_is_silent_about_what_only_a_mac_has() -> None:
    command = usual_command(Path("none.mlpackage"), Path("none.npz"), Path("none.npz"))
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""


def test_a_process_that_says_nothing_is_named_so() -> None:
    verdict = judge_result(ProbeResult({}, "", 1))
    assert verdict is not None and verdict.reason == "Core ML could not start a block."
