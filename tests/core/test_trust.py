"""Code of others runs after a yes to exactly its contents, which no run.toml can give."""

import hashlib
import shutil
from pathlib import Path

import pytest

from core import trust
from core.__main__ import main
from core.errors import BadModel, BadOption
from core.rewards import Answer, RewardSettings
from core.rewards.judge import RewardScorer
from core.run import Run
from tests.core.conftest import write_model

SOURCE = "open('ran', 'a').write('x')\ndef reward(answers):\n    return [1.0 for a in answers]\n"


@pytest.fixture
def reward_file(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(SOURCE)
    return tmp_path / "own.py"


def score(path: Path, allow_code: bool = False) -> str:
    with RewardScorer({"file": 1.0}, RewardSettings(file=str(path), allow_code=allow_code)) as scorer:
        return scorer([Answer("x")]).problem


def test_a_yes_is_remembered_for_the_contents_and_the_place(reward_file: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(SOURCE.encode()).hexdigest()
    with pytest.raises(
        BadOption, match=rf"own\.py is Python code .* \(SHA-256 {digest[:16]}\): look at it, then allow"
    ):
        score(reward_file)
    assert not (tmp_path / "ran").exists()
    assert score(reward_file, allow_code=True) == "" and score(reward_file) == ""
    assert digest in trust.trust_file().read_text()
    reward_file.write_text(SOURCE + "\n")
    with pytest.raises(BadOption, match=r"own\.py has changed since it was allowed; it is Python code"):
        score(reward_file)
    reward_file.write_text(SOURCE)
    assert score(reward_file) == ""
    (tmp_path / "elsewhere").mkdir()  # where other files may lie that it imports
    with pytest.raises(BadOption, match="look at it, then allow it"):
        score(Path(shutil.copy(reward_file, tmp_path / "elsewhere")))


def test_a_file_that_changes_during_a_run_is_not_started_again(reward_file: Path) -> None:
    settings = RewardSettings(file=str(reward_file), allow_code=True)
    with RewardScorer({"file": 1.0}, settings) as scorer:
        assert scorer([Answer("x")]).problem == ""
        reward_file.write_text(SOURCE + "\n")
        assert scorer([Answer("x")]).problem == ""
        scorer.close()
        with pytest.raises(BadOption, match="has changed since it was allowed"):
            scorer([Answer("x")])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', "[" * 100_000, "\x00"])
def test_a_damaged_list_allows_nothing(reward_file: Path, text: str) -> None:
    trust.trust_file().parent.mkdir(parents=True)
    trust.trust_file().write_text(text)
    with pytest.raises(BadOption, match="look at it, then allow it"):
        score(reward_file)
    assert score(reward_file, allow_code=True) == "" and score(reward_file) == ""


STRANGER = """
method = "{method}"
[model]
path = "{model}"
allow_code = true
[data]
path = "{data}"
eval_split = 0.0
[train]
steps = 1
samples = 0
[options]
"""
REWARD = """
rewards = ["file=1"]
reward_file = "{file}"
allow_reward_code = true
group_size = 2
max_completion_length = 4
"""


@pytest.mark.parametrize("way", ["--config", "--resume"])
@pytest.mark.parametrize("kind", ["reward", "model"])
def test_a_strangers_run_toml_says_no_yes(
    tmp_path: Path, reward_file: Path, kind: str, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_model(tmp_path / "m", **({"model_file": "own.py"} if kind == "model" else {}))
    shutil.copy(reward_file, model / "own.py")
    (tmp_path / "rows.jsonl").write_text('{"prompt": "one", "completion": "two"}\n' * 3)
    method = "grpo" if kind == "reward" else "sft"
    text = STRANGER.format(method=method, model=model, data=tmp_path / "rows.jsonl")
    (tmp_path / "stranger").mkdir()
    file = tmp_path / "stranger" / "run.toml"
    file.write_text(text + (REWARD.format(file=reward_file) if kind == "reward" else ""))
    place = file if way == "--config" else file.parent
    assert main([method, way, str(place), *([] if way == "--resume" else ["--output", str(tmp_path / "out")])]) == 2
    refusal = capsys.readouterr().err
    assert refusal.count("\n") == 1 and "SHA-256" in refusal
    assert f"allow it with --allow-{kind}-code" in refusal
    assert not list(tmp_path.rglob("ran"))
    if kind == "reward":
        assert main([method, way, str(place), "--allow-reward-code", "--output", str(tmp_path / "out")]) == 0
        assert (tmp_path / "ran").exists()


def test_a_run_toml_is_written_without_a_yes(tmp_path: Path) -> None:
    run = Run(method="grpo").replace("model.allow_code", True).replace("options.allow_reward_code", True)
    run.write(tmp_path / "run.toml")
    assert "allow" not in (tmp_path / "run.toml").read_text()


@pytest.mark.parametrize("name", ["no.py", "..", "/etc/passwd", "../own.py", "", 3])
def test_a_models_code_lies_in_its_folder(reward_file: Path, tmp_path: Path, name: object) -> None:
    (tmp_path / "m").mkdir()
    with pytest.raises(BadModel, match="which is no file in this folder"):
        trust.model_code(tmp_path / "m", {"model_file": name})


def test_a_link_into_a_cache_is_a_file_of_the_folder(reward_file: Path, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "own.py").symlink_to(reward_file)
    code = trust.model_code(tmp_path / "m", {"model_file": "own.py"})
    assert code is not None and code.names == "own.py" and not trust.is_allowed(code)
