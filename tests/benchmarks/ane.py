"""The Neural Engine's tables, without one: what its programs give, their gradients, and who is accepted.

python -m tests.benchmarks.ane [errors|gradients|selection ...]   writes its parts of tests/benchmarks/results/ane.md
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten

from core.ane.engine import Chunk, Engine
from core.ane.program import chunk_spec
from core.ane.selection import judge_early
from core.device.neural_engine import Host
from core.run import Run
from tests.benchmarks.page import put_part
from tests.core.ane.tiny import add_lora, compile_chunk, mlx_outputs, program_output, relative_error, tiny_model

PAGE = Path(__file__).parent / "results" / "ane.md"
TITLE = "The Neural Engine, evaluated in NumPy: nothing here ran on one"
QWEN3 = {"model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072, "num_attention_heads": 16,
         "num_key_value_heads": 8, "head_dim": 128}  # fmt: skip
HOSTS = {
    "Linux": Host("linux", "x86_64", "", True),
    "Mac, Intel": Host("darwin", "x86_64", "15.0", True),
    "Mac, macOS 14": Host("darwin", "arm64", "14.7", True),
    "Mac, no coremltools": Host("darwin", "arm64", "26.1", False),
    "Mac": Host("darwin", "arm64", "26.1", True),
}
JOBS = {
    "Qwen 3, LoRA": (QWEN3, {}),
    "Qwen 3, DoRA": (QWEN3, {"adapter": {"type": "dora"}}),
    "Qwen 3, GRPO": (QWEN3, {"method": "grpo"}),
    "Gemma 3": (QWEN3 | {"model_type": "gemma3"}, {}),
    "Mistral with a window": (QWEN3 | {"model_type": "mistral", "sliding_window": 4096}, {}),
    "Llama with yarn": (QWEN3 | {"model_type": "llama", "rope_scaling": {"rope_type": "yarn"}}, {}),
}


def errors() -> Iterator[str]:
    yield "Largest difference of a block's output from mlx-lm's, as a share of the largest value; LoRA on 7 linears."
    yield from ("", "| family | length | float32 program | float16 program |", "| --- | --- | --- | --- |")
    for family in ("llama", "mistral", "qwen2", "qwen3"):
        blocks = list(add_lora(tiny_model(family)).layers)
        for length in (128, 256, 512, 1024):
            x = mx.random.normal((1, length - 3, 64), key=mx.random.key(5))
            want, cells = mlx_outputs(blocks, x)[-1], []
            for dtype in (np.float32, np.float16):
                with tempfile.TemporaryDirectory() as folder:
                    got, _ = program_output(blocks, x, Path(folder), dtype, length)
                cells.append(f"{relative_error(got, want):.1e}")
            yield f"| {family} | {length} | {' | '.join(cells)} |"


def gradients() -> Iterator[str]:
    yield "LoRA gradients of three Qwen 3 blocks (42 tensors) against MLX's own."
    yield from ("", "| program | backward | loss | worst relative error | worst cosine |", "| --- " * 5 + "|")
    model = add_lora(tiny_model("qwen3", blocks=3))
    loss, grad = _loss_and_gradient(model)
    for dtype in (np.float32, np.float16):
        for taps in (True, False):
            spec = chunk_spec(model.layers, 128, taps=taps, dtype=dtype)
            with tempfile.TemporaryDirectory() as folder:
                engine = Engine([Chunk(model.layers, spec, compile_chunk(model.layers, spec, Path(folder)), True)])
            engine.install()
            got_loss, got = _loss_and_gradient(model)
            engine.uninstall()
            worst = max(relative_error(got[n], grad[n]) for n in grad)
            pairs = [(np.array(got[n], np.float64).ravel(), np.array(grad[n], np.float64).ravel()) for n in grad]
            cosine = min(float(a @ b / np.sqrt((a @ a) * (b @ b))) for a, b in pairs)
            name, way = np.dtype(dtype).name, "tapped" if taps else "recomputed"
            yield f"| {name} | {way} | {got_loss - loss:+.1e} | {worst:.1e} | {cosine:.6f} |"


def selection() -> Iterator[str]:
    yield "Before a model is loaded; what passes is tried and timed on the machine itself."
    yield from ("", "| machine | model and job | stage: code | what is said |", "| --- " * 4 + "|")
    for host_name, host in HOSTS.items():
        for job_name, (config, values) in JOBS.items() if host_name == "Mac" else list(JOBS.items())[:1]:
            verdict = judge_early(Run.from_dict(values), config, 512, host)
            words = (f"{verdict.stage}: {verdict.code}", verdict.line) if verdict else ("", "It is tried.")
            yield f"| {host_name} | {job_name} | {' | '.join(words)} |"


def _loss_and_gradient(model: nn.Module) -> tuple[float, dict[str, mx.array]]:
    tokens = mx.random.randint(0, 64, (2, 90), key=mx.random.key(2))

    def loss(model: nn.Module) -> mx.array:
        return nn.losses.cross_entropy(model(tokens[:, :-1]), tokens[:, 1:]).mean()

    value, grad = nn.value_and_grad(model, loss)(model)
    mx.eval(value, grad)
    return value.item(), dict(tree_flatten(grad))


if __name__ == "__main__":
    mx.set_default_device(mx.cpu)
    parts = {"errors": errors, "gradients": gradients, "selection": selection}
    for name in sys.argv[1:] or parts:
        text = "\n".join(parts[name]())
        print(text, end="\n\n")
        put_part(PAGE, TITLE, name.capitalize(), text)
