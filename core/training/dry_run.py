"""One real step on the longest batch before the first, whose gradient is thrown away: too little memory shows now."""

from dataclasses import replace

import mlx.core as mx

from core.device.machine import usable_bytes
from core.device.parallel import map_in_order
from core.training.recovery import Recovery
from core.training.setup import Setup
from core.training.train_step import TrainStep

MIN_STEPS = 20  # of a run that makes a dry run; shorter ones show soon by themselves
# How much more than a step needs MLX may take on CUDA, where it otherwise queues work, and the buffers of it, as far
# ahead as it can. Measured on an H100 (results/gpu.md, results/precision.md): bounded so, a step takes a third less
# memory and hardly more time. Checkpointed blocks, which are many short pieces of work, take up to half as long again
# when bounded so; they get more room unless they are computed in few large pieces, or the base is packed, which is done
# for the sake of memory alone.
HEADROOM, CHECKPOINTED_HEADROOM = 1.2, 1.75

# A bounded cache: MLX keeps freed buffers for reuse, and varying shapes would let them pile up. A GPU has a quarter of
# its memory for it where that is more: to give buffers back and ask for them again in every step took an H100 half as
# long as the step itself.
CACHE_BYTES = 2 << 30


def limit_cache(on_gpu: bool) -> None:
    """Bound what MLX keeps of freed buffers while a run trains."""
    mx.set_cache_limit(max(CACHE_BYTES, usable_bytes("gpu") // 4) if on_gpu else CACHE_BYTES)


def dry_run(setup: Setup, train_step: TrainStep, recovery: Recovery) -> None:
    """Compute the gradient of the longest batch, or of as many as are computed side by side, and note its memory.

    On CUDA MLX's memory limit is then set by it. The run goes on as if nothing had been drawn. Short runs, and runs
    whose batches are not known before, go without.
    """
    if setup.largest_step is None or setup.schedule.total_steps < MIN_STEPS:
        return
    high, low = (int(word) for word in mx.random.state[0].tolist())
    window = setup.batches.window(setup.largest_step)
    largest = sorted(window, key=lambda batch: -batch.tokens.size)[: setup.parallel_batches]
    batches = recovery.split(largest)[: setup.parallel_batches]
    setup.model.train()
    on_cuda = setup.on_gpu and mx.cuda.is_available()
    if on_cuda:  # at its smallest, so that what is measured is what a step needs
        mx.set_memory_limit(1)
    mx.reset_peak_memory()
    while True:
        try:
            list(
                map_in_order(
                    train_step.gradient,
                    batches,
                    setup.parallel_batches,
                    models=setup.models,
                    one_at_a_time=not train_step.computes_at_once,
                )
            )
            if setup.recovers:
                mx.synchronize()
            break
        except RuntimeError as error:
            recovery.give_way(error, batches)
            batches = recovery.split(largest)[: setup.parallel_batches]
    train_step.free_memory()  # what comes before the first step takes memory of its own
    memory, precision = setup.resolved.memory, setup.resolved.precision
    if on_cuda:
        is_packed, fused = precision.used != precision.compute, setup.resolved.fused
        needs_more = memory.gradient_checkpointing and not is_packed and not (fused and fused.used)
        headroom = CHECKPOINTED_HEADROOM if needs_more else HEADROOM
        mx.set_memory_limit(int(mx.get_peak_memory() * headroom))
    texts, tokens = batches[0].tokens.shape
    memory = replace(memory, measured=mx.get_peak_memory(), rows=len(batches) * texts, tokens=tokens)
    setup.resolved = replace(setup.resolved, memory=memory)
    mx.random.seed(high << 32 | low)
