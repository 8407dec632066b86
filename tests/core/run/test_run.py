"""Run: the tree of options, run.toml, and the sentences for what contradicts itself."""

import dataclasses
import datetime
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from core import methods
from core.errors import BadOption
from core.options import Option
from core.run import Adapter, Data, Model, Run, Train, list_options, runs_folder, sections, to_plain

# Options that go with another one, and values that non_default() does not know.
REQUIRED: dict[str, dict[str, Any]] = {
    "model.double_quantization": {"model.quantization": "nf4"},
    "options.jsd_weight": {"options.divergence": "jsd"},
    "options.max_new_tokens": {"options.lmbda": 1.0},
    "options.sampling_temperature": {"options.lmbda": 1.0},
    "options.reward_pattern": {"options.rewards": ("regex",)},
    "options.reward_tags": {"options.rewards": ("tags",)},
    "options.reward_file": {"options.rewards": ("file",)},
}
VALUES = {"options.rewards": ("exact=2",), "options.overlong_buffer": 8}


def non_default(o: Option) -> Any:
    """A value that is allowed and is not the default."""
    if o.type is bool:
        return not o.default
    if o.choices:
        return next(c for c in o.choices if c != o.default)
    if o.type is tuple:
        return ("q_proj", "v_proj")
    if o.type is str:
        return "something-else"
    candidates = (o.low, o.high, 1, 2)
    return next(o.type(c) for c in candidates if c is not None and c != o.default)


def test_round_trip_of_the_default(tmp_path: Path) -> None:
    run = Run()
    run.write(tmp_path / "run.toml")
    assert Run.read(tmp_path / "run.toml") == run


def test_round_trip_of_everything_changed(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    run = Run(
        method="sft",
        output="/runs/mine",
        backend="cpu",
        model=Model(path="Qwen/Qwen3-0.6B", revision="main", dtype="float32"),
        data=Data(path="däta.jsonl", eval_split=0.0, train_on="last", shuffle=False),
        adapter=Adapter(rank=8, alpha=16.0, targets="q_proj,v_proj", init="old"),
        train=Train(steps=7, learning_rate=1e-5, lr_schedule="constant", seed=2**32 - 1),
    )
    run.write(path)
    assert Run.read(path) == run
    assert tomllib.loads(path.read_text("utf-8"))["train"]["learning_rate"] == 1e-5


def test_a_small_number_as_people_write_it(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("[train]\nlearning_rate = 1e-5\n", "utf-8")
    assert Run.read(path).train.learning_rate == 1e-5


@pytest.mark.parametrize("method", methods.load())
def test_every_option_can_be_replaced_and_kept(method: str, tmp_path: Path) -> None:
    for key, o in list_options(method):
        if key == "method":
            continue
        start = Run(method=method)
        for required_key, value in REQUIRED.get(key, {}).items():
            start = start.replace(required_key, value)
        run = start.replace(key, VALUES.get(key, non_default(o)))
        assert run != start, key
        run.write(tmp_path / "run.toml")
        expected = start if o.name in ("allow_code", "allow_reward_code") else run  # no file says yes to code
        assert Run.read(tmp_path / "run.toml") == expected, key


def test_run_toml_leaves_out_what_is_automatic() -> None:
    values = Run().to_dict()
    assert values["method"] == "sft"
    assert "output" not in values and "learning_rate" not in values["train"]
    assert list(values) == ["method", "backend", "neural_engine", *sections("sft")]


def test_plain_has_no_none() -> None:
    expected = {"type": "lora", "rank": 8, "rslora": False, "dropout": 0.0, "targets": "all"}
    assert to_plain(Adapter(rank=8)) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("metod = 'sft'", "there is no option 'metod' (did you mean 'method'?)."),
        ("method = 'sftt'", "There is no method 'sftt'; there are sft"),
        ("method = 3", "method is 3, but must be text."),
        ("[train]\nlearning_rat = 1.0", "[train]: there is no option 'learning_rat' (did you mean 'learning_rate'?)."),
        ("[train]\nlearning_rate = '1e-5'", "[train]: learning_rate is '1e-5', but must be a number."),
        ("[train]\nbatch_size = 0", "[train]: batch_size is 0, but must be at least 1."),
        ("[options]\nbeta = 0.1", "[options]: there is no option 'beta'."),
        ("options = 1", "[options]: expected a table of options, found 1."),
        ("[modle]\npath = 'a'", "there is no option 'modle' (did you mean 'model'?)."),
        ("method = ", "is not valid TOML: at its end: there is no value, or one that TOML does not know."),
    ],
)
def test_a_bad_file_gives_one_sentence_with_its_name(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadOption) as error:
        Run.read(path)
    assert str(error.value).startswith(str(path))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_contradiction_in_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("[train]\nsteps = 1\nepochs = 1.0", "utf-8")
    with pytest.raises(BadOption, match="Give either steps or epochs, not both"):
        Run.read(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        BadOption, match=re.escape(f"{tmp_path / 'no.toml'} cannot be read: there is no such file or folder.")
    ):
        Run.read(tmp_path / "no.toml")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadOption, match="is not valid TOML"):
        Run.read(path)


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (Run(train=Train(steps=5, epochs=1.0)), "Give either steps or epochs, not both."),
        (
            Run(train=Train(weight_decay=0.1, optimizer="sgd")),
            "weight_decay does nothing with sgd; use adamw or lion, or set it to 0.",
        ),
        (
            Run(adapter=Adapter(type="full", init="old")),
            "init_adapter goes with LoRA; full fine-tuning starts from the model itself.",
        ),
    ],
)
def test_contradictions(run: Run, sentence: str) -> None:
    with pytest.raises(BadOption) as error:
        run.check()
    assert str(error.value) == sentence


