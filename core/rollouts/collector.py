"""The groups of one sampling: prompts completed by the model, scored, and flat groups replaced by others."""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np

from core.data.tokenize.end_of_turn import find_end_of_turn
from core.distributed.group import Group
from core.methods._policy import Options
from core.rewards.answer import THINK_START, Answer
from core.rewards.judge import RewardScorer
from core.rollouts.advantages import compute_advantages, find_flat_groups, overlong_penalties
from core.rollouts.batch_generate import Completion, CompletionGenerator
from core.rollouts.prompts import Prompt
from core.rollouts.samples_file import OVERLONG, Rollout, RolloutGroup, parse_group
from core.rollouts.sampling import SamplingParams


@dataclass
class CollectedGroups:
    """The groups that a step learns from, and those that were dropped in their favour."""

    groups: list[RolloutGroup]
    dropped_groups: list[RolloutGroup]
    seconds: float
    problems: list[str]  # sentences: what went wrong in a person's reward file
    incomplete: bool = False  # groups without a difference remained after the last refill


class Collector:
    """Samples groups of completions and scores them. Use it on the thread that owns the model."""

    def __init__(
        self,
        generator: CompletionGenerator,
        tokenizer: Any,
        options: Options,
        scorer: RewardScorer,
        group: Group | None = None,
    ) -> None:
        """`group` are the ranks that the prompts are spread over: each completes some of them for all."""
        self.generator, self.tokenizer, self.options, self.scorer = generator, tokenizer, options, scorer
        self.group = group or Group()

    def collect(
        self,
        step: int,
        indices: Sequence[int],
        prompts: Sequence[Prompt],
        seed: Sequence[int],
        draw_refill: Callable[[int, int], Sequence[int]],
    ) -> CollectedGroups:
        """A group of completions for the prompt at each of `indices`, scored.

        With dynamic sampling, undecided groups are dropped, and `draw_refill(round, count)` gives the indices of other
        prompts to take their place. Raises SamplingStopped between two tokens when the run is asked to stop.
        """
        start, options = time.perf_counter(), self.options
        groups, dropped_groups, problems = list[RolloutGroup](), list[RolloutGroup](), list[str]()
        target, refill = len(indices), 0
        while True:
            sampled = self._sample_groups(step, indices, prompts, [*seed, refill], problems)
            if not options.dynamic_sampling:
                return CollectedGroups(sampled, [], time.perf_counter() - start, problems)
            is_flat = find_undecided_groups(sampled)
            dropped_groups += [replace(g, trained_on=False) for g, flat in zip(sampled, is_flat, strict=True) if flat]
            groups += [group for group, flat in zip(sampled, is_flat, strict=True) if not flat]
            missing = target - len(groups)
            if not missing or refill == options.refills:
                break
            refill += 1
            indices = draw_refill(refill, missing)
        if not groups:  # a step without any gradient is still a step
            groups, dropped_groups = [replace(dropped_groups[0], trained_on=True)], dropped_groups[1:]
        return CollectedGroups(groups, dropped_groups, time.perf_counter() - start, problems, incomplete=missing > 0)

    def greedy_answers(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """The greedy completion of each prompt. Raises SamplingStopped as `collect` does."""
        params = SamplingParams(0.0, max_tokens=self.options.max_completion_length)
        answers: list[Answer] = [Answer("")] * len(prompts)
        tokens, mine = [prompt.tokens for prompt in prompts], self._mine(len(prompts))
        written = [astuple(completion) for completion in self.generator.generate(tokens, params, only=mine)]
        for values in itertools.chain.from_iterable(self.group.gather(written)):
            completion = Completion(*values)
            prompt = prompts[completion.prompt_index]
            answers[completion.prompt_index] = self._build_answer(prompt, self.decode(completion.tokens), completion)
        return answers

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of a completion without what ends it; tags that are special tokens stay in it."""
        end = len(tokens) - (tokens[-1] in self.generator.stop_tokens)
        text = str(self.tokenizer.decode(list(tokens[:end]), skip_special_tokens=False))
        return find_end_of_turn(self.tokenizer).cut(text)

    def _sample_groups(
        self, step: int, indices: Sequence[int], prompts: Sequence[Prompt], seed: Sequence[int], problems: list[str]
    ) -> list[RolloutGroup]:
        """The scored groups of the prompts at `indices`; problems of a reward file are appended to `problems`."""
        o = self.options
        params = SamplingParams(o.temperature, o.top_p, o.top_k, o.min_p, o.max_completion_length)
        by_prompt: list[dict[int, Completion]] = [{} for _ in indices]
        tokens, mine = [prompts[i].tokens for i in indices], self._mine(len(indices))
        for completion in self.generator.generate(tokens, params, group_size=o.group_size, seed=seed, only=mine):
            by_prompt[completion.prompt_index][completion.sample_index] = completion
        groups, found = dict[int, RolloutGroup](), dict[int, str]()
        for n in mine:
            prompt, completions = prompts[indices[n]], by_prompt[n]
            rollouts, problem = self._score(prompt, [completions[k] for k in sorted(completions)])
            if problem:
                found[n] = problem
            groups[n] = RolloutGroup(
                step, prompt.tokens, rollouts, prompt.text, prompt.expected, prompt.line, indices[n]
            )
        groups, found = self._exchange(groups, found)
        problems += [found[n] for n in sorted(found)]
        return [groups[n] for n in range(len(indices))]

    def _mine(self, count: int) -> list[int]:
        """Which of so many prompts this rank completes."""
        return list(range(self.group.rank, count, self.group.size))

    def _exchange(
        self, groups: dict[int, RolloutGroup], problems: dict[int, str]
    ) -> tuple[dict[int, RolloutGroup], dict[int, str]]:
        """The groups and problems of all ranks, by the place of their prompt."""
        if self.group.size == 1:
            return groups, problems
        written = [(n, group.to_json(), problems.get(n, "")) for n, group in groups.items()]
        everything = list(itertools.chain.from_iterable(self.group.gather(written)))
        groups = {n: parse_group(line, f"Question {n}") for n, line, _ in everything}
        return groups, {n: problem for n, _, problem in everything if problem}

    def _score(self, prompt: Prompt, completions: Sequence[Completion]) -> tuple[tuple[Rollout, ...], str]:
        """(the completions of a prompt with their rewards, a sentence where a reward file failed)."""
        o = self.options
        texts = [self.decode(completion.tokens) for completion in completions]
        result = self.scorer([self._build_answer(prompt, t, c) for t, c in zip(texts, completions, strict=True)])
        lengths = [len(completion.tokens) for completion in completions]
        penalties = overlong_penalties(lengths, o.max_completion_length, o.buffer, o.overlong_penalty)
        rollouts = []
        for completion, text, scored, penalty in zip(completions, texts, result.scored_answers, penalties, strict=True):
            scores = {name: score.value for name, score in scored.scores.items()}
            if o.buffer:
                scores[OVERLONG] = penalty
            rollouts.append(
                Rollout(
                    ids=completion.tokens,
                    reward=math.nan if scored.total is None else scored.total + penalty,
                    logps=completion.logps,
                    text=text,
                    truncated=completion.truncated,
                    entropy=completion.entropy,
                    scores=scores,
                    reasons={name: score.reason for name, score in scored.scores.items()},
                )
            )
        return tuple(rollouts), result.problem

    def _build_answer(self, prompt: Prompt, text: str, completion: Completion) -> Answer:
        """A completion as the rewards see it."""
        prompt_end = self.tokenizer.decode(list(prompt.tokens[-8:]), skip_special_tokens=False)
        return Answer(
            text,
            prompt.expected,
            prompt.text,
            tokens=len(completion.tokens),
            truncated=completion.truncated,
            line=prompt.line,
            thinking_opened=prompt_end.rstrip().endswith(THINK_START),
        )


def reward_matrix(rewards: Sequence[list[float]]) -> np.ndarray:
    """The rewards of R groups, [R, G], with NaN where a group has fewer than G completions or one has no reward."""
    width = max(map(len, rewards))
    return np.array([group + [math.nan] * (width - len(group)) for group in rewards])


def find_undecided_groups(groups: Sequence[RolloutGroup]) -> np.ndarray:
    """[R]: True for a group whose completions are equally good, which dynamic sampling replaces (DAPO, equation 11).

    What they differ by may be the soft penalty of long ones: from it alone wrong answers would learn to be short.
    """
    return find_flat_groups(reward_matrix([group.unpenalized_rewards for group in groups]))


def add_advantages(groups: Sequence[RolloutGroup], o: Options) -> tuple[list[RolloutGroup], np.ndarray]:
    """(R groups whose completions have their advantage, the advantages [R, G])."""
    advantages = compute_advantages(reward_matrix([group.rewards for group in groups]), o.scale_rewards)
    if o.dynamic_sampling:  # where none could take its place
        advantages[find_undecided_groups(groups)] = 0.0
    updated = []
    for group, row in zip(groups, advantages, strict=True):
        rollouts = tuple(replace(r, advantage=float(value)) for r, value in zip(group.rollouts, row, strict=False))
        updated.append(replace(group, rollouts=rollouts))
    return updated, advantages


def group_metrics(groups: Sequence[RolloutGroup]) -> dict[str, float]:
    """The metrics of some groups, by the names that the charts know."""
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    rewards = np.array([rollout.reward for rollout in rollouts])
    scored = rewards[~np.isnan(rewards)]
    metrics = {}
    if len(scored):
        metrics["reward"] = float(scored.mean())
        metrics["reward_std"] = float(scored.std(ddof=1)) if len(scored) > 1 else 0.0
    names: Iterable[str] = dict.fromkeys(name for rollout in rollouts for name in rollout.scores)
    for name in names:
        metrics[f"reward_{name}"] = float(np.mean([r.scores[name] for r in rollouts if name in r.scores]))
    metrics["flat_groups"] = float(find_flat_groups(reward_matrix([group.rewards for group in groups])).mean())
    metrics["entropy"] = float(np.average([r.entropy for r in rollouts], weights=[len(r.ids) for r in rollouts]))
    metrics["answer_length"] = float(np.mean([len(r.ids) for r in rollouts]))
    metrics["cut_off"] = float(np.mean([r.truncated for r in rollouts]))
    return metrics
