"""The script that trains the starter model, on a handful of rows: it uses Hone's trainer and writes a model folder."""

import dataclasses
import itertools
import json
from pathlib import Path

import mlx.core as mx
import pytest
from safetensors.numpy import save_file

from core import resources
from core.device.select import select
from core.model.load import load
from resources.make import corpus, measure, model, tokenizer, train


def test_the_recipe_trains_every_weight_and_publishes_a_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    untrained = tmp_path / "untrained"
    small = model.CONFIG | {"num_hidden_layers": 1, "intermediate_size": 32}
    untrained.mkdir()
    for name in train.MODEL_FILES:
        (untrained / name).write_bytes((resources.STARTER / name).read_bytes())
    (untrained / "config.json").write_text(json.dumps(small))
    save_file(model.untrained(small, 0), untrained / "model.safetensors", {"format": "pt"})
    corpus.write(itertools.islice(corpus.train_rows(0), 60), tmp_path / "train.jsonl")

    run = train.recipe(untrained, tmp_path / "train.jsonl", tmp_path / "run", steps=3)
    run = dataclasses.replace(run, train=dataclasses.replace(run.train, batch_size=8, samples=0))
    steps = train.follow(run)
    train.publish(untrained, tmp_path / "run", tmp_path / "out")

    assert [s.step for s in steps] == [1, 2, 3] and steps[2].loss < steps[0].loss
    assert "3 steps" in capsys.readouterr().out
    before, after = (mx.load(str(folder / "model.safetensors")) for folder in (untrained, tmp_path / "out"))
    assert set(before) == set(after) == {name for name, _ in model.shapes(small)}
    for name, value in after.items():
        assert value.dtype == mx.bfloat16
        assert not mx.array_equal(value, before[name].astype(mx.bfloat16)) or value.ndim == 1, name
    load(tmp_path / "out", device=select("cpu")["used"])


def test_measured_answers_become_the_cards_table() -> None:
    starter = load(resources.STARTER, device=select("cpu")["used"])
    rows = [r for r in corpus.held_out_rows(0, 4) if r["kind"] in ("facts", "sums", "times")]
    kinds = measure.by_kind(measure.measure(starter.model, starter.tokenizer, rows))
    assert {k: len(v) for k, v in kinds.items()} == {"facts": 4, "sums": 4, "times": 4}
    assert sum(sum(v) for v in kinds.values()) >= 9
    table = measure.table({"sums": [True, True, False, True]})
    assert table.splitlines()[-1].endswith("| 4 | 75 % |")
    card = (resources.STARTER / "README.md").read_text()
    assert measure.TABLE.sub(table, card).count("| kind of task |") == card.count("| kind of task |") == 1
    assert tokenizer.TURN_END in card.replace("\\|", "|")
