"""Does everything work on this machine? Each part is tried once, small: a product, each kernel, a step, an answer.

It is what a Mac owner runs to tell how Hone does on hardware that nobody here has, and what tells whether an app that
was frozen has everything inside. A part that this machine cannot have is skipped with its reason; one that should work
and does not has failed. A Mac on which the GPU is not used has failed: the CPU would be taken in its place.
"""

import importlib
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten, tree_map
from mlx_lm.models import qwen3

from core import adapters
from core.adapters.numpy_weights import NumpyWeights
from core.chat import Chat
from core.data.batch.batches import Batch
from core.device.machine import machine
from core.device.select import select
from core.errors import UserError
from core.events import Step
from core.model import fast_exp, tiled_attention
from core.model.kernels import check as block_kernels
from core.model.log_probs import to_mlx, token_logps
from core.quant import MODES, dequantize, kernels, quantize
from core.quant import packed as packed_weights
from core.resources import STARTER
from core.rewards.child import PARAMETERS
from core.rewards.file import REPLY_BYTES, START_SECONDS, memory_limit
from core.rewards.process import ProcessFailed, RewardProcess
from core.run import Adapter, Run
from core.text.reasons import reason
from core.train import train
from core.training.numpy_gradient import NumpyGradient

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
PACKAGES = ("mlx_lm", "transformers", "tokenizers", "safetensors", "huggingface_hub", "duckdb", "nanoarrow", "jinja2")
SMALL_MODEL = {
    "model_type": "qwen3", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "rms_norm_eps": 1e-6, "vocab_size": 256,
    "rope_theta": 10000.0, "max_position_embeddings": 64, "tie_word_embeddings": True,
}  # fmt: skip
EXPECTED_SMALL_DIFFERENCE = 2e-2  # of products of float32 on a GPU, which may round their inputs to 19 bits (TF32)


class Skip(Exception):
    """Raised by a part that this machine cannot have; the text is the reason."""


class Failure(Exception):
    """Raised by a part that does not work; the text says what it found."""


@dataclass(frozen=True)
class Check:
    """The outcome of one part. `detail` is a sentence: what was found, why it was skipped, or what went wrong."""

    name: str
    outcome: str  # PASSED, FAILED or SKIPPED
    detail: str
    seconds: float = 0.0


def selftest(backend: str = "auto") -> Iterator[Check]:
    """Try every part on this machine, one after the other; yields the outcome of each as it is known.

    `backend` is "auto", "gpu" or "cpu". Training runs in a temporary folder, on the built-in model and data.
    """
    chosen = select(backend)
    with tempfile.TemporaryDirectory(prefix="hone-selftest-") as name:
        folder = Path(name)
        parts: dict[str, Callable[[], str]] = {
            "imports": _import_packages,
            "device": lambda: _check_device(chosen, backend),
            "products": _check_products,
            "kernels": _check_kernels,
            "packed weights": _check_packed,
            "exponentials": _check_exponentials,
            "attention": _check_attention,
            "gradients": _check_gradients,
            "datasets": lambda: _read_datasets(folder),
            "reward files": lambda: _score(folder),
            "LoRA": lambda: _train(folder / "lora", backend),
            "QLoRA (NF4)": lambda: _train(folder / "nf4", backend, quantization="nf4"),
            "compiled steps": lambda: _check_compiled(folder / "nf4"),
            "answers": lambda: _generate(folder / "lora", backend),
            "Neural Engine": _check_neural_engine,
        }
        for name, part in parts.items():
            yield _try_part(name, part)


def report(checks: list[Check]) -> dict[str, Any]:
    """The outcomes with this machine's facts, as plain values: what packaging/hardware-reports keeps."""
    facts = machine()
    facts["frozen"] = bool(getattr(sys, "frozen", False))
    passed = all(check.outcome != FAILED for check in checks)
    rounded = [asdict(replace(check, seconds=round(check.seconds, 3))) for check in checks]
    return {"format": 1, "passed": passed, "machine": facts, "checks": rounded}


def _try_part(name: str, part: Callable[[], str]) -> Check:
    start = time.perf_counter()
    try:
        outcome, detail = PASSED, part()
    except Skip as skip:
        outcome, detail = SKIPPED, str(skip)
    except (Failure, UserError) as failure:
        outcome, detail = FAILED, str(failure)
    except Exception as error:  # whatever a broken installation raises is what this is here to tell
        kind, said = type(error).__name__, reason(error)
        outcome, detail = FAILED, kind if said == kind else f"{kind}: {said}"
    return Check(name, outcome, detail, time.perf_counter() - start)


