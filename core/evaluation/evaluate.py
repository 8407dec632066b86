"""Evaluate a model, with or without an adapter, on a dataset: loss, and how good the answers are by every reward."""

import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core import adapters
from core.data.batch.groups import Group, has_targets
from core.data.dataset import load_dataset as load_data
from core.data.format.example import Example
from core.data.kinds import QUESTIONS, TEXT
from core.data.tokenize.encode import encode_prompt
from core.data.tokenize.encoding import encode_examples
from core.data.tokenize.tokenizer import load_tokenizer
from core.device.machine import room_for_weights
from core.device.select import fallback_note, select
from core.distributed.group import Group as Ranks
from core.errors import BadData, BadOption
from core.evaluation.losses import measure_general, measure_loss
from core.evaluation.rows import EvaluatedRow, score_answers
from core.events import Evaluated, Event, Phase, Sample, Warned
from core.model import hub
from core.model.check_folder import read_config
from core.model.generate import answer_tokens
from core.model.load import LoadedModel
from core.model.sharding import NONE, TENSOR, Sharding, describe
from core.resources import sample
from core.rewards.answer import THINK_START, Answer, RewardSettings
from core.rewards.judge import RewardScorer
from core.run import DEMO
from core.text.sentence import say
from core.training.forgetting import Forgetting
from core.training.result_metrics import answer_scores


@dataclass
class Evaluation:
    """What a model is worth on a dataset."""

    name: str  # of the model or its adapter
    loss: float  # mean over all targets, in nats per token
    metrics: dict[str, float]
    rows: list[EvaluatedRow]
    forgetting: Forgetting | None = None  # of the adapter's base on general text, where that was asked for


def evaluate(
    model: str,
    adapter: str | None = None,
    dataset: str = DEMO,
    *,
    columns: Sequence[str] = (),
    exclude: Sequence[str] = (),
    fill_in: Sequence[str] = (),
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
    rewards: Mapping[str, float] | None = None,
    reward_settings: RewardSettings | None = None,
    forgetting: bool = False,
    sharding: Sharding | None = None,
) -> Generator[Event, None, Evaluation]:
    """Measure the loss of a model on a dataset, and compare its answers with the expected ones.

    Arguments:
        model: a folder, a Hugging Face id or "starter".
        adapter: a run's folder or an adapter's; None measures the model alone.
        dataset: a file, a folder or a Hugging Face id; "demo" means the sample data's held-out part.
        columns, exclude, fill_in: how the rows are read, as in a run's data options.
        answers: how many of the first prompts are answered, greedily.
        batch_size: rows in a batch.
        max_seq_len: tokens at which a row is cut.
        max_tokens: tokens at which an answer ends.
        train_on: which tokens are targets, as in a run's data options.
        backend_name: "auto", "gpu" or "cpu".
        dtype: what the model computes in; "auto" as in training.
        allow_code: whether the model's own Python code may run.
        quantization: of the base; None as it was when the adapter was trained.
        kind: the kind of rows, one of core.data.kinds. With PAIRS the targets are those of the chosen answers, with
            QUESTIONS those of the answers to check against.
        rewards: {name of a reward: its weight} by which the answers are scored too; see core.rewards.
        reward_settings: what some of these rewards need to know.
        forgetting: also measure general text, with and without the adapter.
        sharding: how the model is parted over several ranks, which all do the same; None for one that is whole.

    Yields Phase and Warned events, a Sample for each answer, and an Evaluated at the end. Its loss is the mean over
    all targets, in nats per token. Its metrics hold `perplexity` and, as shares from 0 to 1, for TEXT `exact_match`
    and, where JSON is expected, `valid_json`; for PAIRS `preferred`, the pairs whose chosen answer has the higher
    log-probability per token, and `accuracy`, those in which the adapter has raised the chosen answer's
    log-probability relative to the rejected one's. Each reward adds its mean score by its name, and several their
    weighted sum as `reward`. The generator's value is the Evaluation, with every row. Raises UserError.
    """
    with ExitStack() as stack:
        scorer = stack.enter_context(RewardScorer(rewards, reward_settings)) if rewards else None
        device = select(backend_name)
        if note := fallback_note(device):
            yield Warned("backend", note)
        yield Phase("Loading model", model)
        folder = yield from hub.fetch(model if adapter is None else hub.find_moved(model, adapter))
        # The data first: a wrong file should not cost the loading of a model.
        path = str(sample(kind, held_out=True)) if dataset == DEMO else dataset
        data = load_data((yield from hub.fetch_data(path)), kind, columns=columns, exclude=exclude, fill_in=fill_in)
        tokenizer = _load_tokenizer(folder, adapter)
        groups = _encode(data.examples, tokenizer, kind, train_on, max_seq_len, path)
        loaded = yield from _load_model(folder, adapter, dtype, device["used"], allow_code, quantization, sharding)
        group = sharding.group if sharding and loaded.sharding != NONE else Ranks()
        if forgetting and group.size > 1:
            raise BadOption(
                say("--forgetting compares with the model without its adapter: it goes with a whole model alone.")
            )
        yield Phase("Validating", f"{len(groups)} rows")
        result = measure_loss(loaded, list(groups.values()), batch_size, kind, group)
        rows = [EvaluatedRow(example.line) for example in data.examples]
        for i, loss in zip(groups, result.row_losses, strict=True):
            rows[i].loss = loss
        stage = "after" if adapter else "before"
        asked = list(zip(rows, data.examples, strict=True))[:answers]
        replies = yield from _answer(loaded, tokenizer, asked, stage, max_tokens, group)
        metrics = {"perplexity": math.exp(min(result.loss, 700.0)), **result.preferences}
        metrics |= _score(replies, kind, scorer)
        forgotten = None
        if forgetting:
            yield Phase("Measuring general text")
            general, forgotten = measure_general(loaded, tokenizer)
            metrics |= general
        yield Evaluated(0, result.loss, False, result.targets, metrics)
    return Evaluation(Path(adapter).name if adapter else model, result.loss, metrics, rows, forgotten)


