"""Distillation: a small model (student) learns the next-token distribution of a larger one (teacher)."""

from dataclasses import dataclass
from typing import Any

from core.data.kinds import TEXT
from core.errors import BadOption
from core.methods import DISTILLATION, OWN_ANSWERS, SHARE, ChartSpec, Method, Metric
from core.methods._on_policy import LENGTH_CHART, TIME_CHART
from core.options import describe, option
from core.text.sentence import say


@dataclass(frozen=True)
class Options:
    """Options of distillation."""

    teacher: str | None = option(
        None,
        "The teacher model: a folder, a Hugging Face id, or the folder of an earlier run. It must have the same "
        "vocabulary.",
        label="Teacher",
        basic=True,
        unset="none yet; one is needed",
    )
    divergence: str = option(
        "forward",
        "Divergence between teacher and student: forward KL covers everything the teacher might say, reverse KL "
        "concentrates on what it says most, jsd (generalized Jensen-Shannon) lies between them.",
        choices=("forward", "reverse", "jsd"),
        labels={"forward": "Forward KL", "reverse": "Reverse KL", "jsd": "Jensen-Shannon"},
        label="Divergence",
        when="Choose 'reverse' if the small model rambles: it need not cover what it cannot.",
    )
    jsd_weight: float = option(
        0.5,
        "Interpolation of jsd between forward KL (near 0) and reverse KL (near 1).",
        low=0.01,
        high=0.99,
        label="JSD weight",
    )
    temperature: float = option(
        1.0,
        "Softmax temperature of teacher and student. Above 1, tokens that the teacher finds unlikely count more. The "
        "divergence is multiplied by its square, which keeps gradients as large as at 1 (TRL leaves that out).",
        low=0.1,
        high=20.0,
        label="Temperature",
        when="Try 2 if the teacher is very sure of everything.",
    )
    hard_weight: float = option(
        0.0,
        "Share of the loss that is SFT on the answers in the data; the rest is the divergence from the teacher.",
        low=0.0,
        high=1.0,
        label="SFT share",
    )
    teacher_top_k: int | None = option(
        None,
        "Run the teacher once before training and keep its N likeliest tokens at every position, so that it need not "
        "stay in memory. The remaining probability counts as one more token.",
        low=1,
        high=1_000_000,
        label="Teacher top k",
        unset="the teacher stays in memory, with its whole vocabulary",
        when="Set it to 32 or so if teacher and student do not fit in memory together.",
    )
    lmbda: float = option(
        0.0,
        "Share of the steps (lambda) in which the student answers the prompts itself and learns from the teacher's "
        "probabilities along its own answer (on-policy, GKD). The other steps take the answers in the data.",
        low=0.0,
        high=1.0,
        label="On-policy share",
        when="Try 0.5 if the student does well on the data's answers and loses its way in its own. Writing takes time.",
    )
    max_new_tokens: int = option(
        128,
        "Longest completion that the student writes, in tokens; a longer one is cut off, and learned from up to there.",
        low=1,
        high=131_072,
        label="Longest own answer",
    )
    sampling_temperature: float = option(
        1.0,
        "Sampling temperature of the student's own answers: higher is more varied.",
        low=0.01,
        high=10.0,
        label="Sampling temperature",
    )


def check(o: Options) -> None:
    """Raises BadOption where an option would do nothing."""
    if o.jsd_weight != 0.5 and o.divergence != "jsd":
        raise BadOption(say("jsd_weight does nothing with {divergence}; use jsd.", divergence=o.divergence))
    if o.lmbda and o.teacher_top_k is not None:
        raise BadOption(
            say(
                "lmbda needs a teacher in memory, since one asked before training cannot judge answers written "
                "later: leave out teacher_top_k, or set lmbda to 0."
            )
        )
    if o.lmbda == 1.0 and o.hard_weight:
        raise BadOption(say("hard_weight does nothing with lmbda 1, where no step takes the answers in the data."))
    usual = {option.name: option.default for option in describe(Options)}
    for name in ("max_new_tokens", "sampling_temperature"):
        if not o.lmbda and getattr(o, name) != usual[name]:
            raise BadOption(
                say("{name} does nothing without answers of its own: give lmbda, their share of the steps.", name=name)
            )


