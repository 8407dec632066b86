from typing import Any

import pytest

from core.ane.rules import FAMILIES, judge_job, judge_memory, judge_model
from core.run import Run

QWEN3 = {
    "model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072, "num_attention_heads": 16,
    "num_key_value_heads": 8, "head_dim": 128,
}  # fmt: skip


@pytest.mark.parametrize("kind", FAMILIES)
def test_models_that_are_taken(kind: str) -> None:
    assert judge_model(QWEN3 | {"model_type": kind, "rope_scaling": None}) is None
    assert judge_model(QWEN3 | {"model_type": kind, "rope_scaling": {"rope_type": "llama3", "factor": 8.0}}) is None
    window = {} if kind == "mistral" else {"sliding_window": 4096, "use_sliding_window": False}
    assert judge_model(QWEN3 | {"model_type": kind} | window) is None


@pytest.mark.parametrize(
    ("changes", "code", "part"),
    [
        ({"model_type": "gemma3"}, "arch", "of the kind gemma3"),
        ({"model_type": "qwen3_moe"}, "arch", "Llama, Mistral, Qwen 2, Qwen 3 are"),
        ({"hidden_act": "gelu"}, "layers", "activation gelu"),
        ({"attention_bias": True}, "layers", "bias in its attention"),
        ({"model_type": "llama", "mlp_bias": True}, "layers", "bias in its MLP"),
        ({"model_type": "mistral", "sliding_window": 4096}, "layers", "Mistral with a sliding window"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "layers", "sliding window"),
        ({"sliding_window": 4096, "use_sliding_window": True}, "layers", "sliding window"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "rope", "of the kind yarn"),
        ({"rope_parameters": {"rope_type": "longrope"}}, "rope", "of the kind longrope"),
        ({"rope_traditional": True}, "rope", "neighbouring"),
        ({"intermediate_size": 16640}, "dims", "16,640 channels"),
        ({"hidden_size": 8192, "intermediate_size": 16384, "num_attention_heads": 64}, "dims", "MB is too large"),
    ],
)
def test_models_that_are_not(changes: dict[str, Any], code: str, part: str) -> None:
    verdict = judge_model(QWEN3 | changes)
    assert verdict is not None and not verdict.used
    assert (verdict.code, verdict.stage) == (code, "model")
    assert part in verdict.reason and verdict.reason.endswith(".")


def run(method: str = "sft", **sections: Any) -> Run:
    return Run.from_dict({"method": method, **sections})


def test_jobs_that_are_taken() -> None:
    for method in ("sft", "dpo", "simpo", "orpo", "kto"):
        assert judge_job(run(method), 1024) is None
    for targets in ("attention", "q_proj, self_attn.v_proj"):
        assert judge_job(run(adapter={"targets": targets})) is None


@pytest.mark.parametrize(
    ("job", "longest", "code", "part"),
    [
        (run(adapter={"type": "dora"}), None, "adapter", "DoRA is not supported there; LoRA is."),
        (run(adapter={"type": "full"}), None, "adapter", "Training all weights"),
        (run(adapter={"dropout": 0.1}), None, "adapter", "dropout"),
        (run(adapter={"targets": "all,head"}), None, "adapter", "on head"),
        (run("distill", options={"teacher": "t"}), None, "trainer", "another kind of forward pass"),
        (run(train={"gradient_checkpointing": "on"}), None, "trainer", "checkpointing"),
        (run(), 1025, "seq", "1,025 tokens; 1,024 are possible"),
    ],
)
def test_jobs_that_are_not(job: Run, longest: int | None, code: str, part: str) -> None:
    verdict = judge_job(job, longest)
    assert verdict is not None and (verdict.code, verdict.stage) == (code, "job")
    assert part in verdict.reason and verdict.reason.endswith(".")


def test_there_must_be_room_for_the_programs() -> None:
    assert judge_memory(600_000_000, 2_000_000_000, 4_000_000_000) is None
    memory, disk = judge_memory(600_000_000, 10**9, 10**10), judge_memory(600_000_000, 10**10, 10**9)
    assert memory is not None and memory.reason == "Its programs take 1.2 GB of memory more, and 1.0 GB are free."
    assert disk is not None and disk.code == "memory" and "3.6 GB on disk" in disk.reason
