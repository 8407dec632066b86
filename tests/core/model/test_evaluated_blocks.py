"""Blocks that are evaluated one by one give the numbers of a whole step."""

from typing import Any

import mlx.core as mx
import pytest

from core.data.batch.batches import collate
from core.model.evaluated_blocks import evaluate_blocks, split_tokens
from core.model.gradient_checkpointing import checkpoint_blocks
from core.model.log_probs import to_mlx
from tests.core.model.test_gradient_checkpointing import PACKED, equal_gradients, step, with_adapter
from tests.core.model.test_packed_mask import rows
from tests.core.model.tiny import tiny

PLAIN = to_mlx(collate(rows([30, 9, 12]), range(3)))


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("family", ["qwen3", "gemma2", "gpt_oss"])
def test_the_numbers_are_those_of_a_whole_step(family: str, dropout: float) -> None:
    model, batch = with_adapter(tiny(family), dropout=dropout), PACKED if family == "qwen3" else PLAIN
    checkpoint_blocks(model)
    loss, gradients, _ = step(model, batch)
    assert evaluate_blocks(model) == evaluate_blocks(model) == len(model.layers)
    by_block_loss, by_block, _ = step(model, batch)
    assert by_block_loss == pytest.approx(loss, rel=1e-6) and equal_gradients(by_block, gradients)


def test_all_weights_get_their_gradient() -> None:
    model = tiny("qwen3")
    model.train()
    loss, gradients, _ = step(model, PLAIN)
    evaluate_blocks(model)
    split_tokens(model, 7)
    by_block_loss, by_block, _ = step(model, PLAIN)
    assert by_block_loss == pytest.approx(loss, rel=1e-6) and equal_gradients(by_block, gradients)


def test_pieces_of_tokens_give_the_same_numbers() -> None:
    model = with_adapter(tiny("qwen3"), targets="all")
    loss, gradients, _ = step(model, PACKED)
    evaluate_blocks(model)
    for tokens in (16, 5):
        assert split_tokens(model, tokens)
        in_pieces_loss, in_pieces, _ = step(model, PACKED)
        assert in_pieces_loss == pytest.approx(loss, rel=1e-6) and equal_gradients(
            in_pieces, gradients, 2e-5 if mx.cuda.is_available() else 4e-6
        )


def test_every_block_is_evaluated_by_itself_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    model = with_adapter(tiny("qwen3"))
    evaluate_blocks(model)
    evaluations: list[Any] = []
    mx_eval = mx.eval

    def count(*trees: Any) -> None:
        evaluations.append(trees)
        mx_eval(*trees)

    monkeypatch.setattr(mx, "eval", count)
    step(model, PACKED)
    # step() looks for the head in two passes, and evaluates these and its result. The gradient takes one evaluation a
    # block forward and two on the way back: of what lies behind the block, and of its own gradient.
    assert len(evaluations) == (2 + 3) * len(model.layers) + 2


def test_answers_are_written_as_before() -> None:
    model = tiny("qwen3")
    model.eval()
    tokens = mx.array([[1, 5, 9, 3]])
    expected = model(tokens)
    evaluate_blocks(model)
    split_tokens(model, 3)
    assert mx.allclose(model(tokens), expected, atol=1e-5)
