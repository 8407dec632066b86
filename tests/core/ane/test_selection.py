from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from core.ane.selection import Trial, foresee, judge_early, judge_forward_early, preference
from core.ane.timing import PartSeconds, part_seconds
from core.ane.verdict import ALWAYS, CODES, FASTEST, KEEP_GPU_FREE, STAGES, Verdict, refused
from core.ane.verdict_cache import VerdictCache, machine_key, verdict_key
from core.ane.worth import StepShape, Work, judge_forward, judge_step, step_seconds
from core.cli import parser, train
from core.device.neural_engine import Host, describe_host
from core.model.lm_head import find_lm_head
from core.run import Run
from tests.core.ane.test_rules import QWEN3
from tests.core.ane.tiny import add_lora, tiny_model

MAC = Host("darwin", "arm64", "26.1", True)
GOOD = {"seconds": 0.002, "planned_share": 0.97, "error": 5e-4}


@pytest.mark.parametrize(
    ("host", "code", "part"),
    [
        (Host("linux", "x86_64", "", True), "os", "Only a Mac has one."),
        (Host("darwin", "x86_64", "14.2", True), "os", "Apple silicon"),
        (Host("darwin", "arm64", "14.7.1", True), "os", "It needs macOS 15, and this is macOS 14.7.1."),
        (Host("darwin", "arm64", "15.0", False), "no_coremltools", "coremltools is not installed"),
    ],
)
def test_the_machine_decides_first(host: Host, code: str, part: str) -> None:
    dora = Run.from_dict({"adapter": {"type": "dora"}})
    verdict = judge_early(dora, {"model_type": "gemma3"}, None, host)
    assert verdict is not None and (verdict.code, verdict.stage) == (code, "host")
    assert part in verdict.reason and verdict.line == f"Neural Engine: not used. {verdict.reason}"
    assert describe_host(host)[0] is False


def test_then_the_model_and_then_the_job() -> None:
    dora = Run.from_dict({"adapter": {"type": "dora"}})
    model, job = (judge_early(dora, config, 2000, MAC) for config in ({"model_type": "gemma3"}, QWEN3))
    assert model is not None and model.stage == "model"
    assert job is not None and job.line == "Neural Engine: not used. DoRA is not supported there; LoRA is."
    assert judge_early(Run.from_dict({}), QWEN3, 1000, MAC) is None
    assert "experimental, not yet verified on hardware" in describe_host(MAC)[1]


def facts(block: float = 0.006, forward: float = 0.003) -> dict[str, Any]:
    """Of a probe whose block takes 2 ms there; its gradient 3 ms on the CPU, where the head takes 10 ms."""
    seconds = PartSeconds(gradient=0.003, head_on_cpu=0.010, block=block, forward=forward, head=0.004)
    return GOOD | seconds.to_json()


@pytest.mark.parametrize(
    ("choice", "without", "used"),
    [
        (FASTEST, 0.0056, True),
        (FASTEST, 0.0055, False),
        (KEEP_GPU_FREE, 0.0016, True),
        (KEEP_GPU_FREE, 0.0015, False),
        (ALWAYS, 0.0001, True),
    ],
)
def test_how_much_slower_a_whole_step_may_be_is_the_preference(choice: str, without: float, used: bool) -> None:
    verdict = judge_step(facts(without), choice, StepShape(blocks=10, trained=10, fill=1.0))
    assert verdict.used is used and verdict.code == ("" if used else "slower")
    assert verdict.facts["step_seconds"] == pytest.approx(10 * 0.002 + 10 * 0.003 + 0.010)
    ratio = 0.060 / (10 * without + 0.004)
    assert verdict.facts["ratio"] == pytest.approx(ratio)
    if used:
        assert verdict.line.startswith("Forward pass: Core ML, planned 97% on the Neural Engine; gradients")
    else:
        assert f"{ratio:.1f} times as long" in verdict.reason


def test_a_step_counts_frozen_blocks_the_head_and_what_texts_fill() -> None:
    shape = StepShape(blocks=10, trained=4, fill=0.5)
    with_engine, without = step_seconds(facts(0.006, 0.003), shape)
    assert with_engine == pytest.approx(10 * 0.002 + 0.5 * (4 * 0.003 + 0.010))  # a program computes all of a bucket
    assert without == pytest.approx(0.5 * (4 * 0.006 + 6 * 0.003 + 0.004))


