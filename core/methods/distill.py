"""Distillation: a small model learns from a larger one what it would say at every step, not the answers alone."""

from dataclasses import dataclass
from typing import Any

from core.data.kinds import TEXT
from core.errors import BadOption
from core.methods import Method
from core.options import describe, option

OWN = "own"  # in batch.extra of answers that the student wrote itself


@dataclass(frozen=True)
class Options:
    """What can be set for distillation."""

    teacher: str | None = option(
        None,
        "The model to learn from: a folder, a Hugging Face id, or the folder of an earlier run. It must have the "
        "same vocabulary.",
        label="Teacher",
        basic=True,
        unset="none yet; one is needed",
    )
    divergence: str = option(
        "forward",
        "How the two are compared: forward covers everything the teacher might say, reverse picks what it says "
        "most, jsd stands between them.",
        choices=("forward", "reverse", "jsd"),
        label="Comparison",
        when="Choose reverse if the small model rambles: it need not cover what it cannot.",
    )
    jsd_weight: float = option(
        0.5,
        "Where jsd stands between forward (near 0) and reverse (near 1).",
        low=0.01,
        high=0.99,
        label="Between the two",
    )
    temperature: float = option(
        1.0,
        "Above 1, what the teacher finds unlikely counts more.",
        low=0.1,
        high=20.0,
        label="Temperature",
        when="Try 2 if the teacher is very sure of everything.",
    )
    hard_weight: float = option(
        0.0,
        "Share of learning the answers in the data themselves, as SFT does, beside learning from the teacher.",
        low=0.0,
        high=1.0,
        label="Share of SFT",
    )
    teacher_top_k: int | None = option(
        None,
        "Ask the teacher once before training and keep its N likeliest tokens at every step, so that it need not "
        "stay in memory. What is left of its probability counts as one more token.",
        low=1,
        high=1_000_000,
        label="Keep the teacher's likeliest",
        unset="the teacher stays in memory and says everything",
        when="Set it to 32 or so if teacher and student do not fit in memory together.",
    )
    lmbda: float = option(
        0.0,
        "Share of the steps in which the student answers the questions itself and learns what the teacher would have "
        "said along the way (on-policy, GKD). The other steps take the answers in the data.",
        low=0.0,
        high=1.0,
        label="Share of its own answers",
        when="Try 0.5 if the student does well on the data's answers and loses its way in its own. Writing takes time.",
    )
    max_new_tokens: int = option(
        128,
        "Longest answer of its own in tokens; a longer one is cut off, and learned from up to there.",
        low=1,
        high=131_072,
        label="Longest own answer",
    )
    sampling_temperature: float = option(
        1.0,
        "How freely its own answers are drawn.",
        low=0.01,
        high=10.0,
        label="Freedom of its own answers",
    )


def check(o: Options) -> None:
    """Raises BadOption where an option would do nothing."""
    if o.jsd_weight != 0.5 and o.divergence != "jsd":
        raise BadOption(f"jsd_weight does nothing with {o.divergence}; use jsd.")
    if o.lmbda and o.teacher_top_k is not None:
        raise BadOption(
            "lmbda needs a teacher in memory, since one asked before training cannot judge answers written later: "
            "leave out teacher_top_k, or set lmbda to 0."
        )
    if o.lmbda == 1.0 and o.hard_weight:
        raise BadOption("hard_weight does nothing with lmbda 1, where no step takes the answers in the data.")
    usual = {option.name: option.default for option in describe(Options)}
    for name in ("max_new_tokens", "sampling_temperature"):
        if not o.lmbda and getattr(o, name) != usual[name]:
            raise BadOption(f"{name} does nothing without answers of its own: give lmbda, their share of the steps.")


def divergence(student: Any, teacher: Any, o: Options) -> Any:
    """How far the student is from the teacher at each target, [m] in nats, times temperature².

    student, teacher [m, K]: log-probabilities at `temperature` T of the whole vocabulary, or of the teacher's
    likeliest tokens and of all others together. The factor T² keeps gradients of one size at every temperature
    (Hinton et al., arXiv:1503.02531); TRL's GKDTrainer leaves it out.

    forward  KL(teacher ‖ student)
    reverse  KL(student ‖ teacher)
    jsd      w·KL(teacher ‖ mix) + (1 − w)·KL(student ‖ mix), mix = w·teacher + (1 − w)·student (arXiv:2306.13649)
    """
    import mlx.core as mx

    def kl(p: Any, q: Any) -> Any:
        return (mx.exp(p) * (p - q)).sum(-1)

    if o.divergence == "forward":
        far = kl(teacher, student)
    elif o.divergence == "reverse":
        far = kl(student, teacher)
    else:
        w = mx.array(o.jsd_weight)
        mix = mx.logaddexp(student + mx.log1p(-w), teacher + mx.log(w))
        far = w * kl(teacher, mix) + (1 - w) * kl(student, mix)
    return o.temperature**2 * far


def loss(logps: Any, ref: Any, batch: Any, o: Options) -> tuple[Any, dict[str, Any]]:
    """(1 − h)·mean divergence + h·mean negative log-likelihood over the targets, h the `hard_weight`.

    logps [N, T-1] are the student's, `ref` [N, T-1] holds the divergence at each target. Answers that the student
    wrote itself (`own` in batch.extra) are no example to follow: there the divergence counts alone.
    """
    count = batch.mask.sum()
    kl, hard = ref.sum() / count, -logps.sum() / count
    if OWN in batch.extra:
        return kl, {"own_kl": kl}
    return (1 - o.hard_weight) * kl + o.hard_weight * hard, {"kl": kl, "hard_loss": hard}


SPEC = Method(
    title="Distillation",
    goal="I have a large model and want its skill in a small one",
    summary="The small model learns from everything the large one would say, which teaches more than answers alone.",
    needs="A larger model with the same vocabulary, and questions with answers, from about 500.",
    cost="SFT, and one pass of the large model: at every step, or once before. Answers of its own take time to write.",
    paper="arXiv:1503.02531",
    data=TEXT,
    options=Options,
    loss=loss,
    check=check,
    learning_rate=2e-4,
    learning_rate_full=2e-5,
    divergence=divergence,
    on_policy_share=lambda o: o.lmbda,
)
