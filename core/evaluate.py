"""Measure a model, with or without an adapter, on a dataset: loss on the answers, and answers as expected."""

import math
from collections.abc import Iterator
from pathlib import Path

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
from core.model.generate import answer_tokens
from core.model.lm_head import find_lm_head as find_head
from core.model.load import DTYPES, load, read_config
from core.model.log_probs import to_mlx, token_logps
from core.resources import sample
from core.run import DEMO
from core.training import report
from core.training.metrics import MetricMeans


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
    """Yields a Sample for each of the first `answers` prompts and an Evaluated at the end.

    Its loss is the mean over all targets, in nats per token; its metrics hold `perplexity`, `exact_match` and,
    where JSON is expected, `valid_json` (shares from 0 to 1). "demo" means the sample's held-out part.
    With `kind` "pairs" the targets are those of the better answers, and the metrics hold `preferred`, the share of
    pairs whose better answer is the likelier one by the word, and `accuracy`, the share in which the adapter has
    moved the better answer up against the worse one.
    The base is packed as it was when the adapter was trained, unless `quantization` says otherwise.
    Raises UserError.
    """
    device = select(backend_name)
    yield Phase("Loading model", model)
    folder = yield from hub.fetch(model)
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
    base = adapters.choose_base_precision(adapter, quantization)
    if base.note:
        yield Warned("base-precision", base.note)
    loaded = load(
        folder,
        dtype,
        device=device["used"],
        allow_code=allow_code,
        quantization=base.quantization,
        double=base.double,
    )
    if adapter is not None:
        adapters.load(loaded.model, Path(adapter))
    loaded.model.eval()

    head, _ = find_head(loaded.model, DTYPES[loaded.compute])
    yield Phase("Validating", f"{len(rows)} rows")
    loss, targets, tally = 0.0, 0, MetricMeans()
    for batch in batch_by_length(rows, batch_size):
        given, count = to_mlx(batch), len(batch.rows)
        logps = token_logps(loaded.model, given, head)
        loss -= float(logps[:count].sum())  # of a pair, the better answer
        targets += int(batch.mask[:count].sum())
        if kind == PAIRS:
            sums = logps.sum(-1)
            tally.add({"preferred": chosen_is_likelier(logps, given).mean()}, count)
            if adapters.adapter_layers(loaded.model):  # every weight trained leaves no base to compare with
                with adapters.disable(loaded.model):
                    moved = sums - token_logps(loaded.model, given, head).sum(-1)
                tally.add({"accuracy": wins(*mx.split(moved, 2)).mean()}, count)
    loss /= targets
    said, expected = [], []
    asked = [encode_prompt(e, tokenizer) for e in data.examples[:answers]]
    for i, question in enumerate(q for q in asked if q is not None):
        said.append(answer_tokens(loaded.model, tokenizer, question.tokens, max_tokens))
        expected.append(question.expected)
        yield Sample(0, "after" if adapter else "before", i, question.prompt, said[-1], question.expected)
    scores = report.answer_scores(said, expected) if kind == TEXT else tally.means()
    metrics = {"perplexity": math.exp(min(loss, 700.0)), **scores}
    yield Evaluated(0, loss, False, targets, metrics)
