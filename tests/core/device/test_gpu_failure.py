"""The texts are those that MLX and Metal write, as people have reported them."""

import pytest

from core.device.gpu_failure import GPUFailure, find_failure

METAL = "[METAL] Command buffer execution failed: "
TEXTS = {
    METAL + "Caused GPU Timeout Error (00000002:kIOGPUCommandBufferCallbackErrorTimeout)": GPUFailure.TOO_LONG,
    METAL + "Caused GPU Hang Error (00000003:kIOGPUCommandBufferCallbackErrorHang)": GPUFailure.TOO_LONG,
    METAL + "Impacting Interactivity (0000000e:kIOGPUCommandBufferCallbackErrorImpactingInteractivity)": (
        GPUFailure.TOO_LONG
    ),
    METAL + "Internal Error (0000000e:Internal Error)": GPUFailure.TOO_LONG,
    METAL + "Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)": GPUFailure.OUT_OF_MEMORY,
    METAL + "Discarded (victim of GPU error/recovery) (00000005:kIOGPUCommandBufferCallbackErrorInnocentVictim)": (
        GPUFailure.VICTIM
    ),
    METAL + "Ignored (for causing prior/excessive GPU errors) "
    "(00000004:kIOGPUCommandBufferCallbackErrorSubmissionsIgnored)": GPUFailure.LOST,
    "[metal::malloc] Resource limit (499000) exceeded.": GPUFailure.TOO_MANY_BUFFERS,
    "[malloc] Unable to allocate 68719476736 bytes.": GPUFailure.OUT_OF_MEMORY,
    "[metal::malloc] Attempting to allocate 99999999999 bytes which is greater than the maximum allowed buffer size of "
    "22906503168 bytes.": GPUFailure.OUT_OF_MEMORY,
}


@pytest.mark.parametrize("text", TEXTS)
def test_the_kind_follows_from_the_text(text: str) -> None:
    assert find_failure(RuntimeError(text)) is TEXTS[text]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[matmul] Last dimension of first input with shape (2,3) must match"),
        RuntimeError(
            "[METAL] Command buffer execution failed: Page Fault (00000009:kIOGPUCommandBufferCallbackErrorX)"
        ),
        ValueError("[malloc] Unable to allocate 5 bytes."),
    ],
)
def test_anything_else_is_a_bug_to_be_seen(error: Exception) -> None:
    assert find_failure(error) is None
