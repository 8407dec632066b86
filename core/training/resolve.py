"""Every value of a run as used, for resolved.json."""

from core import adapters
from core.device.machine import versions
from core.memory.plan import Plan
from core.resolved import Backend, DataFacts, MemoryFacts, MicroBatches, Resolved, to_json
from core.run import Run
from core.training.batch_source import BatchSources
from core.training.data_setup import TrainingData
from core.training.inputs import input_facts
from core.training.model_setup import TrainingModel
from core.training.reference_setup import OtherModel
from core.training.schedule import Schedule


def resolve(
    run: Run,
    backend: Backend,
    data: TrainingData,
    plan: Plan,
    memory: MemoryFacts,
    model: TrainingModel,
    sources: BatchSources,
    schedule: Schedule,
    other_model: OtherModel,
    measures_general: bool,
) -> Resolved:
    """Every value as used, for resolved.json."""
    steps_per_epoch = sources.training.steps_per_epoch
    train = to_json(run.train) | {
        "steps": schedule.total_steps,
        "epochs": schedule.total_steps / steps_per_epoch,
        "learning_rate": schedule.learning_rate,
        "warmup_steps": schedule.warmup,
        "eval_every": schedule.eval_every,
        "save_every": schedule.save_every,
        "forgetting": "on" if measures_general else "off",
    }
    data_facts = DataFacts(
        **to_json(data.dataset.facts),
        logits=model.logits,
        packing=model.layout.packing,
        shared_prompts=model.layout.shared_prompts,
        micro_batches=MicroBatches(plan.rows, data.batches.max_tokens, plan.parallel_batches, plan.reason),
        rollouts=sources.rollout_facts,
        own_answers=sources.on_policy_facts,
        max_seq_len=run.data.max_seq_len,
        train_on=run.data.train_on,
        shuffle=run.data.shuffle,
        eval_split=run.data.eval_split,
        columns=run.data.columns,
        exclude=run.data.exclude,
        fill_in=run.data.fill_in,
        chat_template=run.data.chat_template,
    )
    return Resolved(
        method=run.method,
        options=run.options,
        model=model.facts,
        adapter=adapters.resolved_options(model.model, run.adapter),
        precision=model.precision,
        backend=backend,
        data=data_facts,
        train=train,
        steps_per_epoch=steps_per_epoch,
        versions=versions(),
        memory=memory,
        compiled=model.compiled,
        fused=model.fused,
        inputs=input_facts(
            run,
            data,
            sources.rollouts.held_out if sources.rollouts else data.dataset.held_out,
            teacher=other_model.teacher.source if other_model.teacher else None,
            reference=other_model.reference.source if other_model.reference else None,
        ),
        teacher=other_model.teacher.facts if other_model.teacher else None,
        reference=other_model.reference.facts if other_model.reference else None,
    )
