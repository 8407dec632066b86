"""hone rewards: what can score answers, and how they score the ones you try."""

import json
from typing import Any

from core import methods
from core.cli import Print
from core.errors import BadOption
from core.options import Option, describe, parse

# The options of a run that a reward needs to be tried.
NAMES = ("rewards", "reasoning_rewards", "reward_pattern", "reward_tags", "reward_length", "reward_file")
ALLOWED = ("allow_reward_code", "reward_seconds")


def add(commands: Any) -> None:
    with_rewards = sorted((s for s in methods.load().values() if s.on_policy), key=lambda spec: spec.group_rank)
    names = " and ".join(f"hone {spec.name}" for spec in with_rewards)
    command = commands.add_parser(
        "rewards",
        help="List the rewards, or try them on answers.",
        description=f"What scores the answers of {names}.",
    )
    command.add_argument("--json", action="store_true", help="Print JSON.")
    command.set_defaults(command=listed)
    actions = command.add_subparsers(dest="action", metavar="ACTION")
    trial = actions.add_parser("try", help="Score answers and say why.", description="Score answers and say why.")
    trial.add_argument("--answer", action="append", metavar="TEXT", help="An answer; may be given several times.")
    trial.add_argument("--expected", default="", metavar="TEXT", help="What the answers are checked against.")
    trial.add_argument("--prompt", default="", metavar="TEXT", help="The question, for a reward file that wants it.")
    for o in _options():
        if o.type is bool:
            trial.add_argument(o.flag, action="store_true", help=o.help)
        else:
            trial.add_argument(o.flag, metavar="TEXT", help=o.help)
    trial.add_argument("--json", action="store_true", help="Print JSON.")
    trial.set_defaults(command=tried)


def listed(args: Any, out: Print) -> int:
    """Every reward and what it checks."""
    from core.rewards import REWARDS

    if args.json:
        facts = {name: {"title": r.title, "checks": r.sentence} for name, r in REWARDS.items()}
        out(json.dumps(facts, indent=2, ensure_ascii=False))
        return 0
    for name, reward in REWARDS.items():
        out(f"{name:<8} {reward.title}: {reward.sentence}")
    out("Try them: hone rewards try --rewards numeric=1,format=0.2 --expected 5 --answer 'It is 5.'")
    return 0


def tried(args: Any, out: Print) -> int:
    """The given answers' scores, with the reasons."""
    from core.data.tokenize.tokenizer import load_tokenizer
    from core.methods._policy import Options, check
    from core.resources import STARTER
    from core.rewards import Answer
    from core.rewards.judge import attempt

    if not args.answer:
        raise BadOption("Give at least one --answer to score.")
    given = {}
    for o in _options():
        value = getattr(args, o.name)
        if value not in (None, False):
            given[o.name] = value if o.type is bool else parse(o, value)
    asked = Options(**given)
    check(asked)
    tokenizer = load_tokenizer(STARTER)  # lengths in its tokens
    answers = [
        Answer(text, args.expected, args.prompt, len(tokenizer.encode(text)), line=n, opened=_opened(text))
        for n, text in enumerate(args.answer, 1)
    ]
    judged = attempt(asked.weights, asked.settings, answers)
    if args.json:
        out(json.dumps([_plain(a, v) for a, v in zip(answers, judged.verdicts, strict=True)], ensure_ascii=False))
        return 0
    for answer, verdict in zip(answers, judged.verdicts, strict=True):
        out(" ".join(answer.text.split())[:100])
        for name, score in verdict.scores.items():
            out(f"  {name:<8} {score.value:6.2f} × {asked.weights[name]:g}  {score.why}")
        out(f"  {'total':<8} {'none' if verdict.total is None else f'{verdict.total:6.2f}'}")
    if judged.problem:
        raise BadOption(judged.problem)
    return 0


def _opened(text: str) -> bool:
    """Whether an answer looks as if its template had opened the thought."""
    from core.rewards.answer import THINK, THOUGHT

    return THOUGHT in text and THINK not in text


def _options() -> list[Option]:
    from core.methods._policy import Options

    return [o for o in describe(Options) if o.name in (*NAMES, *ALLOWED)]


def _plain(answer: Any, verdict: Any) -> dict[str, Any]:
    scores = {name: {"score": s.value, "why": s.why} for name, s in verdict.scores.items()}
    return {"answer": answer.text, "total": verdict.total, "rewards": scores}
