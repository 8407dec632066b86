"""Everything before the first step: data, model, adapter, and the numbers that follow from them."""

import dataclasses
import math
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core import adapters
from core.data.batch.batches import Batch, Batches, Windows, in_order
from core.data.batch.groups import parts
from core.data.tokenize.encode import Question, ask
from core.data.tokenize.templates import choose
from core.data.tokenize.tokenizer import load_tokenizer
from core.device.machine import usable_bytes, versions
from core.device.parallel_plan import parallel_batches
from core.device.select import select
from core.errors import BadOption
from core.events import Event, Phase, Started, Warned
from core.memory import plan
from core.memory.estimate import Estimate, estimate
from core.model import hub, packed_mask
from core.model.gradient_checkpointing import checkpoint_blocks
from core.model.lm_head import LMHead
from core.model.lm_head import find_lm_head as find_head
from core.model.load import DTYPES, LoadedModel, read_config
from core.model.load import load as load_model
from core.quant import count
from core.reference import frozen_model
from core.reference.logprob_cache import Told
from core.reference.reference import Reference
from core.reference.teacher import Teacher
from core.resolved import to_json
from core.rollouts import setup
from core.rollouts.on_policy import prompt_length
from core.rollouts.rollouts import Rollouts
from core.run import Run
from core.run.folder import CHAT_TEMPLATE, RunFolder
from core.training.dataset import load_rows
from core.training.lr_schedule import default_warmup

FEW_SHAPES = 64  # widths are multiples of this where steps are compiled
VALIDATIONS = 10  # over a run at most, unless eval_every says otherwise; they never take longer than the training


@dataclass
class Prepared:
    """A run that is ready for its first step. Lives on the thread that prepared it."""

    run: Run
    folder: RunFolder
    model: nn.Module
    head: LMHead | None  # None where logits must be made everywhere
    tokenizer: Any
    rows: Sequence[Any]
    batches: Windows
    eval_batches: list[Batch]
    rollouts: Rollouts | None  # where the batches come from, for a method that writes its answers itself
    teacher: Teacher | None
    prompts: list[Question]
    total_steps: int
    learning_rate: float
    warmup: int
    eval_every: int
    save_every: int
    resolved: dict[str, Any]
    dtype: mx.Dtype  # what the model computes in
    on_gpu: bool
    compiles: bool  # whether steps of shapes that come up again are compiled
    lanes: int = 1  # batches that are computed at once
    heaviest: int | None = None  # the step with the longest batch, where that is known before

    @property
    def models(self) -> list[Any]:
        """Whatever a step computes with and that holds arrays."""
        return [self.model, self.head, *(self.teacher.models if self.teacher else [])]

    @property
    def validates(self) -> bool:
        """Whether there is anything held out to measure on."""
        return bool(self.rollouts.held_out if self.rollouts else self.eval_batches)

    @property
    def measured_rows(self) -> int:
        """How many held-out rows a validation looks at."""
        return len(self.rollouts.held_out) if self.rollouts else sum(len(b.rows) for b in self.eval_batches)

    def close(self) -> None:
        """End what runs beside the training."""
        if self.rollouts:
            self.rollouts.close()

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
            memory=r["memory"],
        )


