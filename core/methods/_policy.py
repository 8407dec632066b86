"""What GRPO and DAPO share: their options, the advantages of a group's answers, and the clipped policy loss.

The model answers each question several times; an answer's advantage is how much better it scored than the others
of its group. The loss makes the tokens of good answers likelier and those of bad ones less likely, as long as the
model has not moved too far from the one that wrote them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import BadOption
from core.options import option
from core.rewards import REASONING_WEIGHTS, RewardSettings, parse_weights
from core.rewards.judge import check_rewards as settle

if TYPE_CHECKING:  # what describes a run is read before the window stands, which does not wait for NumPy
    import numpy as np

LOSSES = ("grpo", "bnpo", "dr_grpo", "dapo")
SCALES = ("group", "batch", "none")


@dataclass(frozen=True)
class Options:
    """How answers are written, scored and learned from. A step asks `batch_size` × accumulation questions."""

    rewards: tuple[str, ...] = option(
        ("numeric=1",),
        "What scores the answers, each with its weight: numeric, exact, regex, length, json, format, tags, file.",
        basic=True,
        when="Name what you can check about a good answer; 'hone rewards' tells what each does.",
    )
    reasoning_rewards: bool = option(
        False,
        "Reward thinking before answering: right answers most, then the thinking format, then brevity.",
        label="Rewards for reasoning",
        basic=True,
        when="Switch it on for a model that thinks between <think> and </think>. It takes the place of the rewards.",
    )
    reward_pattern: str = option("", "The regular expression that the reward 'regex' looks for in the answer.")
    reward_tags: tuple[str, ...] = option((), "The tags that the reward 'tags' wants to see once each.")
    reward_length: int = option(
        128, "Tokens of an answer up to which the reward 'length' is full; it is gone at twice as many.", low=1
    )
    reward_file: str = option(
        "",
        "Your own Python file for the reward 'file', with a function reward(answers, expected) that returns scores.",
        label="Reward file",
    )
    allow_reward_code: bool = option(
        False, "Let the reward file run. It is Python code and can do whatever you can.", label="Allow the reward file"
    )
    reward_seconds: float = option(
        10.0, "Longest time that one call of the reward file may take.", low=0.1, high=3600, label="Reward time limit"
    )
    group_size: int = option(
        8,
        "Answers written to each question.",
        low=2,
        high=1024,
        basic=True,
        label="Answers per question",
        when="Raise it when most groups come out all wrong or all right.",
    )
    max_completion_length: int = option(
        256,
        "Longest answer in tokens; a longer one is cut off.",
        low=1,
        high=131_072,
        basic=True,
        label="Longest answer",
        when="Raise it if many answers are cut off; lower it to save time.",
    )
    temperature: float = option(1.0, "How freely answers are drawn.", low=0.01, high=10.0)
    top_p: float = option(1.0, "Draw among the likeliest tokens that together have this share.", low=0.01, high=1.0)
    top_k: int = option(0, "Draw among this many likeliest tokens. 0: among all.", low=0, high=1_000_000)
    min_p: float = option(0.0, "Draw among tokens at least this share as likely as the likeliest.", low=0.0, high=1.0)
    loss_type: str = option(
        "grpo",
        "What answers count by: each answer alike (grpo), each token of a batch (bnpo) or of the whole step (dapo), "
        "or each token over the longest length (dr_grpo).",
        choices=LOSSES,
        label="Loss",
    )
    scale_rewards: str = option(
        "group",
        "Advantages are measured in deviations of the group's rewards, of the whole step's, or as they are.",
        choices=SCALES,
        label="Scale advantages by",
    )
    beta: float = option(
        0.0,
        "Pull towards the model as it was (KL). 0: none, and no second pass.",
        low=0.0,
        high=10.0,
        label="KL to the start (beta)",
        when="Raise it to about 0.04 if answers drift into odd language.",
    )
    use_bias_correction_kl: bool = option(
        True,
        "Weigh the KL by the ratio to the sampling policy, which makes its gradient that of the true KL.",
        label="Unbiased KL",
        when="Switch it off to compare with results from before DeepSeek-V3.2 (arXiv:2512.02556).",
    )
    reference: str | None = option(
        None,
        "What the KL pulls towards: the model without its adapter, or with the adapter it starts from.",
        choices=("base", "initial"),
        unset="the adapter it starts from where one is given, else the base",
        label="KL reference",
    )
    num_iterations: int = option(
        1,
        "Updates from one set of answers. More learn more from each, at the cost of answers growing stale.",
        low=1,
        high=64,
        label="Updates per answers",
    )
    epsilon: float = option(0.2, "How far a token may become less likely before it stops counting.", low=0.0, high=1.0)
    epsilon_high: float | None = option(
        None, "How far a token may become likelier before it stops counting.", low=0.0, high=10.0, unset="as epsilon"
    )
    dynamic_sampling: bool = option(
        False,
        "Throw away groups whose answers all score the same, and ask other questions in their place.",
        label="Refill flat groups",
    )
    refills: int = option(
        3, "How often at most new questions are asked to refill a step.", low=0, high=100, label="Refills"
    )
    overlong_filter: bool = option(False, "Do not learn from answers that were cut off.", label="Leave out cut answers")
    overlong_buffer: int | None = option(
        0,
        "Soft punishment of long answers over the last so many tokens before the longest length. 0: none.",
        low=0,
        high=131_072,
        unset="a fifth of the longest answer",
        label="Overlong buffer",
    )
    overlong_penalty: float = option(
        1.0, "The punishment at the longest length.", low=0.0, high=100.0, label="Overlong penalty"
    )
    micro_batch_size: int = option(
        16,
        "Answers that go through the model together when learning.",
        low=1,
        high=4096,
        label="Answers learned together",
        when="Lower it if memory runs out.",
    )
    answers_at_once: int = option(
        64,
        "Answers that are written at the same time.",
        low=1,
        high=4096,
        label="Answers written together",
        when="Lower it if memory runs out; it is lowered by itself where the memory is known to be too small.",
    )
    eval_questions: int = option(
        100,
        "Held-out questions answered at each validation, without chance, to see how many are solved.",
        low=0,
        high=100_000,
        label="Questions at a validation",
    )
    replay: str | None = option(
        None,
        "Learn from the answers recorded in this samples.jsonl instead of writing new ones.",
        unset="write new answers",
        label="Replay file",
    )

    @property
    def weights(self) -> dict[str, float]:
        """The rewards and their weights."""
        return dict(REASONING_WEIGHTS) if self.reasoning_rewards else parse_weights(self.rewards)

    @property
    def settings(self) -> RewardSettings:
        return RewardSettings(
            pattern=self.reward_pattern,
            tags=self.reward_tags,
            length=self.reward_length,
            file=self.reward_file,
            seconds=self.reward_seconds,
        )

    @property
    def buffer(self) -> int:
        """Tokens over which long answers are punished."""
        return self.max_completion_length // 5 if self.overlong_buffer is None else self.overlong_buffer

    @property
    def upper(self) -> float:
        """The upper clipping bound's distance from 1."""
        return self.epsilon if self.epsilon_high is None else self.epsilon_high


