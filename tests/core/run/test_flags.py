"""A run as the words of a command line, which builds the same run again."""

from pathlib import Path

from core.cli import parser
from core.cli.train import _build_run, _parse_options
from core.run import Run
from core.run.flags import to_words
from core.run.needed_files import needed_files


def test_the_words_build_the_same_run() -> None:
    run = Run(method="dpo").replace("train.epochs", None).replace("train.steps", 7)
    changes = {
        "train.learning_rate": 1.23456789e-4,
        "data.columns": ("question=frage", 'answer="Name, full"'),
        "data.path": "/tmp/a b.jsonl",
        "data.shuffle": False,
        "adapter.targets": "-odd",
        "options.beta": 0.25,
    }
    for key, value in changes.items():
        run = run.replace(key, value)
    words = [word for group in to_words(run) for word in group]
    args = parser().parse_args(words)
    assert _build_run(args, _parse_options(args)) == run.check()


def test_needed_files_are_those_with_whole_paths(tmp_path: Path) -> None:
    run = Run(method="grpo").replace("data.path", f"{tmp_path}/a.jsonl\n{tmp_path}/b.jsonl")
    run = run.replace("options.reward_file", f"{tmp_path}/reward.py").replace("data.eval_path", "someone/dataset")
    assert needed_files(run) == [f"{tmp_path}/{name}" for name in ("a.jsonl", "b.jsonl", "reward.py")]
