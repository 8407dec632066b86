"""Runs that learn from answers of their own, through the loop's real entry point: what they tell, keep and resume."""

import functools
import json
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from core.adapters import WEIGHTS
from core.data.tokenize.end_of_turn import EndOfTurn
from core.data.tokenize.tokenizer import load_tokenizer
from core.errors import BadData, Unavailable
from core.events import Evaluated, Finished, Sample, Started, Step, Warned
from core.rollouts import setup
from core.rollouts.samples_file import read_samples
from core.run import Run
from core.train import resume, train
from core.training.measure import measure
from tests.core.conftest import only

# What a random model can be scored by: some answers hold an early letter, some do not.
OWN = {
    "rewards": ["regex=1", "length=0.3"],
    "reward_pattern": "[a-h]",
    "reward_length": 5,
    "group_size": 4,
    "max_completion_length": 8,
    "micro_batch_size": 8,
    "eval_questions": 4,
}
TRAIN = {"steps": 4, "batch_size": 2, "eval_every": 2, "samples": 0, "learning_rate": 0.02, "warmup_steps": 0}

# A random model hardly ever ends an answer, so more tokens than the usual ones do.
ENDS = [2, *range(230, 280)]

Ask = Callable[..., Run]


@pytest.fixture(autouse=True)
def ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "find_end_of_turn", lambda tokenizer: EndOfTurn("", tuple(ENDS), added=False))


@pytest.fixture
def ask(model_folder: Path, tmp_path: Path) -> Ask:
    """A small run of GRPO; keyword names are the method's options, `train` and `method` aside."""
    file = tmp_path / "questions.jsonl"
    rows = [{"question": f"What is {n} + {n}?", "answer": f"secret-{n}"} for n in range(12)]
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))

    def make(output: str = "run", method: str = "grpo", train: Any = None, data: Any = None, **own: Any) -> Run:
        return Run.from_dict(
            {
                "method": method,
                "output": str(tmp_path / output),
                "backend": "cpu",
                "model": {"path": str(model_folder)},
                "data": {"path": str(file), "max_seq_len": 128, "eval_split": 0.3, **(data or {})},
                "train": {**TRAIN, **(train or {})},
                "options": {**OWN, **own},
            }
        )

    return make


def metrics_of(events: list[Any]) -> list[Any]:
    """What steps and validations say, times aside."""
    timings = {"sampling_seconds", "learning_seconds"}
    return [
        (
            type(e).__name__,
            e.step,
            e.tokens,
            {"loss": e.loss} | {k: v for k, v in e.metrics.items() if k not in timings},
        )
        for e in events
        if isinstance(e, Step | Evaluated)
    ]


def lines(run: Run) -> list[str]:
    return (Path(str(run.output)) / "samples.jsonl").read_text(encoding="utf-8").splitlines()


def weights(run: Run) -> dict[str, list[Any]]:
    return {k: v.tolist() for k, v in mx.load(str(Path(str(run.output)) / WEIGHTS)).items()}


def test_what_a_run_tells(ask: Ask) -> None:
    run = ask()
    events = list(train(run))
    assert (only(Started, events)[0].rows, only(Started, events)[0].eval_rows) == (8, 4)
    steps = only(Step, events)
    assert [s.step for s in steps] == [1, 2, 3, 4]
    for s in steps:
        assert {"reward", "reward_std", "reward_regex", "reward_length", "flat_groups", "clipped"} <= s.metrics.keys()
        assert {"entropy", "answer_length", "cut_off", "sampling_seconds", "learning_seconds"} <= s.metrics.keys()
        weighted_sum = s.metrics["reward_regex"] + 0.3 * s.metrics["reward_length"]
        assert s.metrics["reward"] == pytest.approx(weighted_sum) and 0 < s.metrics["answer_length"] <= 8
        assert "kl" not in s.metrics and math.isfinite(s.grad_norm)
    assert any(s.grad_norm > 0 for s in steps)
    assert [e.step for e in only(Evaluated, events)] == [0, 2, 4]
    for e in only(Evaluated, events):
        assert e.loss == 1 - e.metrics["solved"] and e.metrics["solved"] * 4 % 1 == 0
    last = only(Finished, events)[0]
    assert {"solved"} <= last.metrics_before.keys() & last.metrics_after.keys() and "unseen" in last.message
    resolved = json.loads((Path(str(run.output)) / "resolved.json").read_text())
    assert resolved["data"]["rollouts"]["answers_at_once"]["used"] == 64
    assert resolved["data"]["rollouts"]["rewards"] == {"regex": 1.0, "length": 0.3}


