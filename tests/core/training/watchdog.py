"""A double of a Mac's GPU watchdog: it ends work that is too large, with the error that MLX raises, at the evaluation
that would do it."""

from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.models import qwen3

from core.device import parallel_plan
from core.training import prepare

METAL = "[METAL] Command buffer execution failed: "
TIMEOUT = METAL + "Caused GPU Timeout Error (00000002:kIOGPUCommandBufferCallbackErrorTimeout)"
INTERACTIVITY = METAL + "Impacting Interactivity (0000000e:kIOGPUCommandBufferCallbackErrorImpactingInteractivity)"
OUT_OF_MEMORY = METAL + "Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)"
RESOURCE_LIMIT = "[metal::malloc] Resource limit (499000) exceeded."
VICTIM = METAL + "Discarded (victim of GPU error/recovery) (00000005:kIOGPUCommandBufferCallbackErrorInnocentVictim)"
IGNORED = METAL + (
    "Ignored (for causing prior/excessive GPU errors) (00000004:kIOGPUCommandBufferCallbackErrorSubmissionsIgnored)"
)


class Watchdog:
    """Counts the tokens that go through each block between two evaluations; from `limit` on the second one fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, limit: int, text: str = INTERACTIVITY) -> None:
        self.limit, self.text = limit, text
        self.work = self.largest = self.failures = 0
        self.max_failures = 10**6
        self.counts_evaluations = False  # work on held-out rows, too
        compute, mx_eval = qwen3.TransformerBlock.__call__, mx.eval

        def count(block: Any, x: mx.array, *args: Any, **kwargs: Any) -> Any:
            if block.training or self.counts_evaluations:
                self.work += x.shape[0] * x.shape[1]
            return compute(block, x, *args, **kwargs)

        def evaluate(*trees: Any) -> None:
            work, self.work = self.work, 0
            if work > self.limit and self.failures < self.max_failures:
                self.failures += 1
                raise RuntimeError(self.text)
            self.largest = max(self.largest, work)
            mx_eval(*trees)

        monkeypatch.setattr(qwen3.TransformerBlock, "__call__", count)
        monkeypatch.setattr(mx, "eval", evaluate)
        monkeypatch.setattr(mx, "async_eval", lambda *trees: None)  # an error comes up where one waits
        let_recover(monkeypatch)


def let_recover(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Metal: what fails is computed again, and one batch after the other."""
    monkeypatch.setattr(prepare, "can_recover", lambda device: True)
    monkeypatch.setattr(parallel_plan, "MOST", 1)
