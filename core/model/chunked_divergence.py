"""What a loss makes of whole distributions, without holding the logits of all targets at once."""

from collections.abc import Callable, Sequence

import mlx.core as mx

from core.model.lm_head import LOGITS_CHUNK, LMHead

# (logits [m, V] float32, what stands beside each target [m, ...] ...) -> numbers [m], each of its own target alone
TargetFunction = Callable[..., tuple[mx.array, ...]]


def compute_per_target(
    head: LMHead, hidden: mx.array, measure: TargetFunction, beside: Sequence[mx.array]
) -> tuple[mx.array, ...]:
    """`measure` of every target, from the hidden states [M, D] that predict them; each number [M] float32.

    The gradient goes to `hidden`, and to the last layer where it is trained; none goes to `beside` [M, ...].
    """

    def numbers(h: mx.array, *beside: mx.array) -> tuple[mx.array, ...]:
        return measure(head.logits(h).astype(mx.float32), *beside)

    if head.trained:  # its own gradient needs the logits
        return numbers(hidden, *beside)
    size = max(1, LOGITS_CHUNK // head.vocabulary)

    @mx.custom_function
    def pieces(h: mx.array) -> list[mx.array]:
        # Each number depends on its own row of h alone, so its gradient can be made at once, while the logits are
        # here: [m, D] is kept where [m, V] would be.
        values: list[list[mx.array]] = []
        slopes: list[list[mx.array]] = []
        for i in range(0, h.shape[0], size):
            part, there = h[i : i + size], [b[i : i + size] for b in beside]
            if values:  # a piece begins when the one before it has gone, or all would be in memory at once
                part = mx.depends([part], values[-1] + slopes[-1])[0]
            made = numbers(part, *there)
            values.append(list(made))
            slopes.append([_slope(numbers, n, part, there) for n in range(len(made))])
        kinds = [*zip(*values, strict=True), *zip(*slopes, strict=True)]
        return [mx.concatenate(list(kind)) for kind in kinds]

    @pieces.vjp
    def backward(primals: mx.array, cotangents: list[mx.array], outputs: list[mx.array]) -> mx.array:
        count = len(outputs) // 2
        parts = [c[:, None] * s for c, s in zip(cotangents[:count], outputs[count:], strict=True)]
        return sum(parts[1:], parts[0]).astype(outputs[-1].dtype)

    made = pieces(hidden)
    return tuple(made[: len(made) // 2])


def _slope(numbers: TargetFunction, which: int, h: mx.array, beside: Sequence[mx.array]) -> mx.array:
    """The gradient of one of the numbers of each row [m] with respect to that row of h [m, D]."""
    _, (slope,) = mx.vjp(lambda x: numbers(x, *beside)[which], [h], [mx.ones(h.shape[0])])
    return slope
