"""The results of a run in a sentence: what the held-out rows say, and how that is shown."""

import math
from dataclasses import dataclass

from core.events import Finished
from core.run import STARTER, Run
from core.text.sentence import Sentence, say
from core.training import forgetting
from core.training.result_metrics import LARGE, Metrics

# A held-out loss must fall by this share before it is called an improvement.
CLEAR = 0.01
# A share of answers must rise by CLEAR_SHARE, three in a hundred, and by more than chance moves it: CHANCE standard
# deviations of a share over the held-out rows.
CLEAR_SHARE, CHANCE = 0.03, 2.0
# Rows that were learned from must do better than unseen ones by this much before it is called memorising.
MEMORISED = 0.2
# With this share of groups in which all answers score the same there was nothing to learn from.
FLAT = 0.95


@dataclass(frozen=True)
class Change:
    """What the held-out rows say about a run."""

    direction: int  # 1 better, 0 about the same, -1 worse
    words: Sentence  # by which numbers
    doubt: str = ""  # why a change does not count


def verdict(run: Run, finished: Finished, train_metrics: Metrics, epochs: float = math.inf) -> str:
    """One honest sentence about the run, or two: what the held-out rows say, and which step was kept.

    `finished` has everything but the message; `train_metrics` are those of the last steps, on rows that were trained
    on; `epochs` is how often the run went through its rows, since what was seen once is not memorised. What is wrong
    with the sample answers stands behind it, and what the model forgot.
    """
    sentence = _describe_change(run, finished, train_metrics, epochs)
    for part in (finished.caveat, finished.forgetting):
        sentence = say("{first} {second}", first=sentence, second=part) if part else sentence
    return sentence


def _describe_change(run: Run, finished: Finished, train_metrics: Metrics, epochs: float) -> Sentence:
    opening = {
        "stopped": say("Stopped at step {step}. ", step=finished.step),
        "early_stop": say("Stopped early. "),
    }.get(finished.reason, "")
    return say("{opening}{change}", opening=opening, change=_describe_gain(run, finished, train_metrics, epochs))


def _describe_gain(run: Run, finished: Finished, train_metrics: Metrics, epochs: float) -> Sentence:
    change = _measure_change(run, finished)
    if change is None:
        steps = say("1 step") if finished.step == 1 else say("{steps:,} steps", steps=finished.step)
        if finished.eval_rows:
            return say(
                "Trained for {steps}; without held-out rows measured before and after there is nothing to "
                "compare with.",
                steps=steps,
            )
        return say("Trained for {steps}; without held-out rows there is nothing to compare with.", steps=steps)
    if change.direction < 0:
        return say("Worse{change}. Try a lower learning rate or fewer epochs.", change=change.words)
    if change.direction == 0:
        advice = _advise(run, finished, train_metrics, epochs)
        return say(
            "No clear improvement{change}{doubt}.{advice}", change=change.words, doubt=change.doubt, advice=advice
        )
    if finished.best_step is None or finished.best_step >= finished.step:
        return say("Better{change}.", change=change.words)
    if run.spec.on_policy or epochs <= 1:  # the model's own answers are nothing to memorise, nor are rows seen once
        return say(
            "Better{change}. Best at step {step}, so step {step} was kept.",
            change=change.words,
            step=finished.best_step,
        )
    return say(
        "Better{change}. Best at step {step}; later steps began to memorise, so step {step} was kept.",
        change=change.words,
        step=finished.best_step,
    )


def outcome(run: Run, finished: Finished) -> int | None:
    """1 when the held-out rows say better, -1 worse, 0 about the same; None when there is nothing to compare."""
    change = _measure_change(run, finished)
    return None if change is None else change.direction


def tone(run: Run, finished: Finished) -> str:
    """How a verdict is shown everywhere: "good", "warn", "bad" for a failure, "info" where nothing was gained or lost.

    What got better by its loss is no success where its answers are of no use.
    """
    if finished.reason == "failed":
        return "bad"
    direction = outcome(run, finished)
    if finished.caveat or direction == -1 or _forgot_much(finished):
        return "warn"
    return "good" if direction == 1 else "info"