@pytest.mark.parametrize(
    ("forward", "making", "choice", "used", "part"),
    [
        (0.0021, 0.0, FASTEST, True, "Core ML, planned 97% on the Neural Engine."),
        (0.0019, 0.0, FASTEST, False, "A forward pass would take 1.1 times as long there."),
        (0.0019, 0.0, KEEP_GPU_FREE, False, "1.1 times"),
        (0.0019, 0.0, ALWAYS, True, "Core ML"),
        (0.0030, 0.9, FASTEST, True, "Core ML"),
        (0.0030, 1.1, FASTEST, False, "Making its programs would take 11 s, and they would save 10 s."),
        (0.0030, 1.1, ALWAYS, True, "Core ML"),
    ],
)
def test_passes_without_a_gradient_are_there_where_that_is_quicker(
    forward: float, making: float, choice: str, used: bool, part: str
) -> None:
    shape = StepShape(blocks=10, trained=10, fill=1.0)
    verdict = judge_forward(facts(forward=forward) | {"making_seconds": making}, choice, shape, unlearned=1000)
    assert verdict.used is used and part in verdict.reason
    half = judge_forward(facts(forward=forward), choice, replace(shape, fill=0.5), unlearned=1000)
    assert half.used is (choice == ALWAYS)  # texts that fill half a bucket take MLX half the time


def test_the_preference_of_a_run() -> None:
    assert preference(Run.from_dict({})) == FASTEST
    assert preference(Run.from_dict({"neural_engine": "gpu-free"})) == KEEP_GPU_FREE
    assert preference(Run.from_dict({"backend": "ane"})) == ALWAYS


class Probe:
    """Says the same of every block, and counts."""

    def __init__(self, verdict: Verdict | None = None, facts: dict[str, Any] | None = None) -> None:
        self.verdict, self.facts, self.calls = verdict, facts or dict(GOOD), 0

    def __call__(self, block: Any, length: int) -> tuple[Verdict | None, dict[str, Any]]:
        self.calls += 1
        return self.verdict, dict(self.facts)


def trial(probe: Any, folder: Path) -> Trial:
    seconds = PartSeconds(gradient=0.003, head_on_cpu=0.0, block=0.006, forward=0.003, head=0.0)
    return Trial(probe, lambda *block: seconds, VerdictCache(folder / "cache" / "verdicts.json"))


def judge(trial: Trial, model: Any, longest: int, source: Any, choice: str, again: bool = False) -> Verdict:
    """Whether steps are computed there, for texts that are all as long."""
    return trial.judge(model, None, Work(longest, longest), source, again=again).judge_step(choice)


def test_a_model_is_tried_once_on_a_machine(tmp_path: Path) -> None:
    model, probe = add_lora(tiny_model("qwen3")), Probe()
    for _ in range(2):
        verdict = judge(trial(probe, tmp_path), model, 100, ["m"], FASTEST)
        assert verdict.used and verdict.facts["length"] == 128
        assert verdict.facts["ratio"] == pytest.approx((0.002 + 100 / 128 * 0.003) / (100 / 128 * 0.006))
    assert probe.calls == 1
    judge(trial(probe, tmp_path), model, 200, ["m"], FASTEST)  # another length
    judge(trial(probe, tmp_path), model, 100, ["other"], FASTEST)  # another model
    judge(trial(probe, tmp_path), add_lora(tiny_model("qwen3"), rank=40), 100, ["m"], FASTEST)  # another rank
    assert probe.calls == 4
    judge(trial(probe, tmp_path), model, 100, ["m"], FASTEST, again=True)
    assert probe.calls == 5


@pytest.mark.parametrize("code", CODES["probe"])
def test_what_a_probe_objects_to_is_kept(code: str, tmp_path: Path) -> None:
    model, probe = add_lora(tiny_model("qwen3")), Probe(refused(code, "Made up."))
    for _ in range(2):
        verdict = judge(trial(probe, tmp_path), model, 100, ["m"], ALWAYS)
        assert (verdict.used, verdict.code, verdict.stage, verdict.reason) == (False, code, "probe", "Made up.")
    assert probe.calls == 1


def test_a_probe_that_took_hone_with_it_counts_as_a_crash(tmp_path: Path) -> None:
    def dies(block: Any, length: int) -> Any:
        raise KeyboardInterrupt

    model = add_lora(tiny_model("qwen3"))
    with pytest.raises(KeyboardInterrupt):
        judge(trial(dies, tmp_path), model, 100, ["m"], ALWAYS)
    probe = Probe()
    verdict = judge(trial(probe, tmp_path), model, 100, ["m"], ALWAYS)
    assert verdict.code == "crash" and probe.calls == 0
    assert judge(trial(probe, tmp_path), model, 100, ["m"], ALWAYS, again=True).used


def test_a_cache_that_cannot_be_read_holds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "verdicts.json"
    for text in ("{", "[]", ""):
        file.write_text(text)
        assert VerdictCache(file).get("a") is None
    VerdictCache(file).put("a", None, {"error": 0.5})
    assert VerdictCache(file).get("a") == (None, {"error": 0.5})


def test_the_key_names_all_that_a_verdict_follows_from() -> None:
    machine = ["Apple M4", "25B78", "9.0", "1", "0.1.0"]
    keys = {verdict_key("m", 128, {"q": 32}, machine), verdict_key("m", 256, {"q": 32}, machine)}
    keys |= {verdict_key("m", 128, {"q": 64}, machine), verdict_key("m", 128, {"q": 32, "k": 32}, machine)}
    keys |= {verdict_key("m", 128, {"q": 32}, [*machine[:i], "x", *machine[i + 1 :]]) for i in range(5)}
    assert len(keys) == 9 and len(machine_key()) == 5