def _load_tokenizer(folder: Path, adapter: str | None) -> Any:
    """The model's tokenizer, with the chat template that the adapter was trained with."""
    read_config(folder)
    tokenizer = load_tokenizer(folder)
    if adapter is not None:
        tokenizer.chat_template = adapters.read_chat_template(Path(adapter)) or tokenizer.chat_template
    return tokenizer


def _encode(
    examples: Sequence[Example], tokenizer: Any, kind: str, train_on: str, max_seq_len: int, path: str
) -> dict[int, Group]:
    """The examples that have something to measure, by their place among all of them. Raises BadData without any, which
    names the dataset's `path`."""
    answered = {i: _with_expected(e) if kind == QUESTIONS else e for i, e in enumerate(examples)}
    measured = {i: example for i, example in answered.items() if example is not None}
    texts = encode_examples(list(measured.values()), tokenizer, train_on=train_on, max_len=max_seq_len)
    groups = {i: group for i, group in zip(measured, map(Group, texts), strict=True) if has_targets(group)}
    if not groups:
        raise BadData(
            say(
                "{path}: no row has anything to measure within {max_seq_len} tokens.",
                path=path,
                max_seq_len=max_seq_len,
            )
        )
    return groups


def _answer(
    loaded: LoadedModel,
    tokenizer: Any,
    asked: Sequence[tuple[EvaluatedRow, Example]],
    stage: str,
    max_tokens: int,
    group: Ranks,
) -> Generator[Event, None, list[tuple[EvaluatedRow, Answer]]]:
    """Answer the prompts of rows greedily, a Sample for each. Returns each row that has a prompt with its answer."""
    replies: list[tuple[EvaluatedRow, Answer]] = []
    for row, example in asked:
        prompt = encode_prompt(example, tokenizer)
        if prompt is None:
            continue
        text, cut = answer_tokens(loaded.model, tokenizer, prompt.tokens, max_tokens, group)
        row.prompt, row.answer, row.expected = prompt.prompt, text, prompt.expected
        opened = tokenizer.decode(list(prompt.tokens[-8:])).rstrip().endswith(THINK_START)
        length = len(tokenizer.encode(text, add_special_tokens=False))
        yield Sample(0, stage, len(replies), prompt.prompt, text, prompt.expected, cut)
        replies.append((row, Answer(text, prompt.expected, prompt.prompt, length, cut, row.line, opened)))
    return replies


def _score(replies: Sequence[tuple[EvaluatedRow, Answer]], kind: str, scorer: RewardScorer | None) -> dict[str, float]:
    """The answers' mean scores, by the texts that are expected and by rewards; each row gets its own."""
    scores = _compare_texts(replies) if kind in (TEXT, QUESTIONS) else {}
    if scorer and replies:
        scores |= score_answers(scorer, [reply for _, reply in replies], [row for row, _ in replies])
    return scores


def _compare_texts(replies: Sequence[tuple[EvaluatedRow, Answer]]) -> dict[str, float]:
    """The shares of answers that are as expected; each row gets its own."""
    for row, _ in replies:
        if row.expected.strip():
            row.scores["exact_match"] = float(str(row.answer).strip() == row.expected.strip())
    return answer_scores([reply.text for _, reply in replies], [reply.expected for _, reply in replies])


def _with_expected(question: Example) -> Example | None:
    """A question with the answer that is expected, to measure the loss of that; None where none is."""
    if not question.answer:
        return None
    if question.messages is None:
        return replace(question, completion=question.answer, answer=None)
    answer = {"role": "assistant", "content": question.answer}
    return replace(question, messages=(*question.messages, answer), answer=None)


def _load_model(
    folder: Path,
    adapter: str | None,
    dtype: str,
    device: str,
    allow_code: bool,
    quantization: str | None,
    sharding: Sharding | None,
) -> Generator[Event, None, LoadedModel]:
    """The model, with its adapter where there is one, ready to evaluate; a Warned for each note on how it is loaded."""
    base = adapters.choose_base_precision(adapter, quantization)
    room = room_for_weights(device)
    loaded = adapters.load_base(
        folder, adapter, base, dtype, device=device, allow_code=allow_code, sharding=sharding, room=room
    )
    for note in loaded.notes:
        yield Warned("base-precision", note)
    if note := describe(sharding, loaded.sharding):
        yield Warned("sharding", note)
    if adapter is not None and loaded.sharding != TENSOR:
        attach = adapters.load if loaded.sharding == NONE else adapters.load_part
        attach(loaded.model, Path(adapter))
    loaded.model.eval()
    return loaded