def _forgot_much(finished: Finished) -> bool:
    """Whether so much was forgotten that a gain on the task is only half the truth."""
    before, after = (m.get(forgetting.METRIC, math.nan) for m in (finished.metrics_before, finished.metrics_after))
    return bool(finished.forgetting) and after >= before * (1 + forgetting.MUCH)


def _measure_change(run: Run, finished: Finished) -> Change | None:
    """By the method's first criterion that clearly changed, else by its first one, else by the loss."""
    loss, loss_after = finished.loss_before, finished.loss_after
    if loss is None or loss_after is None or not math.isfinite(loss):
        return None
    if not math.isfinite(loss_after):
        return Change(-1, say(" on unseen examples: their loss is no longer a number"))
    initial, final, rows = finished.metrics_before, finished.metrics_after, finished.eval_rows
    change: Change | None = None
    for criterion in run.spec.criteria:
        name = criterion.metric
        if not all(math.isfinite(metrics.get(name, math.nan)) for metrics in (initial, final)):
            continue
        gain, chance = final[name] - initial[name], _chance(initial[name], final[name], rows)
        direction = 0 if abs(gain) < max(CLEAR_SHARE, chance) else 1 if gain > 0 else -1
        words = say(": it {does}", does=criterion.describe(initial[name], final[name], rows))
        is_chance = abs(gain) >= CLEAR_SHARE
        doubt = say("; among so few, up to {points:.0f} points may be chance", points=100 * chance) if is_chance else ""
        if direction:
            return Change(direction, words)
        change = change or Change(direction, words, doubt)
    if change is not None:
        return change
    direction = -1 if loss_after > loss * (1 + CLEAR) else 0 if loss_after > loss * (1 - CLEAR) else 1
    is_tiny = direction != 0 and f"{loss:.2f}" == f"{loss_after:.2f}"  # a difference is not told by equal numbers
    before, after = (_say_loss(measured, is_tiny) for measured in (loss, loss_after))
    return Change(direction, say(" on unseen examples: {before} → {after}", before=before, after=after))


def _say_loss(loss: float, is_tiny: bool) -> Sentence:
    is_plain = abs(loss) < LARGE and not is_tiny
    return say("{loss:.2f}", loss=loss) if is_plain else say("{loss:.3g}", loss=loss)


def _chance(initial: float, final: float, rows: int) -> float:
    """How far a share over this many rows may move by chance alone; 0 where their number is not known."""
    mean = (initial + final) / 2
    return CHANCE * math.sqrt(max(0.0, mean * (1 - mean)) / rows) if rows else 0.0


def _advise(run: Run, finished: Finished, train_metrics: Metrics, epochs: float) -> str:
    """What to try where nothing was gained: it depends on whether the model has learned the rows that it saw. In a
    first epoch they are measured before they are learned from."""
    if run.spec.on_policy and train_metrics.get("flat_groups", 0.0) > FLAT:
        return say(
            " In nearly every group all answers scored the same, and nothing could be learned from them: try other "
            "questions or rewards."
        )
    for name in (criterion.metric for criterion in run.spec.criteria if criterion.shows_memorising):
        if not all(math.isfinite(m.get(name, math.nan)) for m in (train_metrics, finished.metrics_after)):
            continue
        share = train_metrics[name]
        if epochs <= 1 or share - finished.metrics_after[name] < MEMORISED:
            return say(
                " In the rows it learned from it is {share:.0%}: try more epochs or a higher learning rate.",
                share=share,
            )
        if run.model.path == STARTER:
            return say(
                " In the rows it learned from it is {share:.0%}: it memorises them. More rows or a larger model may "
                "help.",
                share=share,
            )
        return say(
            " In the rows it learned from it is {share:.0%}: it memorises them. More rows may help.", share=share
        )
    return ""
