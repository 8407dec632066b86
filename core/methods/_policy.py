"""Options of the methods that learn from rewards (GRPO, DAPO): sampling, rewards, and the policy loss.

The model answers each prompt several times, and rewards score the answers. core.rollouts.advantages says how much
better each answer is than its group; _policy_loss.py has the loss.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from core.errors import BadOption
from core.options import option
from core.rewards import REASONING_WEIGHTS, RewardSettings, parse_weights
from core.rewards.judge import check_rewards as check_rewards
from core.text.sentence import say

LOSS_TYPES = ("grpo", "bnpo", "dr_grpo", "dapo")
SCALES = ("group", "batch", "none")


@dataclass(frozen=True)
class Options:
    """Options of the policy loss. A step takes `batch_size` × gradient accumulation prompts."""

    rewards: tuple[str, ...] = option(
        ("numeric=1",),
        "Rewards that score the answers, with their weights: numeric, exact, regex, length, json, format, tags, file.",
        basic=True,
        when="Name what you can check about a good answer; 'hone rewards' tells what each does.",
    )
    reasoning_rewards: bool = option(
        False,
        "Rewards for thinking before answering: right answers most, then the thinking format, then brevity.",
        label="Reasoning rewards",
        basic=True,
        when="Switch it on for a model that thinks between <think> and </think>. It takes the place of the rewards.",
    )
    reward_pattern: str = option("", "The regular expression that the reward 'regex' looks for in the answer.")
    reward_tags: tuple[str, ...] = option((), "The tags that the reward 'tags' looks for, once each.")
    reward_length: int = option(
        128,
        "Answer length in tokens up to which the reward 'length' is full; it falls to 0 at twice the length.",
        low=1,
    )
    reward_file: str = option(
        "",
        "Your own Python file for the reward 'file', with a function reward(answers, expected) that returns scores.",
        label="Reward file",
    )
    allow_reward_code: bool = option(
        False,
        "Allow the reward file to run, as it is now. It is Python code and can do whatever you can.",
        label="Allow the reward file",
    )
    reward_seconds: float = option(
        10.0, "Time limit of one call of the reward file, in seconds.", low=0.1, high=3600, label="Reward time limit"
    )
    group_size: int = option(
        8,
        "Answers sampled for each prompt (a group).",
        low=2,
        high=1024,
        basic=True,
        label="Group size",
        when="Raise it when in most groups all answers are wrong or all are right.",
    )
    max_completion_length: int = option(
        256,
        "Longest completion (answer) in tokens; a longer one is cut off.",
        low=1,
        high=131_072,
        basic=True,
        label="Longest answer",
        when="Raise it if many answers are cut off; lower it to save time.",
    )
    temperature: float = option(1.0, "Sampling temperature: higher is more varied.", low=0.01, high=10.0)
    top_p: float = option(
        1.0,
        "Nucleus sampling: sample among the likeliest tokens that together have this probability.",
        low=0.01,
        high=1.0,
    )
    top_k: int = option(0, "Sample among this many likeliest tokens. 0: among all.", low=0, high=1_000_000)
    min_p: float = option(
        0.0, "Sample among tokens at least this share as likely as the likeliest token.", low=0.0, high=1.0
    )
    loss_type: str = option(
        "grpo",
        "How token losses are averaged: per answer first (grpo), over all tokens of a batch (bnpo) or of the step "
        "(dapo), or divided by the longest answer's length (dr_grpo).",
        choices=LOSS_TYPES,
        label="Loss type",
    )
    scale_rewards: str = option(
        "group",
        "Advantages are divided by the standard deviation of the group's rewards, of the whole step's, or not at all.",
        choices=SCALES,
        labels={"group": "The group", "batch": "The whole step", "none": "Nothing"},
        label="Scale rewards by",
    )
    beta: float = option(
        0.0,
        "Weight of the KL penalty towards the reference. 0: no penalty, and no second forward pass.",
        low=0.0,
        high=10.0,
        label="Beta (KL penalty)",
        when="Raise it to about 0.04 if answers drift into odd language.",
    )
    use_bias_correction_kl: bool = option(
        True,
        "Multiply the KL by the importance ratio to the sampling policy, which makes its gradient that of the true KL.",
        label="Unbiased KL",
        when="Switch it off to compare with results from before DeepSeek-V3.2 (arXiv:2512.02556).",
    )
    reference: str | None = option(
        None,
        "Reference of the KL penalty: the model without its adapter, or with the adapter that training starts from.",
        choices=("base", "initial"),
        labels={"base": "Without its adapter", "initial": "As training starts"},
        unset="the adapter it starts from where one is given, else the base",
        label="KL reference",
    )
    num_iterations: int = option(
        1,
        "Optimizer steps on one set of answers. More steps learn more from them, while they grow stale (off-policy).",
        low=1,
        high=64,
        label="Iterations",
    )
    epsilon: float = option(
        0.2,
        "How far a token may become less likely before it is clipped: the probability ratio is at least 1 - epsilon.",
        low=0.0,
        high=1.0,
    )
    epsilon_high: float | None = option(
        None,
        "How far a token may become likelier before it is clipped: the probability ratio is at most 1 + this.",
        low=0.0,
        high=10.0,
        unset="as epsilon",
    )
    dynamic_sampling: bool = option(
        False,
        "Discard groups whose answers all have the same reward, the soft penalty for long ones aside, and sample other "
        "prompts in their place.",
        label="Dynamic sampling",
    )
    refills: int = option(
        3, "How many times at most other prompts are sampled to fill up a step.", low=0, high=100, label="Refills"
    )
    overlong_filter: bool = option(False, "Leave answers that were cut off out of the loss.", label="Overlong filter")
    overlong_buffer: int | None = option(
        0,
        "Soft penalty for long answers: it grows over this many tokens before the longest length. 0: none.",
        low=0,
        high=131_072,
        unset="a fifth of the longest answer",
        label="Overlong buffer",
    )
    overlong_penalty: float = option(
        1.0, "The soft penalty at the longest length.", low=0.0, high=100.0, label="Overlong penalty"
    )
    micro_batch_size: int = option(
        16,
        "Answers in one forward and backward pass.",
        low=1,
        high=4096,
        label="Micro-batch size",
        when="Lower it if memory runs out; a processor takes fewer by itself where answers are long.",
    )
    answers_at_once: int = option(
        64,
        "Answers that are sampled in one batch.",
        low=1,
        high=4096,
        label="Sampling batch size",
        when="Lower it if memory runs out; it is lowered by itself where the memory is known to be too small.",
    )
    eval_questions: int = option(
        100,
        "Held-out prompts answered at each evaluation, by greedy decoding, to see how many are solved.",
        low=0,
        high=100_000,
        label="Evaluation prompts",
    )
    replay: str | None = option(
        None,
        "Learn from the answers recorded in this samples.jsonl instead of sampling new ones.",
        unset="sample new answers",
        label="Replay file",
    )

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each reward, by name."""
        return dict(REASONING_WEIGHTS) if self.reasoning_rewards else parse_weights(self.rewards)

    @property
    def settings(self) -> RewardSettings:
        """What single rewards need to know."""
        return RewardSettings(
            pattern=self.reward_pattern,
            tags=self.reward_tags,
            length=self.reward_length,
            file=self.reward_file,
            seconds=self.reward_seconds,
            allow_code=self.allow_reward_code,
        )

    @property
    def buffer(self) -> int:
        """Tokens before the longest length over which the soft penalty grows."""
        return self.max_completion_length // 5 if self.overlong_buffer is None else self.overlong_buffer

    @property
    def upper(self) -> float:
        """Distance of the upper clipping bound from 1."""
        return self.epsilon if self.epsilon_high is None else self.epsilon_high


def idle(o: Options) -> Iterator[tuple[str, str]]:
    """(option, why) of each option that nothing reads beside the others."""
    if o.reasoning_rewards:
        yield "rewards", say("beside reasoning rewards, which take their place")
    if "length" not in o.weights:
        yield "reward_length", say("without the reward 'length'")
    if "file" not in o.weights:
        yield "reward_seconds", say("without the reward 'file'")
    if not o.beta:
        for name in ("reference", "use_bias_correction_kl"):
            yield name, say("without a KL penalty (beta)")
    if o.replay:  # with their rewards, from which the soft penalty is taken already
        unread = ("overlong_buffer", "overlong_penalty", "dynamic_sampling", "refills", "group_size")
        for name in ("top_p", "top_k", "min_p", *unread):
            yield name, say("where recorded answers are learned from")
        return
    if not o.dynamic_sampling:
        yield "refills", say("without dynamic sampling")
    if not o.buffer:
        yield "overlong_penalty", say("without an overlong buffer")


def check(o: Options) -> None:
    """Raises BadOption when two options contradict each other, or a reward lacks what it needs."""
    check_rewards(o.weights, o.settings)
    if o.buffer > o.max_completion_length:
        raise BadOption(say("overlong_buffer is longer than max_completion_length."))
