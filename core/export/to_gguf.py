"""The export target `gguf`: one file for llama.cpp, LM Studio, Ollama and others."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from core.errors import BadModel, Unavailable
from core.events import Event, Phase, Saved, Warned
from core.export.gguf_file import KINDS, write_gguf
from core.export.programs import find_program
from core.export.request import ExportRequest, free_file, scratch_folder, whole_model
from core.text.sentence import say

# What llama.cpp's own quantizer makes of a 16-bit file; by the names that it has for them.
K_QUANTS = ("q4_k_m", "q5_k_m", "q6_k", "q3_k_m", "q2_k")
QUANTIZER = "llama-quantize"
_CHECKED_ROWS = 256  # of each tensor, that are unpacked again
_LARGEST_LOSS = 0.5  # of a packed tensor, as a norm relative to the tensor's; 2 bit lose about 0.3


def export_gguf(request: ExportRequest) -> Iterator[Event]:
    """Write the model as a GGUF file. Yields Saved with the file at the end. Raises UserError."""
    form = request.form or "f16"
    file = free_file(request.output, f"-{form}.gguf", request.name)
    quantizer = find_program(QUANTIZER) if form in K_QUANTS else None
    if form in K_QUANTS and quantizer is None:
        raise Unavailable(
            say(
                "{form} is written by llama.cpp's own {quantizer}, which is not on this computer; install "
                "llama.cpp, or take {kinds}.",
                form=form,
                quantizer=QUANTIZER,
                kinds=", ".join(KINDS),
            )
        )
    with scratch_folder(file.parent) as scratch:
        folder = yield from whole_model(request, scratch)
        partial = scratch / file.name
        first = scratch / f"16bit-{file.name}" if quantizer else partial
        yield from write_gguf(folder, first, "f16" if quantizer else form, name=request.name)
        if quantizer:
            yield Phase("Packing", form)
            _quantize(quantizer, first, partial, form)
            yield Phase("Checking", str(file))
            yield _check_packed(first, partial, form)
        partial.replace(file)
    yield Saved(0, str(file), "model")


def _quantize(quantizer: str, source: Path, target: Path, form: str) -> None:
    """Run llama.cpp's quantizer. Raises BadModel with its last line where it fails."""
    done = subprocess.run(
        [quantizer, str(source), str(target), form.upper()], capture_output=True, text=True, errors="replace"
    )
    if done.returncode or not target.is_file():
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise BadModel(
            say(
                "{quantizer} ended with an error: {error}",
                quantizer=QUANTIZER,
                error=lines[-1][:300] if lines else done.returncode,
            )
        )


def _check_packed(source: Path, target: Path, form: str) -> Warned:
    """Read what the quantizer wrote and compare it with the 16-bit file; a sentence about the difference.

    Raises BadModel where the file cannot be read or holds other tensors.
    """
    packed = _read_tensors(target)
    differences = [0.0]
    for tensor in gguf.GGUFReader(source).tensors:
        found = packed.pop(tensor.name, None)
        if found is None or list(found.shape) != list(tensor.shape):
            raise BadModel(
                say("{quantizer} wrote a file without {name}; it is not kept.", quantizer=QUANTIZER, name=tensor.name)
            )
        expected, values = (_unpack(one) for one in (tensor, found))
        size = float(np.linalg.norm(expected))
        differences.append(float(np.linalg.norm(values - expected)) / size if size else 0.0)
        if not differences[-1] <= _LARGEST_LOSS:
            raise BadModel(
                say(
                    "{quantizer} wrote another {name} than the model has; it is not kept.",
                    quantizer=QUANTIZER,
                    name=tensor.name,
                )
            )
    largest, mean = max(differences), sum(differences) / len(differences)
    differ = say("its tensors differ from 16 bit by {mean:.1%}, {largest:.1%} at most", mean=mean, largest=largest)
    return Warned("checked", say("Read again: as {form} {differ}.", form=form, differ=differ))


def _read_tensors(file: Path) -> dict[str, Any]:
    try:
        return {tensor.name: tensor for tensor in gguf.GGUFReader(file).tensors}
    except (ValueError, IndexError) as error:
        raise BadModel(
            say(
                "{quantizer} wrote a file that cannot be read ({reason}); it is not kept.",
                quantizer=QUANTIZER,
                reason=error,
            )
        ) from None


def _unpack(tensor: Any) -> Any:
    """The first rows of a tensor in float32."""
    data = tensor.data[:_CHECKED_ROWS] if tensor.data.ndim > 1 else tensor.data
    return gguf.dequantize(data, tensor.tensor_type).astype(np.float32)
