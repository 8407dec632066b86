"""The builder: every call sets what it says, nothing happens before run()."""

from pathlib import Path

import pytest

from core.distributed.machines import Machines
from core.easy import Builder, dapo, distill, dpo, finetune, grpo, kto, orpo, simpo
from core.errors import BadOption
from core.events import Event, Finished
from core.run import to_plain


def test_every_call_sets_its_options() -> None:
    run = (
        finetune("m", "d.jsonl")
        .lora(8, 4.0, dropout=0.1, targets="attention")
        .epochs(2)
        .learning_rate(1e-4)
        .batch_size(2, accumulate=3)
        .held_out("v.jsonl")
        .output("o")
        .seed(7)
        .config
    )
    assert (run.method, run.model.path, run.data.path, run.data.eval_path) == ("sft", "m", "d.jsonl", "v.jsonl")
    a, t = run.adapter, run.train
    assert (a.type, a.rank, a.alpha, a.dropout, a.targets) == ("lora", 8, 4.0, 0.1, "attention")
    assert (t.epochs, t.learning_rate, t.batch_size, t.gradient_accumulation_steps, t.seed) == (2, 1e-4, 2, 3, 7)
    assert run.output == "o"


def test_steps_and_epochs_replace_each_other() -> None:
    assert finetune("m", "d").epochs(2).steps(5).config.train.epochs is None
    assert finetune("m", "d").steps(5).epochs(2).config.train.steps is None


def test_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int | None, Machines]] = []
    monkeypatch.setattr("core.train.train_on", lambda run, where: asked.append((run.train.steps, where)) or iter(()))
    here = finetune("m", "d").machines(ranks=2, distributed_backend="ring").steps(5)
    there = finetune("m", "d").steps(4).machines("studio", "me@mini", rank_timeout=30)
    assert [*here.events(), *there.events()] == []
    assert asked == [
        (5, Machines(ranks=2, distributed_backend="ring")),
        (4, Machines(hosts=("studio", "me@mini"), rank_timeout=30.0)),
    ]
    assert here.machines().where == Machines() and not Machines().is_asked
    with pytest.raises(BadOption, match=r"^machines\(\): ranks is 0, but must be at least 1"):
        finetune("m", "d").machines(ranks=0)
    with pytest.raises(BadOption, match=r"machines\(\).*'nodes'"):
        finetune("m", "d").machines(nodes=2)
    with pytest.raises(BadOption, match="either --hosts or --hostfile"):
        finetune("m", "d").machines("a", "b", hostfile="hosts.json")


def test_any_option_by_name() -> None:
    builder = finetune("m", "d").set("train.warmup_steps", 3).set("early_stop", 2).full()
    assert (builder.config.train.warmup_steps, builder.config.train.early_stop, builder.config.adapter.type) == (
        3,
        2,
        "full",
    )
    with pytest.raises(BadOption, match="there is no option 'warmups'"):
        finetune("m", "d").set("train.warmups", 3)
    with pytest.raises(BadOption, match=r"could mean model\.path or data\.path"):
        finetune("m", "d").set("path", "x")
    with pytest.raises(BadOption, match="rank is 0, but must be at least 1"):
        finetune("m", "d").lora(0)


def test_every_method_has_a_builder_with_its_options() -> None:
    def options(builder: Builder) -> tuple[str, dict[str, object]]:
        return builder.config.method, to_plain(builder.config.options)

    name, values = options(dpo("m", "d").dpo_beta(0.2).loss_type("ipo").reference_model("n"))
    assert name == "dpo" and (values["beta"], values["loss_type"], values["reference"]) == (0.2, "ipo", "n")
    assert options(dpo("m", "d").reference_model("m"))[1]["reference"] == "base"
    assert options(simpo("m", "d").simpo_beta(1.0, 0.3)) == ("simpo", {"beta": 1.0, "gamma": 0.3, "nll_weight": 0.0})
    assert options(orpo("m", "d").orpo_beta(0.3)) == ("orpo", {"beta": 0.3})
    name, values = options(kto("m", "d").kto_beta(0.3).kto_weights(undesirable=2.0).reference_model("initial"))
    assert name == "kto" and list(values.values()) == [0.3, 1.0, 2.0, "initial"]
    name, values = options(distill("m", "d", "t").temperature(2.0).divergence("reverse").options(teacher_top_k=8))
    assert name == "distill" and values["teacher"] == "t" and values["teacher_top_k"] == 8
    _, values = options(distill("m", "d", "t").on_policy(0.5, longest=32))
    assert (values["lmbda"], values["max_new_tokens"], values["sampling_temperature"]) == (0.5, 32, 1.0)
    with pytest.raises(BadOption, match="belongs to dpo and kto; the run's method is simpo"):
        simpo("m", "d").reference_model("m")
    with pytest.raises(BadOption, match="there is no option 'temperature'"):
        finetune("m", "d").temperature(2.0)


def test_a_run_from_python(model_folder: Path, data_file: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    builder = finetune(model_folder, data_file).lora(4).steps(4).set("samples", 1).set("sample_tokens", 2)
    result = builder.output(tmp_path / "run").run(events.append)
    assert result.folder == tmp_path / "run" and (result.folder / "adapters.safetensors").is_file()
    assert len(result.losses) == 4 and result.held_out[0][0] == 0 and len(result.samples) == 2
    assert list(result.events) == events and isinstance(events[-1], Finished)


def test_rewards_of_a_run_that_writes_its_answers() -> None:
    run = grpo("m", "q.jsonl").rewards("length", numeric=1, format=0.25).set("group_size", 4).config
    assert (run.method, run.options.group_size) == ("grpo", 4)
    assert run.options.weights == {"length": 1.0, "numeric": 1.0, "format": 0.25}
    assert dapo("m", "q.jsonl").reasoning_rewards().config.options.weights["numeric"] == 1.0
    options = dapo("m", "q.jsonl").reward_file("r.py", 2.0).config.options
    assert (options.weights, options.reward_file, options.allow_reward_code) == ({"file": 2.0}, "r.py", True)
    with pytest.raises(BadOption, match="There is no reward 'magic'"):
        grpo("m", "q.jsonl").rewards(magic=1).config.check()
    with pytest.raises(BadOption, match="rewards"):
        finetune("m", "d.jsonl").rewards(numeric=1)