def _import_packages() -> str:
    for package in PACKAGES:
        importlib.import_module(package)
    return f"{len(PACKAGES)} packages"


def _check_device(chosen: dict[str, str], asked: str) -> str:
    if sys.platform == "darwin" and chosen["used"] == "cpu" and asked != "cpu":
        raise Failure(f"The CPU would be used: {chosen['reason']}.")
    return f"{chosen['used']} ({chosen['device']}): {chosen['reason']}"


def _check_products() -> str:
    """A product, a sort and a softmax: on Metal these need MLX's library of kernels."""
    random = np.random.default_rng(0)
    a, b = (random.normal(size=(256, 256)).astype(np.float32) for _ in range(2))
    x, y = mx.array(a), mx.array(b)
    _compare(x @ y, a @ b, EXPECTED_SMALL_DIFFERENCE * 16)
    _compare(mx.sort(x, axis=-1), np.sort(a, axis=-1), 0)
    e = np.exp(a - a.max(-1, keepdims=True))
    _compare(mx.softmax(x, axis=-1), e / e.sum(-1, keepdims=True), 1e-4)
    return "agree with NumPy"


def _check_kernels() -> str:
    if mx.default_device().type == mx.cpu:
        raise Skip("they are for a GPU")
    reason = kernels.unavailable_reason() or block_kernels.unavailable_reason()
    if reason:
        raise Failure(f"Kernels of Hone's own are not used: {reason}.")
    return "agree with NumPy, and with MLX's own operations"


def _check_packed() -> str:
    """In each format: a product from packed weights against one with the same weights unpacked."""
    random = np.random.default_rng(0)
    weight = mx.array(random.normal(size=(64, 128)).astype(np.float32))
    x = mx.array(random.normal(size=(2, 128)).astype(np.float32))
    for mode in MODES:
        packed = quantize(weight, mode)
        dense = np.array(dequantize(packed))
        product = packed_weights.multiply(x, packed)
        if product is not None:
            _compare(product, np.array(x) @ dense.T, EXPECTED_SMALL_DIFFERENCE * 12)
        if np.abs(dense - np.array(weight)).mean() > 0.5:  # of 2 bits 0.4; nothing at all would be 0.8
            raise Failure(f"{mode}: unpacked weights are far from what was packed.")
    return ", ".join(MODES)


def _check_exponentials() -> str:
    x = -10 * np.random.default_rng(0).random(1000, dtype=np.float32)
    _compare(fast_exp.exp(mx.array(x)), np.exp(x), 1e-6)
    return "agree with NumPy"