def test_samples_hold_every_answer_with_its_scores(ask: Ask, model_folder: Path) -> None:
    run = ask()
    list(train(run))
    groups = list(read_samples(Path(str(run.output)) / "samples.jsonl"))
    assert [g.step for g in groups] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert len({g.line for g in groups}) == 8  # every question once an epoch
    tokenizer = load_tokenizer(model_folder)
    for g in groups:
        assert len(g.rollouts) == 4 and sum(r.advantage for r in g.rollouts) == pytest.approx(0, abs=1e-6)
        for r in g.rollouts:
            assert r.logps is not None and len(r.logps) == len(r.ids) <= 8 and all(x <= 0 for x in r.logps)
            assert r.reward == pytest.approx(r.scores["regex"] + 0.3 * r.scores["length"])
            has_stop_token = r.ids[-1] in ENDS
            assert r.text == tokenizer.decode(list(r.ids[: len(r.ids) - has_stop_token]), skip_special_tokens=False)
            assert r.truncated is not has_stop_token


def test_the_prompt_never_holds_the_answer(ask: Ask, model_folder: Path) -> None:
    run = ask(train={"samples": 2, "sample_tokens": 8})
    events = list(train(run))
    tokenizer = load_tokenizer(model_folder)
    for g in read_samples(Path(str(run.output)) / "samples.jsonl"):
        prompt = tokenizer.decode(list(g.prompt_ids))
        assert g.expected.startswith("secret-") and "secret" not in prompt
        assert prompt == f"<|im_start|>user\n{g.prompt}<|im_end|>\n<|im_start|>assistant\n"
    assert all("secret" not in s.prompt and s.expected.startswith("secret-") for s in only(Sample, events))


