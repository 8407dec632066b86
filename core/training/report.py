"""report.md: the results of a run, and the settings that make it again."""

import json
from collections.abc import Sequence
from typing import Any

from core.device.neural_engine import describe_parts, describe_use
from core.events import Finished, Sample
from core.options import describe
from core.run import Run, to_plain
from core.text.sentence import say, shorten
from core.training.forgetting import Record
from core.training.paired_tests import format_p
from core.training.rank_facts import describe_choice, describe_ranks
from core.training.result_metrics import format_metrics, format_number

_LONGEST = 1000  # characters of a text in a table


def page(
    run: Run,
    resolved: dict[str, Any],
    finished: Finished,
    notes: Sequence[str] = (),
    last_checkpoint: int | None = None,
    general: Record | None = None,
    samples: Sequence[Sample] = (),
) -> str:
    """The text of report.md: verdict, results, sample answers, notes, and the settings that make the run again.

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
        losses = (format_number(loss, ".4f") for loss in (finished.loss_before, finished.loss_after))
        lines.append(f"| Held-out loss | {' → '.join(losses)} |")
    lines += [
        f"| {title} | {text} |" for title, text in format_metrics(finished.metrics_before, finished.metrics_after)
    ]
    lines += ["", *_describe_samples(samples, finished.eval_rows > 0)]
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
        choices = (("Link", ranks.get("link")), ("Parts of the model", ranks.get("sharding")))
        lines += [f"| {title} | {describe_choice(choice)} |" for title, choice in choices if choice]
        lines += [f"| Dropout | {ranks['differs']} |"] if "differs" in ranks else []
    if engine := describe_use(backend):
        lines.append(f"| Neural Engine | {engine} |")
        lines += [f"| {parts} | {words} |" for parts, words in describe_parts(backend)]
    return lines


def _describe_samples(samples: Sequence[Sample], is_held_out: bool) -> list[str]:
    """The sample answers from before and after training, and those of the data, side by side."""
    answers = {(e.stage, e.index): e.answer for e in samples}
    prompts = {e.index: e for e in samples}  # of an index all have one prompt
    if not prompts:
        return []
    is_known = any(e.expected for e in prompts.values())
    heads = ["Question" if is_held_out else "Question from the training data", "Before", "After"]
    heads += ["In the data"] if is_known else []
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    for index, sample in sorted(prompts.items()):
        row = [sample.prompt, *(answers.get((stage, index), "") for stage in ("before", "after"))]
        row += [sample.expected] if is_known else []
        lines.append("| " + " | ".join(map(_cell, row)) + " |")
    return [*lines, ""]


def _describe_general(general: Record) -> list[str]:
    """What became of the loss on general text, and the answers to general questions side by side."""
    lines = []
    if found := general.forgetting:
        change = f"{format_number(found.before, '.3f')} → {format_number(found.after, '.3f')} nats per token"
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
    return shorten(" ".join(text.split()), _LONGEST).replace("|", "\\|") or "–"


def _list_changes(run: Run) -> list[tuple[str, Any]]:
    """(key, value) of every setting that differs from its default."""
    default = Run(method=run.method)
    changes = [
        (o.name, getattr(run, o.name))
        for o in describe(Run)
        if o.name not in ("method", "output") and getattr(run, o.name) != o.default
    ]
    for section in ("model", "data", "adapter", "train", "options"):
        defaults, values = to_plain(getattr(default, section)), to_plain(getattr(run, section))
        changes += [(f"{section}.{name}", value) for name, value in values.items() if defaults.get(name) != value]
    return changes
