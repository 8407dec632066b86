"""`hone doctor --ane`: three made-up models are tried on this machine, and one JSON says what came of it.

The weights are random: what is tried is whether Core ML takes such programs, where it plans them, how exact and how
quick they are. Neither a name nor a path nor data of a person is in it.
"""

import importlib
import platform
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core import __version__
from core.adapters.layers import wrap_layers
from core.adapters.rank_pattern import RankScale
from core.ane.block import LINEARS
from core.ane.probe import probe
from core.ane.selection import Probe, Seconds
from core.ane.timing import part_seconds
from core.ane.verdict import KEEP_GPU_FREE, Verdict
from core.ane.verdict_cache import machine_key
from core.ane.worth import StepShape, judge_forward, judge_step
from core.device.neural_engine import EXPERIMENTAL, Host, host_refusal

LENGTH, RANK = 512, 16

# One block each of Qwen3-0.6B, Llama-3.2-1B and Qwen2.5-1.5B, by the numbers in their config.json.
SHAPES: dict[str, dict[str, Any]] = {
    "qwen3-0.6b": {
        "model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072, "num_attention_heads": 16,
        "num_key_value_heads": 8, "head_dim": 128, "rope_theta": 1e6,
    },
    "llama-3.2-1b": {
        "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 64, "rope_theta": 5e5,
        "rope_scaling": {
            "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
    },
    "qwen2.5-1.5b": {
        "model_type": "qwen2", "hidden_size": 1536, "intermediate_size": 8960, "num_attention_heads": 12,
        "num_key_value_heads": 2, "rope_theta": 1e6,
    },
}  # fmt: skip


def diagnose(
    host: Host | None = None,
    try_block: Probe = probe,
    seconds: Seconds = part_seconds,
    *,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """The report on a machine, this one by default; takes up to three minutes for each model. `tell` gets progress."""
    host = host or Host.this_one()
    refusal = host_refusal(host)
    models: dict[str, Any] = {}
    for number, (name, config) in enumerate([] if refusal else SHAPES.items(), 1):
        tell(f"{number} of {len(SHAPES)}: trying {name} on the Neural Engine, up to three minutes.")
        verdict = _try(made_up_block(config), try_block, seconds)
        models[name] = verdict.to_json()
        tell(f"  {verdict.line}")
    return {
        "neural_engine": EXPERIMENTAL,
        "hone": __version__,
        "host": asdict(host),
        "machine": machine_key(),
        "python": platform.python_version(),
        "refused": {"code": refusal[0], "reason": refusal[1]} if refusal else None,
        "length": LENGTH,
        "models": models,
    }


def made_up_block(config: dict[str, Any]) -> nn.Module:
    """A block with random weights and a LoRA adapter on each of its linears, for the numbers of a config.json."""
    module = importlib.import_module(f"mlx_lm.models.{config['model_type']}")
    usual = {"num_hidden_layers": 1, "rms_norm_eps": 1e-6, "vocab_size": 8, "max_position_embeddings": 4096}
    mx.random.seed(0)
    model = module.Model(module.ModelArgs.from_dict(usual | {"tie_word_embeddings": True} | config))
    names = {attribute for _, attribute in LINEARS.values()}
    layers = {name: m for name, m in model.named_modules() if name.rpartition(".")[2] in names}
    wrap_layers(model, layers, "lora", dict.fromkeys(layers, RankScale(RANK, 2.0)), 0.0)
    mx.eval(model.parameters())
    block: nn.Module = model.layers[0]
    return block


def _try(block: nn.Module, try_block: Probe, seconds: Seconds) -> Verdict:
    objection, facts = try_block(block, LENGTH)
    if objection:
        return replace(objection, facts=facts)
    facts |= seconds(block, None, LENGTH, 1).to_json()
    shape = StepShape(1, 1, 1.0)  # of one block whose text fills its bucket, without the head
    forward = judge_forward(facts, KEEP_GPU_FREE, shape, 1)
    verdict = judge_step(facts, KEEP_GPU_FREE, shape)
    return replace(verdict, facts=verdict.facts | {"forward_ratio": forward.facts["forward_ratio"]})
