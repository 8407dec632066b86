"""The fast path beside the plain one in every family that is claimed: loss and gradients agree, or it is not taken.

Fast: shared prompts, texts packed in rows, attention in tiles, logits at the targets alone and in chunks. Plain: one
text a row, MLX's attention, logits everywhere.
"""

from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from core import adapters
from core.data.batch.batches import Batch, collate
from core.data.batch.groups import Group
from core.model import lm_head, packed_mask, tiled_attention
from core.model.families import find_family
from core.model.lm_head import LMHead, find_lm_head
from core.model.load import load
from core.model.log_probs import to_mlx, token_logps
from core.run import Adapter
from tests.core.model import zoo
from tests.core.model.test_packed_mask import Row

# Families whose rows cannot be packed, as families.py says.
SEPARATE = {"gemma2", "llama4", "deepseek_v3", "nemotron_h", "qwen3_next", "qwen3_5"}

NOISE = {"mixtral": 2e-5}  # 1.4e-5: its experts are summed in another order


def pairs() -> list[Group]:
    rng = np.random.default_rng(4)
    groups = []
    for prompt, first, second in ((14, 6, 9), (9, 12, 5), (5, 3, 4)):
        prefix = rng.integers(3, 250, prompt)
        texts = []
        for n in (first, second):
            tokens = np.concatenate([prefix, rng.integers(3, 250, n)]).astype(np.int32)
            texts.append(Row(tokens, (np.arange(len(tokens)) >= prompt).astype(np.int8)))
        groups.append(Group(tuple(texts)))
    return groups


def loss_and_gradient(model: nn.Module, batch: Batch, head: LMHead | None) -> tuple[float, mx.array]:
    """(the loss, its gradient with respect to the whole adapter)."""

    def loss(b: Batch) -> mx.array:
        return -token_logps(model, b, head).sum() / b.mask.sum()

    value, gradients = nn.value_and_grad(model, loss)(to_mlx(batch))
    return float(value), mx.concatenate([g.reshape(-1) for _, g in tree_flatten(gradients)])


@pytest.mark.parametrize("family", zoo.FAMILIES)
def test_both_give_the_same(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = find_family(family)
    if known is not None and known.wrong_on_cuda and mx.default_device() == mx.gpu:
        pytest.skip(known.wrong_on_cuda)
    monkeypatch.setattr(tiled_attention, "ATTENTION_TILE", 8)
    monkeypatch.setattr(lm_head, "LOGITS_CHUNK", 300 * 8)
    monkeypatch.setattr(lm_head, "MIN_CHUNK_TOKENS", 8)
    model = load(zoo.write(tmp_path / "model", family), device="cpu").model
    adapters.attach(model, Adapter(rank=2))
    mx.random.seed(8)
    for name, value in adapters.trainable_tensors(model).items():  # B starts at zero, where A has no gradient yet
        model.load_weights([(name, mx.random.normal(value.shape) * 0.2)], strict=False)
    model.train()
    data = pairs()
    plain = loss_and_gradient(model, collate(data, range(3)), None)
    head, head_reason = find_lm_head(model, mx.float32)
    packs, packing_reason = packed_mask.can_pack(model, 280, mx.float32)
    shares = packs and packed_mask.can_share_prefix(model, 280, mx.float32)[0]
    assert head is not None or head_reason
    assert packs or "packed rows" in packing_reason
    assert packs is (family not in SEPARATE) or mx.default_device() == mx.gpu
    batch = collate(data, range(3), pack=packs, share=shares, always=packs)
    assert not shares or (batch.layout is not None and batch.layout.shared)
    loss, gradients = loss_and_gradient(model, batch, head)
    assert loss == pytest.approx(plain[0], rel=1e-5)
    assert float(mx.linalg.norm(gradients - plain[1]) / mx.linalg.norm(plain[1])) < NOISE.get(family, 1e-5)