def test_check_returns_the_run() -> None:
    run = Run(train=Train(weight_decay=0.1, optimizer="lion"))
    assert run.check() is run


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("colour", "red", "There is no option 'colour'."),
        ("paint.colour", "red", "There is no option 'paint.colour'."),
        ("train.batch", 4, "train: there is no option 'batch' (did you mean 'batch_size'?)."),
        ("train.batch_size", 0, "train: batch_size is 0, but must be at least 1."),
        ("backend", "tpu", "backend is 'tpu', which is not one of auto, gpu, cpu, ane (did you mean 'gpu'?)."),
        ("method", "nothing", "There is no method 'nothing'; there are sft"),
    ],
)
def test_replace_refuses(key: str, value: object, sentence: str) -> None:
    with pytest.raises(BadOption) as error:
        Run().replace(key, value)
    assert str(error.value).startswith(sentence)


def test_replace_changes_one_thing() -> None:
    run = Run().replace("train.learning_rate", 1e-4)
    assert run == dataclasses.replace(Run(), train=Train(learning_rate=1e-4))
    assert run.replace("train.learning_rate", None) == Run()


def test_runs_lie_in_the_home_folder(home: Path) -> None:
    assert home in runs_folder().parents


def test_with_output_makes_a_new_name_each_time() -> None:
    first = Run(data=Data(path="some folder/my data!.jsonl")).with_output()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-\d{6}-sft-my-data-", first.name)
    assert first.output and first.output.startswith(str(runs_folder()) + os.sep)
    assert first.with_output() is first


@pytest.mark.parametrize(
    ("name", "end"),
    [("мои данные.jsonl", "sft-мои-данные"), ("山田 #3.csv", "sft-山田-3"), ("𝒳" * 60 + ".jsonl", "sft-" + "𝒳" * 50)],
)
def test_a_run_keeps_a_name_in_any_script(tmp_path: Path, name: str, end: str) -> None:
    folder = Path(Run(data=Data(path=str(tmp_path / name))).with_output().output or "")
    assert folder.name.endswith(end)
    (tmp_path / folder.name).mkdir()


def test_with_output_never_takes_a_folder_that_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    class FixedClock(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "FixedClock":
            return cls(2030, 1, 1, tzinfo=tz)

    monkeypatch.setattr("core.run.run.datetime.datetime", FixedClock)
    names = []
    for _ in range(3):
        run = Run().with_output()
        Path(str(run.output)).mkdir(parents=True)
        names.append(run.name)
    assert names == [f"2030-01-01-000000-sft-demo{end}" for end in ("", "-2", "-3")]


def test_name_is_the_folder() -> None:
    assert (Run(output="/runs/mine").name, Run().name) == ("mine", "")


def test_the_usual_learning_rate_follows_from_method_adapter_and_model() -> None:
    run = Run.from_dict({"model": {"path": "some/model"}})
    assert run.usual_learning_rate == 2e-4
    assert run.replace("adapter.type", "full").usual_learning_rate == 2e-5
    assert Run().usual_learning_rate == pytest.approx(2e-3)
