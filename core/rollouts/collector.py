"""The groups of answers for one step: asked, scored, and where they have nothing to tell, replaced."""

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.methods._policy import Options, advantages, flat, overlong
from core.rewards.answer import THINK_START, Answer
from core.rewards.judge import RewardScorer
from core.rollouts import SamplingStopped
from core.rollouts.batch_generate import Completion, batch_generate
from core.rollouts.prompts import Prompt
from core.rollouts.samples_file import Rollout, RolloutGroup
from core.rollouts.sampling import SamplingParams


@dataclass
class CollectedGroups:
    """What a step learns from, and all that was asked for it."""

    kept: list[RolloutGroup]
    thrown: list[RolloutGroup]
    seconds: float
    problems: list[str]  # of a person's own reward
    gave_up: bool = False  # groups without a difference stayed after the last refill


class Collector:
    """Asks the model. Build and use it on the thread that owns the model."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        o: Options,
        judge: RewardScorer,
        *,
        stop_tokens: Sequence[int],
        at_once: int,
        batched: bool,
        stop: threading.Event,
    ) -> None:
        self.model, self.tokenizer, self.o, self.judge = model, tokenizer, o, judge
        self.stop_tokens, self.at_once, self.batched, self.stop = tuple(stop_tokens), at_once, batched, stop

    def collect(
        self,
        step: int,
        places: Sequence[int],
        rows: Sequence[Prompt],
        seed: Sequence[int],
        more: Callable[[int, int], Sequence[int]],
    ) -> CollectedGroups:
        """The answers to the questions at `places` of `rows`. `more(round, count)` names others for a refill.

        Raises Stopped between two tokens when the run is asked to stop.
        """
        began, o = time.perf_counter(), self.o
        kept, thrown, problems = list[RolloutGroup](), list[RolloutGroup](), list[str]()
        wanted, round_ = len(places), 0
        while True:
            asked = self._ask(step, places, rows, [*seed, round_], problems)
            if not o.dynamic_sampling:
                return CollectedGroups(asked, [], time.perf_counter() - began, problems)
            same = flat(reward_matrix(asked))
            thrown += [replace(a, kept=False) for a, s in zip(asked, same, strict=True) if s]
            kept += [a for a, s in zip(asked, same, strict=True) if not s]
            missing = wanted - len(kept)
            if not missing or round_ == o.refills:
                break
            round_ += 1
            places = more(round_, missing)
        if not kept:  # a step without any gradient is still a step
            kept, thrown = [replace(thrown[0], kept=True)], thrown[1:]
        return CollectedGroups(kept, thrown, time.perf_counter() - began, problems, gave_up=missing > 0)

    def _ask(
        self, step: int, places: Sequence[int], rows: Sequence[Prompt], seed: Sequence[int], problems: list[str]
    ) -> list[RolloutGroup]:
        o = self.o
        sampling = SamplingParams(o.temperature, o.top_p, o.top_k, o.min_p, o.max_completion_length)
        prompts = [rows[i].tokens for i in places]
        groups: list[list[Completion | None]] = [[None] * o.group_size for _ in places]
        for finished in batch_generate(
            self.model,
            prompts,
            sampling,
            stop_tokens=self.stop_tokens,
            group=o.group_size,
            at_once=self.at_once,
            seed=seed,
            batched=self.batched,
        ):
            if self.stop.is_set():
                raise SamplingStopped
            for w in finished:
                groups[w.prompt][w.member] = w
        found = []
        for i, group in zip(places, groups, strict=True):
            replies, problem = self._score(rows[i], [w for w in group if w is not None])
            if problem:
                problems.append(problem)
            query = rows[i]
            found.append(RolloutGroup(step, query.tokens, replies, query.prompt, query.expected, query.line, i))
        return found

    def _score(self, query: Prompt, group: Sequence[Completion]) -> tuple[tuple[Rollout, ...], str]:
        o = self.o
        texts = [self.text(w.tokens) for w in group]
        answers = [self._answer(query, text, w) for text, w in zip(texts, group, strict=True)]
        judged = self.judge(answers)
        punished = overlong([len(w.tokens) for w in group], o.max_completion_length, o.buffer, o.overlong_penalty)
        replies = []
        for w, text, verdict, less in zip(group, texts, judged.verdicts, punished, strict=True):
            scores = {name: s.value for name, s in verdict.scores.items()}
            if o.buffer:
                scores["overlong"] = less
            replies.append(
                Rollout(
                    ids=w.tokens,
                    reward=math.nan if verdict.total is None else verdict.total + less,
                    logps=w.logps,
                    text=text,
                    cut=w.cut,
                    entropy=w.entropy,
                    scores=scores,
                    why={name: s.why for name, s in verdict.scores.items()},
                )
            )
        return tuple(replies), judged.problem

    def _answer(self, query: Prompt, text: str, w: Completion) -> Answer:
        asked = self.tokenizer.decode(list(query.tokens[-8:]), skip_special_tokens=False)
        opened = asked.rstrip().endswith(THINK_START)
        return Answer(text, query.expected, query.prompt, len(w.tokens), w.cut, query.line, opened)

    def text(self, ids: Sequence[int]) -> str:
        """An answer's text, without its stop token; tags that are tokens of their own stay."""
        end = len(ids) - (ids[-1] in self.stop_tokens)
        return str(self.tokenizer.decode(list(ids[:end]), skip_special_tokens=False))

    def greedy(self, queries: Sequence[Prompt]) -> list[Answer]:
        """The likeliest answer to each question. Raises Stopped as collect() does."""
        sampling = SamplingParams(0.0, max_tokens=self.o.max_completion_length)
        found: list[Answer] = [Answer("")] * len(queries)
        for finished in batch_generate(
            self.model,
            [q.tokens for q in queries],
            sampling,
            stop_tokens=self.stop_tokens,
            at_once=self.at_once,
            batched=self.batched,
        ):
            if self.stop.is_set():
                raise SamplingStopped
            for w in finished:
                found[w.prompt] = self._answer(queries[w.prompt], self.text(w.tokens), w)
        return found