def divergence(student: Any, teacher: Any, o: Options) -> Any:
    """Divergence of the student from the teacher at each target, [m] in nats, times temperature².

    student, teacher [m, K]: log-probabilities at `temperature` T of the whole vocabulary, or of the teacher's
    likeliest tokens and of all others together. The factor T² keeps the gradient's size at every temperature
    (Hinton et al., arXiv:1503.02531); TRL's GKDTrainer leaves it out.

    forward  KL(teacher ‖ student)
    reverse  KL(student ‖ teacher)
    jsd      w·KL(teacher ‖ mix) + (1 − w)·KL(student ‖ mix), mix = w·teacher + (1 − w)·student (arXiv:2306.13649)
    """
    import mlx.core as mx

    def kl(p: Any, q: Any) -> Any:
        return (mx.exp(p) * (p - q)).sum(-1)

    if o.divergence == "forward":
        distance = kl(teacher, student)
    elif o.divergence == "reverse":
        distance = kl(student, teacher)
    else:
        w = mx.array(o.jsd_weight)
        mix = mx.logaddexp(student + mx.log1p(-w), teacher + mx.log(w))
        distance = w * kl(teacher, mix) + (1 - w) * kl(student, mix)
    return o.temperature**2 * distance


def loss(logps: Any, ref: Any, batch: Any, o: Options) -> tuple[Any, dict[str, Any]]:
    """(1 − h)·mean divergence + h·mean negative log-likelihood over the targets, h the `hard_weight`.

    logps [N, T-1] are the student's, `ref` [N, T-1] holds the divergence at each target. Answers that the student
    wrote itself (OWN_ANSWERS in batch.extra) are no examples to learn: there the loss is the divergence alone.
    """
    count = batch.mask.sum()
    kl, hard = ref.sum() / count, -logps.sum() / count
    if OWN_ANSWERS in batch.extra:
        return kl, {"own_kl": kl}
    return (1 - o.hard_weight) * kl + o.hard_weight * hard, {"kl": kl, "hard_loss": hard}


SPEC = Method(
    title="Distillation",
    goal="I have a large model and want its skill in a small one",
    summary="The small model learns from everything the large one would say, which teaches more than answers alone.",
    needs="A larger model with the same vocabulary, and questions with answers, from about 500.",
    cost="SFT, and one pass of the large model: at every step, or once before. Answers of its own take time to write.",
    paper="arXiv:1503.02531",
    group=DISTILLATION,
    group_rank=1,
    data=TEXT,
    options=Options,
    loss=loss,
    check=check,
    learning_rate=2e-4,
    learning_rate_full=2e-5,
    divergence=divergence,
    on_policy_share=lambda o: o.lmbda,
    charts=(
        ChartSpec(
            "teacher",
            "Teacher",
            "How far the student's next words are from the teacher's (KL), in the data's answers and in its own, and "
            "how surprised it is by the data's. All should fall.",
            (
                Metric("kl", "distance to the teacher", title="Distance"),
                Metric("own_kl", "distance in its own answers"),
                Metric("hard_loss", "loss on the data", title="Loss on the answers"),
            ),
        ),
        ChartSpec(
            "cut",
            "Cut off",
            "The share of the student's own answers that were longer than allowed. They are learned from up to there.",
            (Metric("cut_off", "cut off", SHARE),),
        ),
        LENGTH_CHART,
        TIME_CHART,
    ),
    shortcuts={
        "divergence": {"kind": "divergence"},
        "on_policy": {"share": "lmbda", "longest": "max_new_tokens", "temperature": "sampling_temperature"},
    },
)
