"""What the methods that learn from pairs share: lengths, and what a person is shown of two rewards."""

from typing import Any

from core.options import option


def lengths(batch: Any) -> Any:
    """Learned tokens of each text, [N]."""
    return batch.mask.sum(-1)


def likelihood(logps: Any, batch: Any) -> Any:
    """The mean log-probability per learned token over the first half of the texts, the better answers.

    In a part of a batch the mean is the whole batch's: it divides by the tokens that so many rows have there.
    """
    rows = logps.shape[0] // 2
    count = batch.extra["learned_a_row"].sum() if "learned_a_row" in batch.extra else batch.mask[:rows].sum()
    return logps[:rows].sum() / count


ROUNDING = 1e-4  # rewards that differ by less are the same


def shares(left: Any, right: Any) -> Any:
    """1 where left is greater, 0 where it is less, and one half where they are the same; [R]."""
    import mlx.core as mx

    lead = left - right
    return (mx.sign(mx.where(mx.abs(lead) < ROUNDING, 0, lead)) + 1) / 2


def preferred(logps: Any, batch: Any) -> Any:
    """1 where the better answer is the likelier one, counted by the word; [R] of log-probabilities [2R, T-1].

    By their sums, the shorter answer would be the likelier nearly always: those of real pairs lie hundreds of nats
    apart, which no preference moves.
    """
    import mlx.core as mx

    return shares(*mx.split(logps.sum(-1) / lengths(batch), 2))


def metrics(chosen: Any, rejected: Any) -> dict[str, Any]:
    """Means over the pairs of both rewards [R], how far they lie apart, and how often the better one is higher.

    Equal rewards count one half (TRL: not at all), so that a run that starts at its reference starts at 0.5, the
    toss of a coin, and not at zero.
    """
    return {
        "chosen_reward": chosen.mean(),
        "rejected_reward": rejected.mean(),
        "margin": (chosen - rejected).mean(),
        "accuracy": shares(chosen, rejected).mean(),
    }


def pull_option() -> Any:
    """The option of a method that holds the model near a reference."""
    return option(
        0.1,
        "How closely the model stays to its reference. Small values let it move far.",
        low=0.001,
        high=10.0,
        label="Pull to the reference",
        basic=True,
        when="Raise it if answers become odd; lower it if nothing changes.",
    )


def reference_option() -> Any:
    """The option of a method that compares the model with a reference."""
    return option(
        None,
        "What the model is compared with: 'base' (the model without its add-on), 'initial' (with the add-on it "
        "starts from), or another model's folder or Hugging Face id.",
        label="Reference",
        unset="the add-on it starts from, else the base",
    )
