"""The data of a run: tokenizer and rows, the batches they make, and the number of optimizer steps."""

import math
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.batch.batches import Batches
from core.data.batch.groups import row_texts
from core.data.tokenize.encode import EncodedPrompt, encode_prompt
from core.data.tokenize.templates import set_chat_template
from core.data.tokenize.tokenizer import load_tokenizer
from core.events import Event, Phase, Warned
from core.model import hub
from core.model.build import check_architecture
from core.model.check_folder import check_weights, read_config
from core.rollouts import setup as rollout_setup
from core.rollouts.samples_file import RolloutGroup
from core.run import Run
from core.training.dataset import EncodedDataset, load_rows


@dataclass(frozen=True)
class TrainingData:
    """What a run learns from, before its model is loaded."""

    model_folder: Path
    tokenizer: Any
    dataset: EncodedDataset
    batches: Batches  # of the training rows
    replay: list[list[RolloutGroup]]  # recorded answers by step, to learn from in place of new ones
    total_steps: int  # optimizer steps

    @property
    def texts_per_row(self) -> int:
        """Texts of a dataset's row; two of a pair."""
        return len(row_texts(self.dataset.train[0]))


def prepare_data(run: Run) -> Generator[Event, None, TrainingData]:
    """Fetch what has to be downloaded, read and encode the rows, and count the steps, yielding progress and warnings.

    Raises BadModel, BadData, BadOption, and Unavailable.
    """
    yield Phase("Preparing data")
    model_folder = yield from hub.fetch(run.model.path, run.model.revision)
    # A folder that is no model says so before anything else is tried.
    config = read_config(model_folder)
    check_weights(model_folder, config)
    check_architecture(model_folder, config)
    tokenizer = load_tokenizer(model_folder)
    if run.data.chat_template:
        note = set_chat_template(tokenizer, run.data.chat_template)
        if note:
            yield Warned("chat-template", note)
    dataset = yield from load_rows(run, tokenizer)
    t = run.train
    batches = Batches(dataset.train, t.batch_size, t.gradient_accumulation_steps, run.data.shuffle, t.seed)
    steps_per_epoch, replay = batches.steps_per_epoch, list[list[RolloutGroup]]()
    if run.spec.on_policy:
        replay = rollout_setup.load_replay(run, tokenizer)
        steps_per_epoch = rollout_setup.steps_per_epoch(run, dataset.train, replay)
    epochs = t.epochs if t.epochs is not None else run.spec.epochs if not replay else 1.0
    steps = t.steps if t.steps is not None else max(1, math.ceil(epochs * steps_per_epoch))
    return TrainingData(model_folder, tokenizer, dataset, batches, replay, steps)


def sample_prompts(run: Run, data: TrainingData) -> list[EncodedPrompt]:
    """The fixed prompts that the model answers before and after training, those that are short enough."""
    prompts = [encode_prompt(example, data.tokenizer) for example in data.dataset.examples[: run.train.samples]]
    return [p for p in prompts if p is not None and len(p.tokens) <= run.data.max_seq_len]
