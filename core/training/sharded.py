"""A run whose model is parted over its ranks by tensors: each has a part of every layer, and the whole adapter.

All ranks then take the same batches. A rank's gradient has its own part, and the mean over all of them is that of the
whole model (core.adapters.parted_lora), so that sums, the optimizer and checkpoints are those of any run on ranks.
"""

import os
from dataclasses import replace
from pathlib import Path

from core.device.machine import usable_bytes
from core.distributed.group import Group
from core.distributed.session import wanted_sharding
from core.errors import BadOption, Unavailable
from core.memory.estimate import estimate_step
from core.model.check_folder import read_config
from core.model.sharding import AUTO, NONE, PIPELINE, ROOM, TENSOR, Sharding, count_neighbours, family_ways
from core.quant.modes import UNPACKED
from core.resolved import Choice
from core.run import Run
from core.text.sentence import say

_ANY_TOKENS = 64  # weights take the same for texts of any length


def choose_sharding(
    run: Run, folder: Path, device: str, group: Group, asked: str | None = None, per_machine: int | None = None
) -> Sharding | None:
    """How the model of a run is parted; None where each rank has it whole. All ranks call this.

    `asked` is how it is to be parted, None for what the launcher told; `per_machine` how many ranks share this
    machine's memory, None to find out.

    Raises BadOption where it is asked for and cannot be, and Unavailable where it would have to be.
    """
    wanted = asked or wanted_sharding(os.environ)
    if group.size == 1 or wanted == NONE:
        return None
    obstacle = _find_obstacle(run, str(read_config(folder)["model_type"]))
    if wanted == PIPELINE:
        raise BadOption(
            say("Training parts a model by tensors alone (--sharding tensor): by layers there is no gradient.")
        )
    if wanted == TENSOR and obstacle:
        raise BadOption(
            say("The model of this run cannot be parted (--sharding tensor): {obstacle}.", obstacle=obstacle)
        )
    neighbours = per_machine or count_neighbours(group)
    sharding = Sharding(TENSOR, group, usable_bytes(device), neighbours, reason=say("as asked"))
    if wanted == AUTO:
        need, own = _weight_bytes(run, folder, device), sharding.usable // sharding.neighbours
        lacking = [rank for rank, usable in enumerate(group.gather(own)) if need > ROOM * usable]
        if not lacking:
            return None
        if obstacle:
            raise Unavailable(
                say(
                    "Training needs the whole model on each machine: {needed:.1f} GB, which are more than {rank} "
                    "can use ({usable:.1f} GB here). It cannot be parted: {obstacle}.",
                    needed=need / 1e9,
                    rank=group.name(lacking[0]),
                    usable=own / 1e9,
                    obstacle=obstacle,
                )
            )
        lack = say("{machine} has no room for the whole model", machine=group.name(lacking[0]))
        sharding = replace(sharding, reason=lack)
    return sharding


def sharding_choice(sharding: Sharding | None) -> Choice:
    """How the model of a run on several ranks was to be parted, and is, by choose_sharding()."""
    wanted = wanted_sharding(os.environ)
    if sharding:
        return Choice(wanted, sharding.way, sharding.reason)
    return Choice(wanted, NONE, say("as asked") if wanted == NONE else say("each machine has room for the whole model"))


def _weight_bytes(run: Run, folder: Path, device: str) -> int:
    """What the weights of the whole model take; 0 where that cannot be told."""
    estimate = estimate_step(read_config(folder), run, device=device, tokens=_ANY_TOKENS, folder=folder)
    return 0 if estimate is None else estimate.weights


def _find_obstacle(run: Run, model_type: str) -> str:
    """Why the model of a run cannot be parted in training; "" where it can, as far as is known before it is loaded."""
    spec, adapter = run.spec, run.adapter
    if spec.on_policy or run.on_policy_share or spec.reference or spec.divergence or spec.precomputed:
        return say("{title} asks a model for more than a gradient, which is not done in parts", title=say(spec.title))
    if adapter.type != "lora":
        return say("only LoRA is trained in parts, not {type}", type=adapter.type)
    if adapter.dropout:
        return say("with dropout the ranks would leave out different inputs")
    if run.model.quantization != UNPACKED:
        return say(
            "packing it as {quantization} on the way needs whole layers; take a model in MLX's 4 bit",
            quantization=run.model.quantization,
        )
    if TENSOR not in family_ways(model_type):
        return say("mlx-lm has no code for that for models of the kind {model_type}", model_type=model_type)
    return ""