def test_an_adapter_elsewhere_than_on_the_blocks_linears(tmp_path: Path) -> None:
    model = add_lora(tiny_model("qwen3"))
    model.lm_head = model.layers[0].mlp.down_proj
    assert judge(trial(Probe(), tmp_path), model, 100, ["m"], ALWAYS).code == "adapter"


def test_times_are_measured_and_nothing_is_changed() -> None:
    model = add_lora(tiny_model("qwen3"))
    block = model.layers[0]
    before = block.mlp.up_proj.lora_a
    head = find_lm_head(model, mx.float32)[0]
    assert min(part_seconds(block, head, 128, 2).to_json().values()) > 0
    assert part_seconds(block, None, 128).head == 0
    assert block.mlp.up_proj.lora_a is before and mx.default_device() == mx.cpu


def test_every_code_belongs_to_one_stage() -> None:
    assert len(STAGES) == sum(len(codes) for codes in CODES.values()) == 20


HOSTS = {
    "Linux": (Host("linux", "x86_64", "", True), "os"),
    "Intel": (Host("darwin", "x86_64", "15.0", True), "os"),
    "macOS 14": (Host("darwin", "arm64", "14.7", True), "os"),
    "no coremltools": (Host("darwin", "arm64", "26.1", False), "no_coremltools"),
    "M1": (Host("darwin", "arm64", "15.0", True), ""),
    "M5": (Host("darwin", "arm64", "27.0", True), ""),
}
MODELS = {
    "Qwen 3": (QWEN3, ""),
    "Llama": (QWEN3 | {"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, ""),
    "Qwen 2": (QWEN3 | {"model_type": "qwen2"}, ""),
    "Mistral": (QWEN3 | {"model_type": "mistral", "sliding_window": None}, ""),
    "Mistral with a window": (QWEN3 | {"model_type": "mistral", "sliding_window": 4096}, "layers"),
    "Gemma 3": (QWEN3 | {"model_type": "gemma3"}, "arch"),
    "Qwen 3, experts": (QWEN3 | {"model_type": "qwen3_moe"}, "arch"),
    "Llama with yarn": (QWEN3 | {"model_type": "llama", "rope_scaling": {"rope_type": "yarn"}}, "rope"),
    "Llama 70B": (QWEN3 | {"model_type": "llama", "hidden_size": 8192, "intermediate_size": 28672}, "dims"),
}
JOBS: dict[str, tuple[dict[str, Any], str, str]] = {  # and the codes for steps, and for passes without a gradient alone
    "SFT": ({}, "", ""),
    "DPO": ({"method": "dpo"}, "", ""),
    "KTO": ({"method": "kto"}, "", ""),
    "GRPO": ({"method": "grpo"}, "trainer", "trainer"),
    "DoRA": ({"adapter": {"type": "dora"}}, "adapter", "adapter"),
    "full": ({"adapter": {"type": "full"}}, "adapter", "adapter"),
    "dropout": ({"adapter": {"dropout": 0.1}}, "adapter", ""),
    "checkpointing": ({"train": {"gradient_checkpointing": "on"}}, "trainer", ""),
}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("job", JOBS)
def test_the_first_of_machine_model_and_job_that_objects_decides(host: str, model: str, job: str) -> None:
    (machine, host_code), (config, model_code), (values, steps, forward) = HOSTS[host], MODELS[model], JOBS[job]
    for backend in ("auto", "ane"):
        run = Run.from_dict(values | {"backend": backend})
        for judge, job_code in ((judge_early, steps), (judge_forward_early, forward)):
            verdict, code = judge(run, config, 512, machine), host_code or model_code or job_code
            assert (verdict.code if verdict else "") == code
            assert verdict is None or (not verdict.used and verdict.stage == STAGES[code] and verdict.reason[-1] == ".")
        may_be_used, words = foresee(run, config, machine)
        assert may_be_used is not bool(host_code or model_code or steps)
        assert words.startswith("The model is tried" if may_be_used else "Not used")
        assert ("Not used for the steps." in words) is (
            not host_code and not model_code and bool(steps) and not forward
        )


@pytest.mark.parametrize(
    ("arguments", "choice"),
    [
        ([], FASTEST),
        (["--backend", "auto"], FASTEST),
        (["--neural-engine", "gpu-free"], KEEP_GPU_FREE),
        (["--backend", "auto", "--neural-engine", "always"], ALWAYS),
        (["--backend", "ane"], ALWAYS),
    ],
)
def test_the_preference_on_the_command_line(arguments: list[str], choice: str) -> None:
    args = parser().parse_args(["train", *arguments])
    assert preference(train._build_run(args, train._parse_options(args))) == choice