def _check_attention() -> str:
    """Attention in tiles against MLX's own, values and gradients."""
    random = np.random.default_rng(0)
    q, k, v = (mx.array(random.normal(size=(1, heads, 64, 16)).astype(np.float32)) for heads in (4, 2, 2))
    rows = np.zeros((1, 64), np.int32)
    tiles = tiled_attention.plan_tiles(rows, rows)
    mask = mx.tril(mx.ones((64, 64), mx.bool_))[None, None]

    def tiled(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        return mx.square(tiled_attention.attend(q, k, v, 0.25, mask, tiles)).sum()

    def plain(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        return mx.square(mx.fast.scaled_dot_product_attention(q, k, v, scale=0.25, mask=mask)).sum()

    for mine, theirs in zip(
        mx.grad(tiled, argnums=(0, 1, 2))(q, k, v), mx.grad(plain, argnums=(0, 1, 2))(q, k, v), strict=True
    ):
        _compare(mine, np.array(theirs), EXPECTED_SMALL_DIFFERENCE)
    return "in tiles as in one piece"


def _check_gradients() -> str:
    """The gradient of a small model's adapter as NumPy computes it, against MLX's."""
    if mx.default_device() != mx.cpu:
        raise Skip("A GPU computes them with MLX.")
    model = qwen3.Model(qwen3.ModelArgs.from_dict(SMALL_MODEL))
    adapters.attach(model, Adapter(rank=4))
    model.update(tree_map(lambda w: 0.1 * mx.random.normal(w.shape), model.trainable_parameters()))
    mx.eval(model.parameters())
    tokens = np.arange(2 * 41, dtype=np.int32).reshape(2, 41)
    batch = Batch(tokens, np.ones((2, 40), np.float32), (41, 41), (0, 1))

    def loss(tensors: Any) -> mx.array:
        model.update(tensors)
        return token_logps(model, to_mlx(batch)).sum()

    tensors = model.trainable_parameters()
    expected = dict(tree_flatten(mx.grad(loss)(tensors)))
    model.update(tensors)
    numpy = NumpyGradient(NumpyWeights(model, few_rows=False), checkpointing=False)
    with numpy.target_logps(batch) as (logps, backward):
        found = backward(np.ones_like(logps))
    for name, value in found.items():
        if name.endswith("lora_a"):  # that of B is with respect to B as it is scaled
            largest = np.abs(np.array(expected[name])).max()
            _compare(mx.array(value / largest), np.array(expected[name]) / largest, 1e-4)
    return "with NumPy as with MLX"


def _read_datasets(folder: Path) -> str:
    import duckdb

    from core.data.kinds import TEXT
    from core.data.preview.scan import preview_files

    rows = [{"prompt": f"What is {n}?", "completion": f"A number, {n}."} for n in range(3)]
    lines = folder / "rows.jsonl"
    lines.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    table = folder / "rows.parquet"
    with duckdb.connect() as connection:
        connection.read_json(str(lines)).write_parquet(str(table))
    for file in (lines, table):
        examples = preview_files(str(file), TEXT, len(rows)).examples
        if len(examples) != len(rows):
            raise Failure(f"{file.name}: {len(examples)} of {len(rows)} rows were read.")
    return "JSON Lines and Parquet"


def _score(folder: Path) -> str:
    """A reward file in its process, which is given some of Python's own library too."""
    file = folder / "reward.py"
    file.write_text("import fractions, statistics\n\ndef reward(answers):\n    return [len(a) for a in answers]\n")
    process = RewardProcess(file, memory_limit())
    try:
        reply = process.load(START_SECONDS)
        if "error" not in reply:
            rows = [{name: text for name in PARAMETERS} | {"line": 1} for text in ("two", "three")]
            reply = process.request({"rows": rows}, START_SECONDS, REPLY_BYTES * 64)
    except ProcessFailed as error:
        raise Failure(f"The process of a reward file {error}.") from None
    finally:
        process.close()
    if reply.get("scores") != [3, 5]:
        raise Failure(f"The scores are not [3, 5]: {reply}.")
    return "run in a process of their own"


def _train(folder: Path, backend: str, quantization: str = "none") -> str:
    """A few steps on the demo; the loss has to fall."""
    run = Run.from_dict(
        {
            "output": str(folder),
            "model": {"path": "starter", "quantization": quantization},
            "data": {"path": "demo", "max_seq_len": 128},
            "train": {"steps": 6, "batch_size": 4, "samples": 0, "learning_rate": 5e-3},
            "backend": backend,
        }
    )
    losses = [event.loss for event in train(run) if isinstance(event, Step)]
    if not all(map(math.isfinite, losses)) or losses[-1] >= losses[0]:
        raise Failure(f"The loss did not fall: {losses[0]:.3f} → {losses[-1]:.3f}.")
    return f"loss {losses[0]:.2f} → {losses[-1]:.2f} in {len(losses)} steps"


def _check_compiled(folder: Path) -> str:
    compiled = json.loads((folder / "resolved.json").read_text(encoding="utf-8"))["compiled"]
    if not compiled["used"]:
        raise Skip(compiled["reason"])
    return str(compiled["reason"])


def _generate(folder: Path, backend: str) -> str:
    """The built-in model and what was trained on it write a few words, without and with the adapter."""
    if not (folder / adapters.WEIGHTS).is_file():
        raise Failure("There is no trained adapter to answer with.")
    chat = Chat(str(STARTER), folder, backend_name=backend)
    question = [{"role": "user", "content": "What can you do?"}]
    before, after = ("".join(chat.answer(question, max_tokens=24, adapter=on)) for on in (False, True))
    if not before.strip():
        raise Failure("The built-in model answers with nothing.")
    return f"{before.strip()!r}; after training {after.strip()!r}"


def _check_neural_engine() -> str:
    raise Skip(machine()["neural_engine_reason"])


def _compare(found: mx.array, expected: np.ndarray, tolerance: float) -> None:
    """Raises Failure where two arrays differ by more than `tolerance` anywhere."""
    difference = float(np.abs(np.array(found.astype(mx.float32)) - expected).max())
    if not difference <= tolerance:
        raise Failure(f"Numbers are wrong by {difference:.3g}, where {tolerance:.3g} is allowed.")
