"""Evaluate a model, with or without an adapter, on a dataset: loss on the answers, and how many answers are right."""

import math
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx

from core import adapters
from core.data.batch.batches import batch_by_length
from core.data.batch.groups import Group, has_targets
from core.data.dataset import load_dataset as load_data
from core.data.kinds import PAIRS, TEXT
from core.data.tokenize.encode import encode_prompt
from core.data.tokenize.encoding import encode_examples
from core.data.tokenize.tokenizer import load_tokenizer
from core.device.select import select
from core.errors import BadData
from core.events import Evaluated, Event, Phase, Sample, Warned
from core.methods._preference import chosen_is_likelier, wins
from core.model import hub
from core.model.check_folder import read_config
from core.model.generate import answer_tokens
from core.model.lm_head import find_lm_head
from core.model.load import DTYPES, LoadedModel, load
from core.model.log_probs import to_mlx, token_logps
from core.resources import sample
from core.run import DEMO
from core.training import report
from core.training.metrics import MetricMeans


class EvalLoss(NamedTuple):
    """What a pass over the rows measures."""

    loss: float  # mean over all targets, in nats per token
    targets: int
    preferences: dict[str, float]  # of pairs: shares from 0 to 1; empty for other rows


def evaluate(
    model: str,
    adapter: str | None = None,
    dataset: str = DEMO,
    *,
    answers: int = 20,
    batch_size: int = 8,
    max_seq_len: int = 2048,
    max_tokens: int = 128,
    train_on: str = "answers",
    backend_name: str = "auto",
    dtype: str = "auto",
    allow_code: bool = False,
    quantization: str | None = None,
    kind: str = TEXT,
) -> Iterator[Event]:
    """Measure the loss of a model on a dataset, and compare its answers with the expected ones.

    Arguments:
        model: a folder, a Hugging Face id or "starter".
        adapter: a run's folder or an adapter's; None measures the model alone.
        dataset: a file, a folder or a Hugging Face id; "demo" means the sample data's held-out part.
        answers: how many of the first prompts are answered, greedily.
        batch_size: rows in a batch.
        max_seq_len: tokens at which a row is cut.
        max_tokens: tokens at which an answer ends.
        train_on: which tokens are targets, as in a run's data options.
        backend_name: "auto", "gpu" or "cpu".
        dtype: what the model computes in; "auto" as in training.
        allow_code: whether the model's own Python code may run.
        quantization: of the base; None as it was when the adapter was trained.
        kind: the kind of rows, one of core.data.kinds. With PAIRS the targets are those of the chosen answers.

    Yields Phase and Warned events, a Sample for each answer, and an Evaluated at the end. Its loss is the mean over
    all targets, in nats per token. Its metrics hold `perplexity` and, as shares from 0 to 1, for TEXT `exact_match`
    and, where JSON is expected, `valid_json`; for PAIRS `preferred`, the pairs whose chosen answer has the higher
    log-probability per token, and `accuracy`, those in which the adapter has raised the chosen answer's
    log-probability relative to the rejected one's. Raises UserError.
    """
    device = select(backend_name)
    yield Phase("Loading model", model)
    folder = yield from hub.fetch(model if adapter is None else hub.find_moved(model, adapter))
    # The data first: a wrong file should not cost the loading of a model.
    path = str(sample(kind, held_out=True)) if dataset == DEMO else dataset
    data = load_data((yield from hub.fetch_data(path)), kind)
    read_config(folder)
    tokenizer = load_tokenizer(folder)
    if adapter is not None:
        tokenizer.chat_template = adapters.read_chat_template(Path(adapter)) or tokenizer.chat_template
    texts = encode_examples(data.examples, tokenizer, train_on=train_on, max_len=max_seq_len)
    rows = [row for row in map(Group, texts) if has_targets(row)]
    if not rows:
        raise BadData(f"{path}: no row has anything to measure within {max_seq_len} tokens.")
    loaded = yield from _load_model(folder, adapter, dtype, device["used"], allow_code, quantization)
    yield Phase("Validating", f"{len(rows)} rows")
    result = _measure_loss(loaded, rows, batch_size, kind)
    replies, expected = [], []
    prompts = [encode_prompt(e, tokenizer) for e in data.examples[:answers]]
    for i, prompt in enumerate(p for p in prompts if p is not None):
        text, cut = answer_tokens(loaded.model, tokenizer, prompt.tokens, max_tokens)
        replies.append(text)
        expected.append(prompt.expected)
        yield Sample(0, "after" if adapter else "before", i, prompt.prompt, text, prompt.expected, cut)
    scores = report.answer_scores(replies, expected) if kind == TEXT else result.preferences
    metrics = {"perplexity": math.exp(min(result.loss, 700.0)), **scores}
    yield Evaluated(0, result.loss, False, result.targets, metrics)


def _load_model(
    folder: Path, adapter: str | None, dtype: str, device: str, allow_code: bool, quantization: str | None
) -> Generator[Event, None, LoadedModel]:
    """The model, with its adapter where there is one, ready to evaluate; a Warned about its base's precision."""
    base = adapters.choose_base_precision(adapter, quantization)
    if base.note:
        yield Warned("base-precision", base.note)
    loaded = load(
        folder,
        dtype,
        device=device,
        allow_code=allow_code,
        quantization=base.quantization,
        double=base.double,
    )
    if adapter is not None:
        adapters.load(loaded.model, Path(adapter))
    loaded.model.eval()
    return loaded


def _measure_loss(loaded: LoadedModel, rows: Sequence[Group], batch_size: int, kind: str) -> EvalLoss:
    model = loaded.model
    lm_head, _ = find_lm_head(model, DTYPES[loaded.compute])
    loss, targets, tally = 0.0, 0, MetricMeans()
    for batch in batch_by_length(rows, batch_size):
        inputs, count = to_mlx(batch), len(batch.rows)
        logps = token_logps(model, inputs, lm_head)
        loss -= float(logps[:count].sum())  # of a pair, the chosen answer
        targets += int(batch.mask[:count].sum())
        if kind == PAIRS:
            sums = logps.sum(-1)
            tally.add({"preferred": chosen_is_likelier(logps, inputs).mean()}, count)
            if adapters.adapter_layers(model):  # every weight trained leaves no base to compare with
                with adapters.disable(model):
                    log_ratios = sums - token_logps(model, inputs, lm_head).sum(-1)
                tally.add({"accuracy": wins(*mx.split(log_ratios, 2)).mean()}, count)
    return EvalLoss(loss / targets, targets, tally.means())
