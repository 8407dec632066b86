"""The export target `gguf`: one file for llama.cpp, LM Studio, Ollama and others."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from core.errors import BadModel, Unavailable
from core.events import Event, Phase, Saved
from core.export.gguf_file import KINDS, write_gguf
from core.export.programs import find_program
from core.export.request import ExportRequest, free_file, scratch_folder, whole_model

# What llama.cpp's own quantizer makes of a 16-bit file; by the names that it has for them.
K_QUANTS = ("q4_k_m", "q5_k_m", "q6_k", "q3_k_m", "q2_k")
QUANTIZER = "llama-quantize"


def export_gguf(request: ExportRequest) -> Iterator[Event]:
    """Write the model as a GGUF file. Yields Saved with the file at the end. Raises UserError."""
    form = request.form or "f16"
    file = free_file(request.output, f"-{form}.gguf", request.name)
    quantizer = find_program(QUANTIZER) if form in K_QUANTS else None
    if form in K_QUANTS and quantizer is None:
        raise Unavailable(
            f"{form} is written by llama.cpp's own {QUANTIZER}, which is not on this computer; "
            f"install llama.cpp, or take {', '.join(KINDS)}."
        )
    with scratch_folder(file.parent) as scratch:
        folder = yield from whole_model(request, scratch)
        partial = scratch / file.name
        first = scratch / f"16bit-{file.name}" if quantizer else partial
        yield from write_gguf(folder, first, "f16" if quantizer else form, name=request.name)
        if quantizer:
            yield Phase("Packing", form)
            _quantize(quantizer, first, partial, form)
        partial.replace(file)
    yield Saved(0, str(file), "model")


def _quantize(quantizer: str, source: Path, target: Path, form: str) -> None:
    """Run llama.cpp's quantizer. Raises BadModel with its last line where it fails."""
    done = subprocess.run(
        [quantizer, str(source), str(target), form.upper()], capture_output=True, text=True, errors="replace"
    )
    if done.returncode or not target.is_file():
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise BadModel(f"{QUANTIZER} ended with an error: {lines[-1][:300] if lines else done.returncode}")
