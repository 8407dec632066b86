"""Everything before the first step: data, model, adapter, and the numbers that follow from them."""

import dataclasses
import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core import adapters, backend
from core.data.batches import Batch, Batches, in_order
from core.data.template import Encoded, Question, ask
from core.data.templates import choose
from core.data.tokenizer import load_tokenizer
from core.errors import BadOption
from core.events import Event, Phase, Started, Warned
from core.model import hub, packing
from core.model.head import Head
from core.model.head import find as find_head
from core.model.load import DTYPES, read_config
from core.model.load import load as load_model
from core.quant import count
from core.rows import load_rows
from core.run import Run
from core.runfolder import CHAT_TEMPLATE, RunFolder
from core.schedule import default_warmup

DEFAULT_EPOCHS = 3.0
VALIDATIONS = 10  # over a run at most, unless eval_every says otherwise; they never take longer than the training


@dataclass
class Prepared:
    """A run that is ready for its first step. Lives on the thread that prepared it."""

    run: Run
    folder: RunFolder
    model: nn.Module
    head: Head | None  # None where logits must be made everywhere
    tokenizer: Any
    rows: list[Encoded]
    batches: Batches
    eval_batches: list[Batch]
    prompts: list[Question]
    total_steps: int
    learning_rate: float
    warmup: int
    eval_every: int
    save_every: int
    resolved: dict[str, Any]

    def started(self, first_step: int) -> Started:
        r = self.resolved
        return Started(
            name=self.folder.path.name,
            folder=str(self.folder.path),
            method=self.run.method,
            model=self.run.model.path,
            total_steps=self.total_steps,
            first_step=first_step,
            epochs=self.total_steps / self.batches.steps_per_epoch,
            rows=len(self.rows),
            eval_rows=r["data"]["eval_rows"],
            tokens=r["data"]["tokens"],
            trainable_parameters=r["model"]["trainable_parameters"],
            total_parameters=r["model"]["parameters"],
            backend=r["backend"],
            precision=r["precision"],
        )


def prepare(run: Run, folder: RunFolder) -> Generator[Event, None, Prepared]:
    """Load and check everything, yielding progress; the generator's value is the Prepared run.

    Raises BadOption, BadData, BadModel or Unavailable.
    """
    device = backend.select(run.backend)
    if run.backend not in ("auto", device["used"]):
        yield Warned(
            "backend",
            f"The {run.backend.upper()} was asked for, the {device['used'].upper()} is used: {device['reason']}.",
        )
    yield Phase("Preparing data")
    where = yield from hub.fetch(run.model.path, run.model.revision)
    read_config(where)  # a folder that is no model says so before anything else is tried
    tokenizer = load_tokenizer(where)
    if run.data.chat_template:
        note = choose(tokenizer, run.data.chat_template)
        if note:
            yield Warned("chat-template", note)
    rows, held_out, examples, facts = yield from load_rows(run, tokenizer)

    yield Phase("Loading model", run.model.path)
    trains_all = run.adapter.type == "full"
    loaded = load_model(
        where,
        run.model.dtype,
        device=device["used"],
        trains_all=trains_all,
        allow_code=run.model.allow_code,
        quantization=run.model.quantization,
        double=run.model.double_quantization,
    )
    for note in loaded.notes:
        yield Warned("base-precision", note)
    if trains_all and loaded.compute == "float16":
        raise BadOption(
            "Full fine-tuning cannot compute in float16: its range does not hold what the optimizer keeps of the "
            "gradients. Use float32 or bfloat16."
        )
    if trains_all and loaded.compute == "bfloat16":
        yield Warned("precision", "Every weight is kept in bfloat16, as asked: small corrections are lost in rounding.")
    total = count(loaded.model)
    mx.random.seed(run.train.seed)
    adapters.attach(loaded.model, run.adapter)
    mx.eval(loaded.model.parameters())
    trainable = sum(t.size for t in adapters.tensors(loaded.model).values())

    t = run.train
    head, why = find_head(loaded.model, DTYPES[loaded.compute])
    facts["logits"] = {"used": "at the targets" if head else "everywhere", "reason": why}
    packs, why = packing.check(loaded.model, len(tokenizer), DTYPES[loaded.compute])
    if run.data.packing and not packs:
        yield Warned("packing", f"Rows are not packed: {why}. They are sorted by length instead.")
    pack = run.data.packing and packs
    facts["packing"] = {"requested": run.data.packing, "used": pack, "reason": why if run.data.packing else "as asked"}
    batches = Batches(rows, t.batch_size, t.gradient_accumulation_steps, run.data.shuffle, t.seed, pack)
    epochs = t.epochs if t.epochs is not None else DEFAULT_EPOCHS
    steps = t.steps if t.steps is not None else max(1, math.ceil(epochs * batches.steps_per_epoch))
    seen = steps * t.batch_size * t.gradient_accumulation_steps
    validations = min(VALIDATIONS, max(1, seen // max(1, len(held_out))))
    eval_every = t.eval_every or max(1, math.ceil(steps / validations))
    asked = [ask(e, tokenizer) for e in examples[: t.samples]]
    prompts = [q for q in asked if q is not None and len(q.tokens) <= run.data.max_seq_len]
    ready = Prepared(
        run=run,
        folder=folder,
        model=loaded.model,
        head=head,
        tokenizer=tokenizer,
        rows=rows,
        batches=batches,
        eval_batches=in_order(held_out, t.batch_size),
        prompts=prompts,
        total_steps=steps,
        learning_rate=run.usual_learning_rate if t.learning_rate is None else t.learning_rate,
        warmup=default_warmup(t.lr_schedule, steps) if t.warmup_steps is None else t.warmup_steps,
        eval_every=eval_every,
        save_every=t.save_every or eval_every,
        resolved={},
    )
    model_facts = {"path": run.model.path, "folder": str(where), "parameters": total, "trainable_parameters": trainable}
    ready.resolved = _resolved(ready, device, loaded.precision, facts, model_facts)
    folder.begin(run)
    folder.write_json("resolved.json", ready.resolved)
    if run.data.chat_template:  # whoever talks to the trained model must write as it has learned
        folder.write(CHAT_TEMPLATE, tokenizer.chat_template)
    return ready


def _resolved(
    ready: Prepared, device: dict[str, str], precision: dict[str, Any], data: dict[str, Any], model: dict[str, Any]
) -> dict[str, Any]:
    """resolved.json: every value as used. A public contract; keys are added, never renamed."""
    run = ready.run
    train = dataclasses.asdict(run.train) | {
        "steps": ready.total_steps,
        "epochs": ready.total_steps / ready.batches.steps_per_epoch,
        "learning_rate": ready.learning_rate,
        "warmup_steps": ready.warmup,
        "eval_every": ready.eval_every,
        "save_every": ready.save_every,
    }
    adapter = dataclasses.asdict(run.adapter)
    if run.adapter.type != "full":
        adapter |= {"alpha": 2.0 * run.adapter.rank if run.adapter.alpha is None else run.adapter.alpha}
    return {
        "method": run.method,
        "options": dataclasses.asdict(run.options),
        "model": model,
        "adapter": adapter,
        "precision": precision,
        "backend": device,
        "data": data
        | {"max_seq_len": run.data.max_seq_len, "train_on": run.data.train_on, "shuffle": run.data.shuffle},
        "train": train,
        "steps_per_epoch": ready.batches.steps_per_epoch,
        "versions": backend.versions(),
    }
