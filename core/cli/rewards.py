"""hone rewards: list the rewards that score answers, and try them on answers."""

import json
from typing import TYPE_CHECKING, Any

from core import methods
from core.cli import Print
from core.cli.flags import name_value
from core.errors import BadOption
from core.option_values import parse
from core.options import Option, describe

if TYPE_CHECKING:
    from core.methods._policy import Options
    from core.rewards.answer import Answer
    from core.rewards.judge import ScoredAnswer

# The options of a run with which rewards can be tried.
REWARD_OPTIONS = ("rewards", "reasoning_rewards", "reward_pattern", "reward_tags", "reward_length", "reward_file")
FILE_OPTIONS = ("allow_reward_code", "reward_seconds")


def add(commands: Any) -> None:
    with_rewards = sorted((s for s in methods.load().values() if s.on_policy), key=lambda spec: spec.group_rank)
    names = " and ".join(f"hone {spec.name}" for spec in with_rewards)
    command = commands.add_parser(
        "rewards",
        help="List the rewards, or try them on answers.",
        description=f"What scores the answers of {names}.",
    )
    command.add_argument("--json", action="store_true", help="Print JSON.")
    command.set_defaults(command=list_rewards)
    actions = command.add_subparsers(dest="action", metavar="ACTION")
    trial = actions.add_parser("try", help="Score answers and say why.", description="Score answers and say why.")
    trial.add_argument("--answer", action="append", metavar="TEXT", help="An answer; may be given several times.")
    trial.add_argument("--expected", default="", metavar="TEXT", help="What the answers are checked against.")
    trial.add_argument("--prompt", default="", metavar="TEXT", help="The question, for a reward file that wants it.")
    add_reward_flags(trial)
    trial.add_argument("--json", action="store_true", help="Print JSON.")
    trial.set_defaults(command=try_rewards)


def add_reward_flags(command: Any) -> None:
    """The flags that name rewards and say what they need to know, as in training."""
    for o in _options():
        if o.type is bool:
            command.add_argument(o.flag, action="store_true", help=o.help)
        else:
            command.add_argument(o.flag, metavar=name_value(o), help=o.help)


def read_rewards(args: Any) -> "Options":
    """What these flags say. Raises BadOption."""
    from core.methods._policy import Options, check

    values = {}
    for o in _options():
        value = getattr(args, o.name)
        if value not in (None, False):
            values[o.name] = value if o.type is bool else parse(o, value)
    options = Options(**values)
    check(options)
    return options


def list_rewards(args: Any, out: Print) -> int:
    """Print every reward and what it checks."""
    from core.rewards import REWARDS

    if args.json:
        facts = {name: {"title": r.title, "checks": r.sentence} for name, r in REWARDS.items()}
        out(json.dumps(facts, indent=2, ensure_ascii=False))
        return 0
    for name, reward in REWARDS.items():
        out(f"{name:<8} {reward.title}: {reward.sentence}")
    out("Try them: hone rewards try --rewards numeric=1,format=0.2 --expected 5 --answer 'It is 5.'")
    return 0


def try_rewards(args: Any, out: Print) -> int:
    """Print the scores of the answers, with the reasons. Raises BadOption."""
    from core.data.tokenize.tokenizer import load_tokenizer
    from core.resources import STARTER
    from core.rewards import Answer
    from core.rewards.judge import score_answers

    if not args.answer:
        raise BadOption("Give at least one --answer to score.")
    options = read_rewards(args)
    tokenizer = load_tokenizer(STARTER)  # lengths in its tokens
    answers = [
        Answer(
            text,
            args.expected,
            args.prompt,
            tokens=len(tokenizer.encode(text)),
            line=line,
            thinking_opened=_starts_inside_thinking(text),
        )
        for line, text in enumerate(args.answer, 1)
    ]
    result = score_answers(options.weights, options.settings, answers)
    if args.json:
        rows = [_to_json(answer, scored) for answer, scored in zip(answers, result.scored_answers, strict=True)]
        out(json.dumps(rows, ensure_ascii=False))
        return 0
    for answer, scored in zip(answers, result.scored_answers, strict=True):
        out(" ".join(answer.text.split())[:100])
        for name, score in scored.scores.items():
            out(f"  {name:<8} {score.value:6.2f} × {options.weights[name]:g}  {score.reason}")
        out(f"  {'total':<8} {'none' if scored.total is None else f'{scored.total:6.2f}'}")
    if result.problem:
        raise BadOption(result.problem)
    return 0


def _starts_inside_thinking(text: str) -> bool:
    """Whether an answer looks as if the chat template had put <think> at the end of the prompt."""
    from core.rewards.answer import THINK_END, THINK_START

    return THINK_END in text and THINK_START not in text


def _options() -> list[Option]:
    from core.methods._policy import Options

    return [o for o in describe(Options) if o.name in (*REWARD_OPTIONS, *FILE_OPTIONS)]


def _to_json(answer: "Answer", scored: "ScoredAnswer") -> dict[str, Any]:
    scores = {name: {"score": s.value, "why": s.reason} for name, s in scored.scores.items()}
    return {"answer": answer.text, "total": scored.total, "rewards": scores}
