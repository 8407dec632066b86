import argparse
import json
import sys
from typing import Any

import pytest

from core.ane.diagnose import SHAPES, diagnose, made_up_block
from core.ane.program import chunk_spec
from core.ane.rules import judge_model
from core.ane.verdict import Verdict, refused
from core.cli import doctor
from core.device.neural_engine import Host

MAC = Host("darwin", "arm64", "26.1", True)


def test_a_machine_without_one_says_so() -> None:
    report = diagnose(Host("linux", "x86_64", "", True))
    assert report["refused"] == {"code": "os", "reason": "only a Mac has one"} and not report["models"]


def test_three_models_are_tried() -> None:
    answers = iter([None, refused("placement", "Core ML plans 10% of a block there."), None])
    sizes = []

    def try_block(block: Any, length: int) -> tuple[Verdict | None, dict[str, Any]]:
        sizes.append(chunk_spec([block], length).inputs["x"])
        return next(answers), {"seconds": 0.002, "planned_share": 0.96}

    report = diagnose(MAC, try_block, lambda block, length: (0.001, 0.001))
    assert list(report["models"]) == list(SHAPES)
    assert sizes == [(1, 1024, 1, 512), (1, 2048, 1, 512), (1, 1536, 1, 512)]
    models = json.loads(json.dumps(report))["models"]
    assert [(m["used"], m["code"]) for m in models.values()] == [(True, ""), (False, "placement"), (True, "")]
    assert models["qwen3-0.6b"]["facts"]["ratio"] == 3.0 and report["refused"] is None


@pytest.mark.skipif(sys.platform == "darwin", reason="there it takes minutes")
def test_the_command_prints_one_json() -> None:
    lines: list[str] = []
    assert doctor.run(argparse.Namespace(ane=True, json=False), lines.append) == 0
    assert json.loads("\n".join(lines))["neural_engine"] == "experimental, not yet verified on hardware"


def test_the_made_up_models_are_among_those_that_are_taken() -> None:
    assert all(judge_model(config) is None for config in SHAPES.values())
    assert chunk_spec([made_up_block(SHAPES["qwen2.5-1.5b"])], 128).shapes[0].kv_heads == 2
