import argparse
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from core.ane import program_cache, verdict_cache
from core.ane.diagnose import SHAPES, diagnose, made_up_block
from core.ane.program import chunk_spec
from core.ane.program_cache import ProgramCache
from core.ane.rules import judge_model
from core.ane.timing import PartSeconds
from core.ane.verdict import Verdict, refused
from core.ane.verdict_cache import VerdictCache
from core.cli import doctor
from core.device.neural_engine import Host
from core.errors import BadOption

SECONDS = PartSeconds(gradient=0.001, head_on_cpu=0.0, block=0.001, forward=0.0005, head=0.0)
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

    lines: list[str] = []
    report = diagnose(MAC, try_block, lambda *block: SECONDS, tell=lines.append)
    assert lines[2] == "2 of 3: trying llama-3.2-1b on the Neural Engine, up to three minutes."
    assert lines[3] == "  Neural Engine: not used. Core ML plans 10% of a block there." and len(lines) == 6
    assert list(report["models"]) == list(SHAPES)
    assert sizes == [(1, 1024, 1, 512), (1, 2048, 1, 512), (1, 1536, 1, 512)]
    models = json.loads(json.dumps(report))["models"]
    assert [(m["used"], m["code"]) for m in models.values()] == [(True, ""), (False, "placement"), (True, "")]
    assert models["qwen3-0.6b"]["facts"]["ratio"] == 3.0
    assert models["qwen3-0.6b"]["facts"]["forward_ratio"] == 4.0 and report["refused"] is None


@pytest.mark.skipif(sys.platform == "darwin", reason="there it takes minutes")
def test_the_command_prints_one_json() -> None:
    lines: list[str] = []
    assert doctor.run(argparse.Namespace(ane=True, again=False, json=False), lines.append) == 0
    assert json.loads("\n".join(lines))["neural_engine"] == "experimental, not yet verified on hardware"


def test_a_crash_that_is_remembered_is_tried_again_when_asked(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(verdict_cache, "usual_file", lambda: tmp_path / "verdicts.json")
    monkeypatch.setattr("core.ane.diagnose.diagnose", lambda tell: {"models": models})
    models: dict[str, Any] = {}
    cache = VerdictCache()
    cache.begin("killed")
    cache.put("hung", refused("timeout", "Made up."), {})
    cache.put("good", None, {"seconds": 1.0})
    doctor.run(argparse.Namespace(ane=True, again=True, json=False), lambda line: None)
    assert capsys.readouterr().err == "Models that a run may try again: 2.\n"
    assert [cache.get(key) for key in ("killed", "hung", "good")] == [None, None, (None, {"seconds": 1.0})]
    for code, left in (("placement", 1), ("slower", 0)):  # a made-up model that is computed there takes marks away
        cache.begin("killed")
        models["made-up"] = {"code": code}
        doctor.run(argparse.Namespace(ane=True, again=False, json=False), lambda line: None)
        assert cache.left_alone == left
    assert "It works here. Models that a run may try again: 1." in capsys.readouterr().err
    cache.begin("killed")
    programs = ProgramCache(tmp_path / "programs")
    monkeypatch.setattr(program_cache, "usual_folder", lambda: programs.folder)
    programs.get("a", lambda package: package.write_bytes(bytes(160_000_000)))
    lines: list[str] = []
    doctor.run(argparse.Namespace(ane=False, again=False, json=False), lines.append)
    (line,) = [line for line in lines if "left alone" in line]
    assert "left alone: 1, until macOS, coremltools or Hone change, or `hone doctor --ane --again`" in line
    assert f"               Programs kept from before: 0.2 GB in {programs.folder}." in lines
    with pytest.raises(BadOption, match="--again belongs to --ane"):
        doctor.run(argparse.Namespace(ane=False, again=True, json=False), lambda line: None)


def test_the_made_up_models_are_among_those_that_are_taken() -> None:
    assert all(judge_model(config) is None for config in SHAPES.values())
    assert chunk_spec([made_up_block(SHAPES["qwen2.5-1.5b"])], 128).shapes[0].kv_heads == 2