def check(o: Options) -> None:
    """Raises BadOption when two options contradict each other, or a reward lacks what it needs."""
    settle(o.weights, o.settings)
    if o.reward_file and not o.allow_reward_code:
        raise BadOption("The reward file is Python code that will run; allow it with --allow-reward-code.")
    if o.buffer > o.max_completion_length:
        raise BadOption("overlong_buffer is longer than max_completion_length.")


def advantages(rewards: "np.ndarray", scale: str) -> "np.ndarray":
    """How much better each answer is than its group, [R, G] from rewards [R, G]; zero where they are all equal.

    (reward - mean) / (deviation + 1e-4), the deviation that of a sample (ddof 1), as TRL. An answer without a
    score (NaN) does not count for its group and has no advantage; nor has a place where a smaller group has none.
    """
    import numpy as np

    found = np.full_like(rewards, np.nan, dtype=np.float64)
    for i, group in enumerate(rewards):
        scored = group[~np.isnan(group)]
        if len(scored):
            found[i] = group - scored.mean()
        if scale == "group":
            found[i] /= _deviation(scored) + 1e-4
    if scale == "batch":
        found /= _deviation(rewards[~np.isnan(rewards)]) + 1e-4
    found[flat(rewards)] = 0.0
    return np.nan_to_num(found, nan=0.0)


def flat(rewards: "np.ndarray") -> "np.ndarray":
    """Which groups [R] have nothing to tell apart: all their scores are equal, or fewer than two are there."""
    import numpy as np

    spread = [group[~np.isnan(group)] for group in rewards]
    return np.array([len(g) < 2 or bool(np.ptp(g) <= 1e-9) for g in spread])


def _deviation(values: "np.ndarray") -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def overlong(lengths: Sequence[int], longest: int, buffer: int, penalty: float) -> list[float]:
    """The soft punishment of each length (DAPO, equation 13): 0 up to longest - buffer, then falling to -penalty."""
    if not buffer:
        return [0.0] * len(lengths)
    return [-penalty * min(1.0, max(0.0, (n - (longest - buffer)) / buffer)) for n in lengths]


def loss(logps: Any, ref: Any, batch: Any, o: Options) -> tuple[Any, dict[str, Any]]:
    """-min(ρA, clip(ρ, 1 - ε, 1 + ε_high) A) + β KL for each token, with ρ the ratio to the sampling policy.

    logps, ref [N, T-1], zero where batch.mask is zero. batch.extra: `sampled` [N, T-1], the log-probabilities that
    the tokens had when they were drawn; `advantage` [N]; `kept` and `mean_length`, both [N] and the same in every
    row: the share of the step's answers that are in its batches (those without any gradient need no pass), and
    the step's answer tokens for each of these. KL is e^d - d - 1 with d = ref - logps, times ρ unless that is
    switched off. A step's batches count by their rows, and give together what TRL's GRPOTrainer gives for the step.
    """
    import mlx.core as mx

    advantage, mask = batch.extra["advantage"][:, None], batch.mask
    ratio = mx.exp(logps - batch.extra["sampled"])  # [N, T-1]
    clipped = mx.clip(ratio, 1 - o.epsilon, 1 + o.upper)
    token = -mx.minimum(ratio * advantage, clipped * advantage)
    count = mx.maximum(mask.sum(), 1.0)
    outside = ((ratio < 1 - o.epsilon) & (advantage < 0)) | ((ratio > 1 + o.upper) & (advantage > 0))
    metrics = {"clipped": ((outside * mask).sum(), mask.sum())}
    if o.beta:
        d = ref - logps
        kl = (mx.exp(d) - d - 1) * (ratio if o.use_bias_correction_kl else 1.0)
        token = token + o.beta * kl
        metrics["kl"] = ((kl * mask).sum(), mask.sum())
    token, rows = token * mask, len(mask)
    kept = batch.extra["kept"][0]
    if o.loss_type == "grpo":
        value = (token.sum(-1) / mx.maximum(mask.sum(-1), 1.0)).mean() * kept
    elif o.loss_type == "bnpo":
        value = token.sum() / count
    elif o.loss_type == "dr_grpo":
        value = token.sum() / (rows * o.max_completion_length) * kept
    else:
        value = token.sum() / (rows * batch.extra["mean_length"][0])
    return value, metrics