def prepare(run: Run, folder: RunFolder, stop: threading.Event | None = None) -> Generator[Event, None, Prepared]:
    """Load and check everything, yielding progress; the generator's value is the Prepared run.

    Raises BadOption, BadData, BadModel or Unavailable, the last also when `stop` is set in long work.
    """
    stop = stop or threading.Event()
    device = select(run.backend)
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

    t = run.train
    batches = Batches(rows, t.batch_size, t.gradient_accumulation_steps, run.data.shuffle, t.seed)
    writes, own = run.spec.on_policy, run.on_policy_share
    replay = setup.recorded(run, tokenizer) if writes else []
    per_epoch = setup.steps_per_epoch(run, rows, replay) if writes else batches.steps_per_epoch
    epochs = t.epochs if t.epochs is not None else run.spec.epochs if not replay else 1.0
    steps = t.steps if t.steps is not None else max(1, math.ceil(epochs * per_epoch))
    reference = Reference(run, batches, held_out, steps) if run.spec.reference else None
    if reference and reference.is_other:  # it has gone from memory again before the model to be trained comes
        yield from reference.ask_other(
            folder.path, tokenizer, device["used"], stop, parallel_batches(run, device["used"])
        )
    teacher = Teacher(run) if run.spec.divergence else None
    if teacher:
        yield from teacher.prepare(folder.path, batches, held_out, steps, tokenizer, device["used"], stop)
    beside = reference or teacher

    memory_facts, way = yield from _memory(run, where, device["used"], rows)
    loaded, model_facts = yield from _load(run, where, device["used"])
    model = loaded.model
    head, why = find_head(model, DTYPES[loaded.compute])
    facts["logits"] = {"used": "at the targets" if head else "everywhere", "reason": why}
    if way.checkpointing:
        checkpoint_blocks(model)
    texts = run.options.group_size if writes else len(parts(rows[0]))
    layout, packed, note = _layout(run, loaded, len(tokenizer), texts, device["used"])
    facts |= packed
    why_plain = _why_plain(run, device["used"])
    if not why_plain:
        layout["multiple"] = FEW_SHAPES
    batches.layout = layout
    batches.most = way.tokens if way.rows < t.batch_size else None
    batches.lanes = way.lanes if run.spec.decomposable else 1
    facts["micro_batches"] = {"rows": way.rows, "tokens": batches.most, "at_once": way.lanes, "reason": way.reason}
    if note:
        yield Warned("packing", note)
    if reference and not reference.is_other:
        start = frozen_model.files(Path(run.adapter.init).expanduser()) if run.adapter.init else []
        who = [reference.used, frozen_model.files(where), start, to_json(loaded.precision), device["used"]]
        yield from reference.ask(folder.path, who, lambda: (model, head), stop, layout, way.lanes)

    rollouts = None
    if writes:
        head = setup.tempered(model, head, run.options.temperature)
        rollouts, told = yield from setup.rollouts(
            run, folder, model, tokenizer, head, rows, held_out, replay, layout, DTYPES[loaded.compute], stop, way.lanes
        )
        facts["rollouts"] = told
    source: Windows = rollouts or batches
    if own:
        source, told = yield from setup.own_answers(run, model, tokenizer, batches, DTYPES[loaded.compute], stop)
        facts["own_answers"] = told
    seen = steps * t.batch_size * t.gradient_accumulation_steps * (texts if writes else 1)
    validations = min(VALIDATIONS, max(1, seen // max(1, len(rollouts.held_out if rollouts else held_out))))
    eval_every = t.eval_every or max(1, math.ceil(steps / validations))
    questions = [ask(e, tokenizer) for e in examples[: t.samples]]
    held_batches = [] if rollouts else in_order(held_out, t.batch_size, **layout)
    ready = Prepared(
        run=run,
        folder=folder,
        model=model,
        head=head,
        tokenizer=tokenizer,
        rows=rows,
        batches=Told(source, beside.of_training) if beside else source,
        eval_batches=[beside.of_held_out(b) for b in held_batches] if beside else held_batches,
        rollouts=rollouts,
        teacher=teacher,
        prompts=[q for q in questions if q is not None and len(q.tokens) <= run.data.max_seq_len],
        total_steps=steps,
        learning_rate=run.usual_learning_rate if t.learning_rate is None else t.learning_rate,
        warmup=default_warmup(t.lr_schedule, steps) if t.warmup_steps is None else t.warmup_steps,
        eval_every=eval_every,
        save_every=t.save_every or eval_every,
        resolved={},
        dtype=DTYPES[loaded.compute],
        on_gpu=device["used"] == "gpu",
        compiles=not why_plain,
        lanes=way.lanes,
        heaviest=None if rollouts or own else batches.heaviest(steps),
    )
    model_facts |= {"path": run.model.path, "folder": str(where)}
    ready.resolved = _resolved(ready, device, to_json(loaded.precision), facts, model_facts) | {"memory": memory_facts}
    ready.resolved["compiled"] = {"used": ready.compiles, "reason": why_plain or "shapes that come up again, on a GPU"}
    folder.begin(run)
    if beside:
        ready.resolved["teacher" if teacher else "reference"] = beside.facts
        beside.keep(folder.path)
    folder.write_json("resolved.json", ready.resolved)
    if run.data.chat_template:  # whoever talks to the trained model must write as it has learned
        folder.write(CHAT_TEMPLATE, tokenizer.chat_template)
    return ready


def _memory(
    run: Run, where: Path, device: str, rows: Sequence[Any]
) -> Generator[Event, None, tuple[dict[str, Any], plan.Plan]]:
    """(what a step will take, for resolved.json, and how its batches go through the model); a warning where that is
    more than there is, and a note where a batch is parted for it."""
    tokens, config, usable = _heaviest(run, rows), read_config(where), usable_bytes(device)
    teacher = frozen_model.beside(run)

    def estimated(planned: Run) -> Estimate | None:
        return estimate(config, planned, device=device, tokens=tokens, folder=where, teacher=teacher)

    way, found, words = plan.resolve_plan(run, tokens, device, usable, estimated)
    facts = {"gradient_checkpointing": way.checkpointing}
    if found is None:
        return facts, way
    if words:
        yield Warned("memory", words)
    elif device != "cpu" and way.rows < run.train.batch_size:
        parts_of = f"A batch of {run.train.batch_size} rows goes through the model in parts of {way.rows}"
        yield Warned("micro-batches", f"{parts_of}, as the memory allows, and counts as one.")
    return facts | {"estimate": dataclasses.asdict(found) | {"low": found.low, "high": found.high}}, way


def _why_plain(run: Run, device: str) -> str:
    """Why steps are not compiled; "" where they are."""
    if device == "cpu":
        return "compiling costs more than it gains on a CPU"
    if run.adapter.dropout:
        return "dropout draws by chance"
    if run.spec.divergence or run.spec.precomputed:
        return "a part of each batch is computed first"
    return ""


def _heaviest(run: Run, rows: Sequence[Any]) -> int:
    """Tokens of the longest row, all its texts together; with its longest own answer where the model writes some."""
    if run.spec.on_policy:
        return max(len(question.tokens) for question in rows) + run.options.max_completion_length
    longest = max(sum(len(text.tokens) for text in parts(row)) for row in rows)
    if not run.on_policy_share:
        return longest
    return max(longest, min(run.data.max_seq_len, max(map(prompt_length, rows)) + run.options.max_new_tokens))


def _load(run: Run, where: Path, device: str) -> Generator[Event, None, tuple[LoadedModel, dict[str, Any]]]:
    """(the model with its adapter attached, how many parameters it has and trains)."""
    yield Phase("Loading model", run.model.path)
    trains_all = run.adapter.type == "full"
    loaded = load_model(
        where,
        run.model.dtype,
        device=device,
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
    return loaded, {"parameters": total, "trainable_parameters": trainable}


def _layout(
    run: Run, loaded: LoadedModel, vocabulary: int, texts: int, device: str
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """(how rows with so many texts are collated, facts with reasons, a note where it is not as asked)."""
    asked, dtype = run.data.packing, DTYPES[loaded.compute]
    if run.spec.precomputed or not asked:
        why = "as asked" if not asked else "a part of each batch is measured by itself"
        return {"pack": False, "share": False}, {"packing": {"requested": asked, "used": False, "reason": why}}, ""
    pack, why = packed_mask.check(loaded.model, vocabulary, dtype)
    note = "" if pack else f"Rows are not packed: {why}. They are sorted by length instead."
    facts: dict[str, Any] = {"packing": {"requested": asked, "used": pack, "reason": why}}
    share = False
    if texts > 1:
        share, why = packed_mask.check_shared(loaded.model, vocabulary, dtype)
        facts["shared_prompts"] = {"used": share, "reason": why}
    return {"pack": pack, "share": share, "always": pack and device == "cpu"}, facts, note


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
    adapter = adapters.resolved(ready.model, run.adapter)
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
        "versions": versions(),
    }
