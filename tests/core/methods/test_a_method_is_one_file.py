"""A method is one file: whatever Hone says or does with it follows from the SPEC in it. The window's part of this is
tests/app/new_run/test_a_method_is_one_file.py.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import cli, easy, methods
from core.errors import BadOption
from core.events import Evaluated, Finished, Step
from core.run import Run
from core.training import result_metrics
from core.training import verdict as verdicts
from resources.make.help import methods_table, pages
from tests.core.methods.new_method import NAME, new_method


@pytest.fixture(autouse=True)
def spec(tmp_path: Path) -> Iterator[methods.Method]:
    folder = tmp_path / "methods"
    folder.mkdir()
    with new_method(folder) as method:
        yield method


def output_of(*words: str) -> str:
    """What a command prints."""
    lines: list[str] = []
    arguments = cli.parser().parse_args(list(words))
    arguments.command(arguments, lambda line, **_: lines.append(line))
    return "\n".join(lines)


def test_the_command_line_has_it_with_its_options() -> None:
    arguments = cli.parser().parse_args([NAME, "--gamma", "3", "--model", "m", "--dataset", "d"])
    assert arguments.method == NAME and vars(arguments)["option:options.gamma"] == "3"
    with pytest.raises(BadOption, match="There is no option --gamme"):
        cli.parser().parse_args([NAME, "--gamme", "3"])
    assert "focal    Focal: Learns most from the" in output_of("methods")
    assert json.loads(output_of("methods", "--json"))[NAME]["options"][0]["flag"] == "--gamma"


def test_the_builder_has_it_with_its_setters() -> None:
    builder: Any = easy.focal("m", "d", gamma=1.0)
    assert (builder.config.method, builder.config.options.gamma) == (NAME, 1.0)
    assert builder.focal_gamma(3.0).config.options.gamma == builder.options(gamma=3.0).config.options.gamma == 3.0
    assert builder.focal_gamma(value=4.0).config.options.gamma == 4.0
    assert NAME in dir(easy) and "focal_gamma" in dir(builder) and "dpo_beta" not in dir(builder)
    assert "Learns most from the words" in str(easy.focal.__doc__)
    with pytest.raises(BadOption, match="belongs to focal; the run's method is sft"):
        easy.finetune("m", "d").focal_gamma(3.0)


def test_it_trains_and_its_metrics_are_reported(model_folder: Path, data_file: Path, tmp_path: Path) -> None:
    builder: Any = easy.focal(model_folder, data_file).steps(2).batch_size(2).set("samples", 0)
    result = builder.output(tmp_path / "run").run()
    for kind in (Step, Evaluated):
        assert {"certain", "targets"} <= next(e for e in result.events if isinstance(e, kind)).metrics.keys()
    assert Run.read(tmp_path / "run" / "run.toml").method == NAME
    assert "| Words it is certain of | 0%" in (tmp_path / "run" / "report.md").read_text(encoding="utf-8")


def test_the_verdict_goes_by_its_criterion() -> None:
    def verdict(before: float, after: float) -> str:
        metrics: dict[str, Any] = {"metrics_before": {"certain": before}, "metrics_after": {"certain": after}}
        finished = Finished("done", 9, "", 1.0, 2.0, 2.0, best_step=9, eval_rows=100, **metrics)
        return verdicts.verdict(Run(method=NAME), finished, {})

    assert verdict(0.2, 0.6) == "Better: it is certain of 20% → 60% of the words in 100 unseen rows."
    assert verdict(0.6, 0.6).startswith("No clear improvement: it is certain of 60% → 60%")
    assert result_metrics.format_metrics({"certain": 0.2}, {"certain": 0.6, "targets": 7.0}) == [
        ("Words it is certain of", "20% → 60%"),
        ("Targets", "7"),
    ]


def test_the_help_and_the_readme_have_it() -> None:
    page = pages()["methods.md"]
    assert "## Focal\n\n*I have examples of which some are easy.*" in page
    assert "- **Focusing** `--gamma`: How fast certain tokens lose their weight. *(default 2; 0 to 10)*" in page
    assert (
        "| I have examples of which some are easy. | Focal | `hone focal` | `focal(model, dataset)` |"
        in methods_table()
    )


def test_nothing_of_it_is_left_afterwards(tmp_path: Path) -> None:
    with new_method(tmp_path):
        pass
    assert not hasattr(methods, NAME)
