"""The results of a run in words: the verdict, scores of the sample answers, and report.md."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import methods
from core.device.neural_engine import describe_parts, describe_use
from core.events import Finished
from core.methods import SHARE, Metric
from core.run import STARTER, Run, to_plain
from core.text.sentence import Sentence, say
from core.training import forgetting
from core.training.forgetting import Record
from core.training.paired_tests import format_p
from core.training.rank_facts import describe_ranks

Metrics = Mapping[str, float]

# A held-out loss must fall by this share before it is called an improvement.
CLEAR = 0.01
# A share of answers must rise by CLEAR_SHARE, three in a hundred, and by more than chance moves it: CHANCE standard
# deviations of a share over the held-out rows.
CLEAR_SHARE, CHANCE = 0.03, 2.0
# Rows that were learned from must do better than unseen ones by this much before it is called memorising.
MEMORISED = 0.2
LARGE = 1e6  # numbers from here on are written as 1e+06

# Metrics of the ending, which every method has beside those of its charts.
SAMPLE_METRICS = {
    "exact_match": Metric("exact_match", "as expected", SHARE, "Sample answers as expected"),
    "valid_json": Metric("valid_json", "valid JSON", SHARE, "Sample answers in valid JSON"),
    forgetting.METRIC: Metric(forgetting.METRIC, "general text", title="Loss on general text"),
}


@dataclass(frozen=True)
class Change:
    """What the held-out rows say about a run."""

    direction: int  # 1 better, 0 about the same, -1 worse
    words: Sentence  # by which numbers
    doubt: str = ""  # why a change does not count


def verdict(run: Run, finished: Finished, train_metrics: Metrics) -> str:
    """One honest sentence about the run, or two: what the held-out rows say, and which step was kept.

    `finished` has everything but the message; `train_metrics` are those of the last steps, on rows that were trained
    on. What is wrong with the sample answers stands behind it, and what the model forgot.
    """
    sentence = _describe_change(run, finished, train_metrics)
    for part in (finished.caveat, finished.forgetting):
        sentence = say("{first} {second}", first=sentence, second=part) if part else sentence
    return sentence


def _describe_change(run: Run, finished: Finished, train_metrics: Metrics) -> Sentence:
    opening = {
        "stopped": say("Stopped at step {step}. ", step=finished.step),
        "early_stop": say("Stopped early. "),
    }.get(finished.reason, "")
    return say("{opening}{change}", opening=opening, change=_describe_gain(run, finished, train_metrics))


def _describe_gain(run: Run, finished: Finished, train_metrics: Metrics) -> Sentence:
    change = _measure_change(run, finished)
    if change is None:
        steps = finished.step
        if finished.eval_rows:
            return say(
                "Trained for {steps} steps; without held-out rows measured before and after there is nothing to "
                "compare with.",
                steps=steps,
            )
        return say("Trained for {steps} steps; without held-out rows there is nothing to compare with.", steps=steps)
    if change.direction < 0:
        return say("Worse{change}. Try a lower learning rate or fewer epochs.", change=change.words)
    if change.direction == 0:
        advice = _advise(run, finished, train_metrics)
        return say(
            "No clear improvement{change}{doubt}.{advice}", change=change.words, doubt=change.doubt, advice=advice
        )
    if finished.best_step is None or finished.best_step >= finished.step:
        return say("Better{change}.", change=change.words)
    if run.spec.on_policy:  # the model's own answers are nothing to memorise
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
    words = say(" on unseen examples: {before} → {after}", before=_say_loss(loss), after=_say_loss(loss_after))
    return Change(direction, words)


def _say_loss(loss: float) -> Sentence:
    return say("{loss:.2f}", loss=loss) if abs(loss) < LARGE else say("{loss:.3g}", loss=loss)


def _chance(initial: float, final: float, rows: int) -> float:
    """How far a share over this many rows may move by chance alone; 0 where their number is not known."""
    mean = (initial + final) / 2
    return CHANCE * math.sqrt(max(0.0, mean * (1 - mean)) / rows) if rows else 0.0


def _advise(run: Run, finished: Finished, train_metrics: Metrics) -> str:
    """What to try where nothing was gained: it depends on whether the model has learned the rows that it saw."""
    for name in (criterion.metric for criterion in run.spec.criteria if criterion.shows_memorising):
        if not all(math.isfinite(m.get(name, math.nan)) for m in (train_metrics, finished.metrics_after)):
            continue
        share = train_metrics[name]
        if share - finished.metrics_after[name] < MEMORISED:
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


def describe_metric(name: str) -> Metric:
    """A metric as tables of results show it; one that no method gives a title goes by its name, as a plain number."""
    metric = SAMPLE_METRICS.get(name) or methods.find_metric(name)
    if metric is None or not metric.title:
        return Metric(name, name, title=name.replace("_", " ").capitalize())
    return metric


def format_metrics(initial: Metrics, final: Metrics) -> list[tuple[str, str]]:
    """(title, value or "initial → final") of every metric in `final`, as people read them."""
    rows = []
    for name, final_value in final.items():
        metric = describe_metric(name)
        values = [value for value in (initial.get(name), final_value) if value is not None]
        # What rounding has left of a zero is a plain zero to people, without a sign.
        texts = [_number(v, ".0%") if metric.unit == SHARE else f"{round(v, 4) + 0.0:.3g}" for v in values]
        rows.append((metric.title, " → ".join(texts)))
    return rows


def answer_scores(answers: Sequence[str], expected: Sequence[str]) -> dict[str, float]:
    """Shares (0 to 1) of answers that are exactly as expected and, where JSON is expected, valid JSON.

    Prompts without an expected answer do not count; without any there are no scores.
    """
    pairs = [(a.strip(), e.strip()) for a, e in zip(answers, expected, strict=True) if e.strip()]
    if not pairs:
        return {}
    scores = {"exact_match": sum(a == e for a, e in pairs) / len(pairs)}
    json_answers = [a for a, e in pairs if _is_json(e)]
    if json_answers:
        scores["valid_json"] = sum(_is_json(a) for a in json_answers) / len(json_answers)
    return scores


def page(
    run: Run,
    resolved: dict[str, Any],
    finished: Finished,
    notes: Sequence[str] = (),
    last_checkpoint: int | None = None,
    general: Record | None = None,
) -> str:
    """The text of report.md: verdict, results, what was noted, and the settings that make the run again.

    `resolved` is what resolved.json holds, `notes` the sentences of the run's warnings. A run that failed can go on
    from its `last_checkpoint`; where it failed before resolved.json was written, `resolved` is empty. `general` is
    what was measured on general text.
    """
    steps = f"{finished.step:,} in {finished.seconds:,.0f} s"
    if finished.best_step is not None:
        steps += f"; step {finished.best_step} was kept"
    if last_checkpoint is not None:
        steps += f"; it can go on from step {last_checkpoint}"
    lines = [
        f"# {run.spec.title} on {resolved['model']['path'] if resolved else run.model.path}",
        "",
        finished.message,
        "",
        "| | |",
        "| --- | --- |",
        f"| Steps | {steps} |",
    ]
    if resolved:
        lines += _describe_setup(run, resolved)
    if finished.loss_before is not None and finished.loss_after is not None:
        lines.append(
            f"| Held-out loss | {_number(finished.loss_before, '.4f')} → {_number(finished.loss_after, '.4f')} |"
        )
    lines += [
        f"| {title} | {text} |" for title, text in format_metrics(finished.metrics_before, finished.metrics_after)
    ]
    lines.append("")
    if notes:
        lines += ["Noted on the way:", "", *(f"- {note}" for note in dict.fromkeys(notes)), ""]
    if general:
        lines += _describe_general(general)
    lines += ["Settings that differ from the defaults:", ""]
    lines += [f"- `{key} = {json.dumps(value)}`" for key, value in _list_changes(run)] or ["- none"]
    return "\n".join(lines) + "\n"


def _describe_setup(run: Run, resolved: dict[str, Any]) -> list[str]:
    """What was learned from, and what computed it."""
    data, precision, backend, model = (resolved[k] for k in ("data", "precision", "backend", "model"))
    size = f"{data['rows']:,} rows, {data['tokens']:,} tokens, {data['eval_rows']:,} rows held out"
    share = f"{model['trainable_parameters']:,} of {model['parameters']:,} parameters ({run.adapter.type})"
    versions = ", ".join(f"{name} {number}" for name, number in resolved["versions"].items())
    lines = [
        f"| Data | {data['path']}: {size} |",
        f"| Trained | {share} |",
        f"| Backend | {backend['requested']} → {backend['used']} ({backend['device']}): {backend['reason']} |",
        f"| Precision | {precision['requested']} → {precision['used']}: {precision['reason']} |",
        f"| Versions | {versions} |",
    ]
    if ranks := resolved.get("ranks"):
        lines.append(f"| Ranks | {describe_ranks(ranks)} |")
        lines += [f"| Dropout | {ranks['differs']} |"] if "differs" in ranks else []
    if engine := describe_use(backend):
        lines.append(f"| Neural Engine | {engine} |")
        lines += [f"| {parts} | {words} |" for parts, words in describe_parts(backend)]
    return lines


def _describe_general(general: Record) -> list[str]:
    """What became of the loss on general text, and the answers to general questions side by side."""
    lines = []
    if found := general.forgetting:
        change = f"{_number(found.before, '.3f')} → {_number(found.after, '.3f')} nats per token"
        told = "worse by more than chance" if found.forgot else "no clear loss"
        lines = [
            say(
                "General text, {texts} texts: {change} ({share:+.1%}, {p}): {told}.",
                texts=found.texts,
                change=change,
                share=found.share,
                p=format_p(found.p),
                told=told,
            ),
            "",
        ]
    if answers := general.answers():
        lines += ["| General question | Before | After |", "| --- | --- | --- |"]
        lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in answers] + [""]
    return lines


def _cell(text: str) -> str:
    """A text in one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|") or "–"


def _number(value: float, form: str) -> str:
    """A number in a form, or in few digits where that would have many: 1e300 has 300 of them."""
    return f"{value:{form}}" if abs(value) < LARGE else f"{value:.3g}"


def _list_changes(run: Run) -> list[tuple[str, Any]]:
    """(key, value) of every setting that differs from its default."""
    default = Run(method=run.method)
    changes = []
    for section in ("model", "data", "adapter", "train", "options"):
        defaults, values = to_plain(getattr(default, section)), to_plain(getattr(run, section))
        changes += [(f"{section}.{name}", value) for name, value in values.items() if defaults.get(name) != value]
    return changes


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False