def test_the_same_seed_gives_the_same_run_and_another_one_another(ask: Ask) -> None:
    runs = [ask(output=name, train={"seed": seed}) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    first, repeated, reseeded = (metrics_of(list(train(r))) for r in runs)
    assert first == repeated and weights(runs[0]) == weights(runs[1])
    assert first != reseeded


@pytest.mark.parametrize(
    ("method", "stop_at", "own"),
    [("grpo", 2, {"num_iterations": 2, "beta": 0.1}), ("grpo", 3, {"num_iterations": 2}), ("dapo", 1, {"refills": 1})],
)
def test_stopped_and_resumed_equals_unbroken(ask: Ask, method: str, stop_at: int, own: dict[str, Any]) -> None:
    unbroken_run, broken_run = ask(output="whole", method=method, **own), ask(output="broken", method=method, **own)
    unbroken = metrics_of(list(train(unbroken_run)))
    stop, first = threading.Event(), []
    for event in train(broken_run, stop):
        first.append(event)
        if isinstance(event, Step) and event.step == stop_at:
            stop.set()
    assert first[-1].reason == "stopped" and first[-1].step == stop_at
    second = list(resume(str(broken_run.output)))
    assert metrics_of(first) + metrics_of(second) == unbroken
    assert weights(broken_run) == weights(unbroken_run) and lines(broken_run) == lines(unbroken_run)


def test_killed_between_checkpoints_the_answers_since_are_written_again(ask: Ask) -> None:
    unbroken_run, killed_run = (ask(output=name, train={"save_every": 2}) for name in ("whole", "killed"))
    list(train(unbroken_run))
    events = train(killed_run)
    for event in events:
        if isinstance(event, Step) and event.step == 3:
            break
    events.close()  # type: ignore[attr-defined]
    with (Path(str(killed_run.output)) / "samples.jsonl").open("a") as file:
        file.write('{"step": 3, "pro')  # the line that was being written
    list(resume(str(killed_run.output)))
    assert weights(killed_run) == weights(unbroken_run) and lines(killed_run) == lines(unbroken_run)


def test_stopping_acts_between_tokens(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.rollouts import batch_generate

    stop, count, real = threading.Event(), [0], batch_generate.batch_generate

    def slow(*args: Any, **options: Any) -> Any:
        for finished in real(*args, **options):
            count[0] += 1
            if count[0] == 20:  # inside the second step's answers
                stop.set()
            yield finished

    run = ask(data={"eval_split": 0.0})
    monkeypatch.setattr(batch_generate, "batch_generate", slow)
    events = list(train(run, stop))
    assert count[0] == 20 and events[-1].reason == "stopped" and [s.step for s in only(Step, events)] == [1, 2]
    assert [json.loads(line)["step"] for line in lines(run)] == [1, 1, 2, 2]
    monkeypatch.setattr(batch_generate, "batch_generate", real)
    unbroken_run = ask(output="whole", data={"eval_split": 0.0})
    assert metrics_of(events) + metrics_of(list(resume(str(run.output)))) == metrics_of(list(train(unbroken_run)))


def test_replaying_the_recorded_answers_gives_the_same_run(ask: Ask) -> None:
    first = ask(output="first", beta=0.05, num_iterations=2)
    steps = only(Step, list(train(first)))
    replaying = ask(output="again", beta=0.05, num_iterations=2, replay=str(Path(str(first.output)) / "samples.jsonl"))
    assert [(s.loss, s.grad_norm) for s in only(Step, list(train(replaying)))] == [(s.loss, s.grad_norm) for s in steps]
    assert weights(replaying) == weights(first)


def test_a_replay_is_gone_through_once_unless_more_is_asked(ask: Ask) -> None:
    list(train(ask(output="first", train={"steps": 3})))
    run = ask(output="again", replay=str(Path(str(ask("first").output)) / "samples.jsonl"))
    assert only(Started, list(train(run.replace("train.steps", None))))[0].total_steps == 3


def test_a_replay_of_another_models_answers_is_refused(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "other.jsonl"
    file.write_text('{"prompt_ids": [1], "answers": [{"ids": [99999], "reward": 1.0}]}\n')
    with pytest.raises(BadData, match=r"other\.jsonl, line 1: a token that this model does not have"):
        list(train(ask(replay=str(file))))


@pytest.mark.parametrize("buffer", [0, 6])
def test_dynamic_sampling_replaces_flat_groups_and_tells_when_it_gives_up(ask: Ask, buffer: int) -> None:
    # No answer holds this, so that all of a group are as wrong: two refills, then the step goes on without a gradient.
    own = {"rewards": ["regex=1"], "reward_pattern": "\u2603", "overlong_buffer": buffer}
    run = ask(method="dapo", refills=2, train={"steps": 1}, **own)
    events = list(train(run))
    (step,) = only(Step, events)
    assert step.grad_norm == 0 and step.metrics["thrown_groups"] == 5
    is_flat = [len({a["reward"] for a in json.loads(line)["answers"]}) == 1 for line in lines(run)]
    assert step.metrics["flat_groups"] == sum(is_flat) / 6 and all(is_flat) == (buffer == 0)  # only some are as long
    assert [e.code for e in only(Warned, events) if "After 2 refills" in e.message] == ["refill"]
    groups = [json.loads(line) for line in lines(run)]
    assert [g["kept"] for g in groups] == [True] + [False] * 5

    options = {"overlong_buffer": buffer, "rewards": ["regex=1"], "refills": 20, "train": {"steps": 3}}
    refilled = ask(output="b", method="dapo", **options)
    for step in only(Step, list(train(refilled))):
        groups = [g for g in map(json.loads, lines(refilled)) if g["step"] == step.step and g["kept"]]
        assert len(groups) == 2 and all(len({a["rewards"]["regex"] for a in g["answers"]}) > 1 for g in groups)


def _collate_all_groups(collate: Any, *args: Any, skip_flat: bool, **options: Any) -> Any:
    return collate(*args, skip_flat=False, **options)


def test_flat_groups_left_out_of_the_pass_change_nothing(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.rollouts import rollouts

    own = {"rewards": ["regex=1"], "data": {"eval_split": 0.0}, "train": {"batch_size": 4, "steps": 2}}
    for loss_type in ("grpo", "dapo"):
        short = only(Step, list(train(ask(output=f"short-{loss_type}", loss_type=loss_type, **own))))
        assert any(0 < s.metrics["flat_groups"] < 1 for s in short)
        real = rollouts.collate_rollouts
        with monkeypatch.context() as patch:
            patch.setattr(rollouts, "collate_rollouts", functools.partial(_collate_all_groups, real))
            long = only(Step, list(train(ask(output=f"long-{loss_type}", loss_type=loss_type, **own))))
        assert [s.loss for s in short] == pytest.approx([s.loss for s in long], abs=1e-6)
        assert [s.grad_norm for s in short] == pytest.approx([s.grad_norm for s in long], rel=1e-4)


@pytest.mark.parametrize("method", ["grpo", "dapo"])
def test_a_dry_run_measures_steps_that_write_answers(ask: Ask, method: str) -> None:
    run, events = ask(method=method), []
    measuring = measure(run)
    with pytest.raises(StopIteration) as end:
        while True:
            events.append(next(measuring))
    assert end.value.value.step_seconds > 0 and not Path(str(run.output)).exists()


def test_a_reward_that_never_changes_is_noticed(ask: Ask) -> None:
    run = ask(rewards=["regex=1", "format=0.5"], train={"steps": 5})
    messages = [e.message for e in only(Warned, list(train(run))) if e.code == "constant-reward"]
    assert messages == ["The reward 'format' gave every answer of the first 5 rounds the score 0."]
    run = ask(output="b", rewards=["format=1"], reward_pattern="", train={"steps": 5})
    (message,) = [e.message for e in only(Warned, list(train(run))) if e.code == "constant-reward"]
    assert "every answer of the first 5 rounds got the same score (0)" in message


FAULTS = {
    "raises": "    raise ValueError('no')",
    "hangs": "    import time\n    time.sleep(60)",
    "gives NaN": "    return [float('nan')] * len(answers)",
    "gives too few": "    return [1.0]",
    "ends": "    import os\n    os._exit(1)",
}


def file_reward(tmp_path: Path, body: str) -> dict[str, Any]:
    file = tmp_path / "own.py"
    file.write_text(
        f"CALLS = []\ndef reward(answers):\n    CALLS.append(1)\n{body}\n    return [len(a) for a in answers]\n"
    )
    options = {"rewards": ["file=1"], "reward_pattern": "", "reward_file": str(file)}
    return options | {"allow_reward_code": True, "reward_seconds": 0.5}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_reward_file_that_never_works_ends_the_run_in_one_sentence(ask: Ask, tmp_path: Path, fault: str) -> None:
    with pytest.raises(BadData, match=r"own\.py") as error:
        list(train(ask(data={"eval_split": 0.0}, **file_reward(tmp_path, FAULTS[fault]))))
    assert "\n" not in str(error.value)


def test_a_reward_file_that_fails_at_times_costs_only_those_answers(ask: Ask, tmp_path: Path) -> None:
    own = file_reward(tmp_path, "    if len(CALLS) == 3:\n        raise ValueError('the third call')")
    events = list(train(ask(data={"eval_split": 0.0}, **own)))
    assert [s.step for s in only(Step, events)] == [1, 2, 3, 4]
    (message,) = [e.message for e in only(Warned, events) if e.code == "reward"]
    assert message.startswith("own.py, line 5: ValueError: the third call (at an answer to row")
    (failed_group,) = [g for g in map(json.loads, lines(ask())) if all(a["reward"] is None for a in g["answers"])]
    assert failed_group["step"] == 2 and not any(a["advantage"] for a in failed_group["answers"])


def test_scores_that_are_no_share_of_what_is_right_are_told_once(ask: Ask, tmp_path: Path) -> None:
    events = list(train(ask(data={"eval_split": 0.25}, **file_reward(tmp_path, ""))))  # it gives lengths
    (message,) = [e.message for e in only(Warned, events) if e.code == "reward-scale"]
    assert message.startswith("The reward file gives scores of up to ") and "counts as solved above 0.5" in message
    right_or_wrong = file_reward(tmp_path, "    return [float(len(a) > 2) for a in answers]")
    events = list(train(ask(output=str(tmp_path / "other"), data={"eval_split": 0.25}, **right_or_wrong)))
    assert "reward-scale" not in {e.code for e in only(Warned, events)}


def test_a_reward_file_that_fails_while_validating_is_told(ask: Ask, tmp_path: Path) -> None:
    own = file_reward(tmp_path, "    if len(CALLS) == 1:\n        raise ValueError('the first call')")
    events = list(train(ask(data={"eval_split": 0.25}, **own)))
    (message,) = [e.message for e in only(Warned, events) if e.code == "reward"]
    assert "the first call" in message
    assert message.endswith("It was asked about held-out questions: this validation is left out.")
    (finished,) = only(Finished, events)
    assert [e.step for e in only(Evaluated, events)] == [2, 4] and finished.loss_before is None
    assert finished.loss_after == 0 and "on unseen examples" not in finished.message


def test_a_validation_that_could_not_be_scored_is_no_best_and_ends_nothing(ask: Ask, tmp_path: Path) -> None:
    # Calls: 1 before training, one for each of two questions of a step, 6 behind step 2, 11 behind step 4.
    own = file_reward(
        tmp_path, "    if len(CALLS) == 6:\n        raise ValueError('the sixth call')\n    return [0.0] * len(answers)"
    )
    asked = ask(data={"eval_split": 0.25}, train={"eval_every": 2, "early_stop": 1}, **own)
    events = list(train(asked))
    assert [(e.step, e.loss, e.best) for e in only(Evaluated, events)] == [(0, 1, False), (4, 1, False)]
    (message,) = [e.message for e in only(Warned, events) if "held-out" in e.message]
    assert "the sixth call" in message and only(Finished, events)[0].step == 4


def test_the_third_death_of_a_reward_file_is_the_end_and_stands_in_the_report(ask: Ask, tmp_path: Path) -> None:
    marker = tmp_path / "has-run"
    body = f"    import os; from pathlib import Path; marker = Path({str(marker)!r})\n"
    body += "    if marker.exists():\n        os._exit(1)\n    marker.touch()"
    run = ask(data={"eval_split": 0.0}, train={"save_every": 1}, **file_reward(tmp_path, body))
    with pytest.raises(Unavailable, match="the 3rd time") as error:
        list(train(run))
    report = (Path(str(run.output)) / "report.md").read_text()
    assert str(error.value) in report and "- `options.reward_seconds = 0.5`" in report
    assert "| Steps | 1 in " in report and "it can go on from step 1 |" in report
    assert "- own.py ended" in report  # the deaths before it, as notes


def test_a_reward_file_that_stops_working_ends_the_run(ask: Ask, tmp_path: Path) -> None:
    own = file_reward(tmp_path, "    if len(CALLS) > 2:\n        raise ValueError('tired')")
    with pytest.raises(Unavailable, match=r"tired.* 3 times in a row"):
        list(train(ask(data={"eval_split": 0.0}, train={"steps": 6}, **own)))


def test_questions_without_an_answer_to_check_are_left_out(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    rows: list[dict[str, str]] = [{"question": f"{n}?", "answer": str(n) if n % 2 else ""} for n in range(8)]
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    own = {"rewards": ["numeric=1"], "reward_pattern": "", "data": {"path": str(file), "eval_split": 0.0}}
    events = list(train(ask(train={"steps": 1}, **own)))
    assert only(Started, events)[0].rows == 4
    file.write_text("".join(json.dumps({"question": f"{n}?"}) + "\n" for n in range(4)))
    with pytest.raises(BadData, match="no row has an answer to check against, which the reward 'numeric' needs"):
        list(train(ask(output="b", **own)))


def test_questions_that_leave_no_room_for_an_answer(ask: Ask) -> None:
    with pytest.raises(BadData, match="leave room for an answer of 60 tokens within 64"):
        list(train(ask(max_completion_length=60, data={"max_seq_len": 64})))


# Every option of its own makes a difference to what the run tells or leaves.
CHANGED_VALUES: dict[str, Any] = {
    "rewards": ["regex=1"],
    "reasoning_rewards": True,
    "reward_pattern": "[^a-z]",
    "reward_length": 2,
    "group_size": 3,
    "max_completion_length": 6,
    "temperature": 1.5,
    "top_p": 0.5,
    "top_k": 3,
    "min_p": 0.5,
    "loss_type": "dr_grpo",
    "scale_rewards": "none",
    "beta": 0.5,
    "num_iterations": 2,
    "epsilon": 0.01,
    "epsilon_high": 0.01,
    "use_bias_correction_kl": False,
    "reference": "base",
    "dynamic_sampling": True,
    "refills": 0,
    "overlong_filter": True,
    "overlong_buffer": 4,
    "overlong_penalty": 0.3,
    "micro_batch_size": 4,
    "answers_at_once": 3,
    "eval_questions": 2,
}
OTHER_OPTIONS: dict[str, dict[str, Any]] = {
    "reasoning_rewards": {"reward_pattern": "", "rewards": ["length=1"]},
    "micro_batch_size": {"loss_type": "bnpo"},
    "epsilon": {"num_iterations": 2},
    "epsilon_high": {"num_iterations": 2},
    "use_bias_correction_kl": {"num_iterations": 2, "beta": 0.5},
    "reference": {"beta": 0.5},
    "refills": {"dynamic_sampling": True, "rewards": ["regex=1"]},
    "dynamic_sampling": {"rewards": ["regex=1"]},
    "overlong_penalty": {"overlong_buffer": 4},
}
# Tested above, where they must change nothing, or with the rewards.
TESTED_ELSEWHERE = {"reward_tags", "reward_file", "allow_reward_code", "reward_seconds", "replay"}


def test_every_option_is_here() -> None:
    from core.methods.grpo import Options
    from core.options import describe

    assert set(CHANGED_VALUES) | TESTED_ELSEWHERE == {o.name for o in describe(Options)}


START = {"train": {"steps": 2, "eval_every": 2}}


@pytest.fixture(scope="module")
def unchanged() -> dict[str, list[Any]]:
    """What runs without a change tell, by what stands beside it: many options share one such run."""
    return {}


def usual(ask: Ask, unchanged: dict[str, list[Any]], name: str) -> list[Any]:
    """What the run tells that an option's change is compared with."""
    own = OTHER_OPTIONS.get(name, {})
    key = json.dumps(own)
    if key not in unchanged:
        unchanged[key] = metrics_of(list(train(ask(output="usual", **START, **own))))
    return unchanged[key]


@pytest.mark.parametrize("name", ["group_size", "epsilon", "refills"])
def test_without_a_change_there_is_no_difference(ask: Ask, unchanged: dict[str, list[Any]], name: str) -> None:
    """Nor in another folder and at another time, so that a difference below is the option's."""
    repeated = metrics_of(list(train(ask(output="again", **START, **OTHER_OPTIONS.get(name, {})))))
    assert usual(ask, unchanged, name) == repeated


@pytest.mark.parametrize("name", CHANGED_VALUES)
def test_an_option_makes_a_difference(ask: Ask, tmp_path: Path, unchanged: dict[str, list[Any]], name: str) -> None:
    own = OTHER_OPTIONS.get(name, {})
    changed_run = ask(output="changed", **START, **{**own, name: CHANGED_VALUES[name]})
    if name == "reference":  # an adapter to start from, which is not the base
        list(train(ask(output="adapter", **START)))
        usual_run, changed_run = (
            r.replace("adapter.init", str(tmp_path / "adapter"))
            for r in (ask(output="usual", **START, **own), changed_run)
        )
        assert metrics_of(list(train(usual_run))) != metrics_of(list(train(changed_run)))
        return
    usual_metrics, changed_metrics = usual(ask, unchanged, name), metrics_of(list(train(changed_run)))
    if name == "answers_at_once":  # a matter of memory alone
        facts = json.loads((tmp_path / "changed" / "resolved.json").read_text())
        assert facts["data"]["rollouts"]["answers_at_once"]["used"] == 3
        changed_rewards = [s[3]["reward"] for s in changed_metrics if s[0] == "Step"]
        assert changed_rewards == [s[3]["reward"] for s in usual_metrics if s[0] == "Step"]
        return
    assert usual_metrics != changed_metrics


@pytest.mark.parametrize(
    "sections",
    [
        {"adapter": {"type": "full"}},
        {"adapter": {"type": "dora", "rank": 4}},
        {"adapter": {"rank": 4, "dropout": 0.2}, "model": {"quantization": "nf4"}},
    ],
)
def test_whatever_is_trained_moves_away_from_its_reference(ask: Ask, sections: dict[str, Any]) -> None:
    run = ask(beta=0.1, train={"steps": 2}, data={"eval_split": 0.0})
    for section, values in sections.items():
        for name, value in values.items():
            run = run.replace(f"{section}.{name}", value)
    first, second = only(Step, list(train(run)))
    # Nothing has moved at the first step; dropout, which is off while the reference is asked, moves a little.
    assert abs(first.metrics["kl"]) < (0.05 if run.adapter.dropout else 1e-6)
    assert second.metrics["kl"] > 1e-6 and second.grad_norm > 0


@pytest.mark.parametrize("validation", [1, 2])  # the validation before training, and the first after it
def test_stopping_a_validation_leaves_it_for_later(ask: Ask, monkeypatch: pytest.MonkeyPatch, validation: int) -> None:
    from core.rollouts import batch_generate

    stop, validations, real = threading.Event(), [0], batch_generate.batch_generate

    def counting(*args: Any, **options: Any) -> Any:
        validations[0] += options["group_size"] == 1
        for n, finished in enumerate(real(*args, **options)):
            if n == 3 and options["group_size"] == 1 and validations[0] == validation:
                stop.set()
            yield finished

    unbroken_run, run = ask(output="whole"), ask(output="stopped")
    unbroken = metrics_of(list(train(unbroken_run)))
    monkeypatch.setattr(batch_generate, "batch_generate", counting)
    first = list(train(run, stop))
    assert first[-1].reason == "stopped" and first[-1].step == 2 * (validation - 1)
    assert [e.step for e in only(Evaluated, first)] == [0][: validation - 1]
    monkeypatch.setattr(batch_generate, "batch_generate", real)
    assert metrics_of(first) + metrics_of(list(resume(str(run.output)))) == unbroken
    assert weights(run) == weights(unbroken_run)
