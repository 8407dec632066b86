"""Log-probabilities in parts are those of the whole batch."""

from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from core.data.batch.batches import collate
from core.data.batch.groups import Group
from core.model import parted_logps
from core.model.lm_head import find_lm_head
from core.model.log_probs import to_mlx, token_logps
from core.model.parted_logps import PartedLogps
from tests.core.model.test_packed_mask import rows
from tests.core.model.tiny import tiny
from tests.core.training import watchdog

TEXTS = rows([30, 9, 12, 7, 14, 21, 5, 26])
PAIRS = [Group((TEXTS[i], TEXTS[i + 1])) for i in range(0, 8, 2)]


def fail_above(monkeypatch: pytest.MonkeyPatch, most: int, text: str = watchdog.INTERACTIVITY) -> list[int]:
    """Let the GPU fail where a pass has more texts than `most`; returns how many each pass had."""
    passes: list[int] = []

    def compute(model: Any, batch: Any, lm_head: Any) -> mx.array:
        passes.append(len(batch.lengths))
        if len(batch.lengths) > most:
            raise RuntimeError(text)
        return token_logps(model, batch, lm_head)

    monkeypatch.setattr(parted_logps, "token_logps", compute)
    return passes


@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize("data", [TEXTS, PAIRS], ids=["texts", "pairs"])
def test_the_numbers_are_those_of_the_whole(data: Any, pack: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("qwen3")
    head, _ = find_lm_head(model, mx.float32)
    model.eval()
    batch = collate(data, range(len(data)), pack=pack)
    expected = np.array(token_logps(model, to_mlx(batch), head))
    passes = fail_above(monkeypatch, 2)
    logps = PartedLogps(model, head, recovers=True)
    np.testing.assert_allclose(logps(batch), expected, atol=2e-5)
    failures = sum(texts > 2 for texts in passes)
    assert 0 < failures <= 3
    passes.clear()
    np.testing.assert_allclose(logps(batch), expected, atol=2e-5)
    assert max(passes) <= 2  # what had failed is not tried again


@pytest.mark.parametrize(("most", "text", "recovers"), [(0, watchdog.TIMEOUT, True), (2, watchdog.TIMEOUT, False)])
def test_what_cannot_be_parted_is_seen(most: int, text: str, recovers: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_above(monkeypatch, most, text)
    with pytest.raises(RuntimeError, match="Timeout"):
        PartedLogps(tiny("qwen3"), None, recovers)(collate(TEXTS, range(4)))


def test_a_program_that_gets_no_more_of_the_gpu_does_not_ask_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = fail_above(monkeypatch, 2, watchdog.IGNORED)
    with pytest.raises(RuntimeError, match="SubmissionsIgnored"):
        PartedLogps(tiny("qwen3"), None, recovers=True)(collate(TEXTS, range(4)))
    assert passes == [4]