def reward_matrix(asked: Sequence[RolloutGroup]) -> np.ndarray:
    """The groups' rewards, [R, G], with NaN where a group has fewer answers."""
    width = max(len(a.replies) for a in asked)
    return np.array([a.rewards + [math.nan] * (width - len(a.replies)) for a in asked])


def add_advantages(asked: Sequence[RolloutGroup], scale: str) -> tuple[list[RolloutGroup], np.ndarray]:
    """The groups with each answer's advantage, and the advantages [R, G]."""
    found = advantages(reward_matrix(asked), scale)
    told = [
        replace(a, replies=tuple(replace(r, advantage=float(x)) for r, x in zip(a.replies, row, strict=False)))
        for a, row in zip(asked, found, strict=True)
    ]
    return told, found


def group_metrics(asked: Sequence[RolloutGroup]) -> dict[str, float]:
    """The metrics of some groups of answers, by the names that curves have."""
    replies = [r for a in asked for r in a.replies]
    rewards = np.array([r.reward for r in replies])
    scored = rewards[~np.isnan(rewards)]
    found = {}
    if len(scored):
        found["reward"] = float(scored.mean())
        found["reward_std"] = float(scored.std(ddof=1)) if len(scored) > 1 else 0.0
    names: Iterable[str] = dict.fromkeys(name for r in replies for name in r.scores)
    for name in names:
        found[f"reward_{name}"] = float(np.mean([r.scores[name] for r in replies if name in r.scores]))
    found["flat_groups"] = float(flat(reward_matrix(asked)).mean())
    found["entropy"] = float(np.average([r.entropy for r in replies], weights=[len(r.ids) for r in replies]))
    found["answer_length"] = float(np.mean([len(r.ids) for r in replies]))
    found["cut_off"] = float(np.mean([r.cut for r in replies]))
    return found
