"""Packed and separate rows give the same loss and gradients; models that would leak are found out."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from core.data.batch.batches import Batch, collate
from core.events import Step, Warned
from core.model import packed_mask
from core.model.load import load
from core.model.log_probs import to_mlx, token_logps
from core.run import Run
from core.train import train
from tests.core.conftest import only, write_model
from tests.core.model.tiny import tiny


@dataclasses.dataclass
class Row:
    tokens: np.ndarray
    mask: np.ndarray


def rows(lengths: list[int]) -> list[Row]:
    rng = np.random.default_rng(0)
    data = [Row(rng.integers(3, 250, n).astype(np.int32), np.ones(n, np.int8)) for n in lengths]
    for row in data:
        row.mask[: len(row.tokens) // 3] = 0
        row.mask[0] = 0
    return data


def test_short_rows_share_a_shelf_and_keep_their_targets() -> None:
    data = rows([20, 5, 11, 8, 3])
    batch, separate = collate(data, range(5), pack=True), collate(data, range(5))
    assert separate.layout is None and separate.tokens.shape == (5, 25) and batch.real_tokens == 47
    for name in ("tokens", "mask"):
        assert np.array_equal(getattr(batch, name), getattr(separate, name)), name
    layout = batch.layout
    assert layout is not None and layout.tokens.shape == (2, 24) and not layout.shared
    sources = iter(layout.sources)
    for row in data:
        for place in np.flatnonzero(row.mask):  # each target is predicted by the token before it
            source = next(sources)
            assert layout.tokens.flat[source] == row.tokens[place - 1] and layout.positions.flat[source] == place - 1


def test_nothing_is_packed_where_nothing_is_saved() -> None:
    assert collate(rows([9, 10, 11]), range(3), pack=True).layout is None


def loss_and_gradients(model: nn.Module, batch: Batch) -> tuple[float, dict[str, mx.array]]:
    def loss(b: Batch) -> mx.array:
        return -token_logps(model, b).sum() / b.mask.sum()

    value, gradients = nn.value_and_grad(model, loss)(to_mlx(batch))
    return float(value), dict(tree_flatten(gradients))


@pytest.mark.parametrize("family", ["qwen3", "llama", "mistral-window", "gpt_oss"])
def test_packed_equals_separate_in_loss_and_every_gradient(family: str) -> None:
    model = tiny(family)
    data = rows([30, 9, 12, 7, 3, 14])
    packed, separate = collate(data, range(6), pack=True), collate(data, range(6))
    assert packed.layout is not None
    results, expected = loss_and_gradients(model, packed), loss_and_gradients(model, separate)
    assert results[0] == pytest.approx(expected[0], abs=1e-5)
    for name, gradient in expected[1].items():
        scale = max(float(mx.abs(gradient).max()), 1e-3)
        assert float(mx.abs(results[1][name] - gradient).max()) < 1e-5 * max(1.0, scale) + 2e-5 * scale, name


@pytest.mark.parametrize("family", ["qwen3", "llama", "mistral-window", "gpt_oss"])
def test_models_that_pack_exactly_are_recognised(family: str) -> None:
    packs, reason = packed_mask.can_pack(tiny(family), 200, mx.float32)
    assert packs, reason


@pytest.mark.parametrize("family", ["mamba", "gpt2", "gemma2"])
def test_models_that_would_leak_or_cannot_pack_are_found_out(family: str) -> None:
    packs, reason = packed_mask.can_pack(tiny(family), 200, mx.float32)
    assert not packs and "packed rows" in reason


def test_a_run_is_the_same_packed_and_not(make_run: Callable[..., Run]) -> None:
    def losses(output: str, packing: bool) -> list[float]:
        data = {"packing": packing, "shuffle": False, "eval_split": 0.0}
        run = make_run(output=output, data=data, train={"batch_size": 9, "eval_every": 9})
        step_losses = [e.loss for e in only(Step, list(train(run)))]
        resolved = json.loads((Path(str(run.output)) / "resolved.json").read_text())
        assert resolved["data"]["packing"]["used"] is packing
        return step_losses

    assert losses("packed", True) == pytest.approx(losses("apart", False), abs=2e-5)


def test_a_model_that_cannot_pack_is_said(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(packed_mask, "measure_difference", lambda model, vocabulary: None)
    (warning,) = only(Warned, list(train(make_run(train={"steps": 1}))))
    assert warning.code == "packing" and "cannot keep packed rows apart" in warning.message
    write_model(tmp_path / "m")
    assert load(tmp_path / "m", device="cpu").compute == "float32"
