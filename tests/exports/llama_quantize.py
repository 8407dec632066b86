"""llama.cpp's quantizer for a machine that has its library but not its program, called as llama-quantize is:

    python llama_quantize.py FOLDER SOURCE.gguf TARGET.gguf Q4_K_M

FOLDER holds libllama and libggml, as the prebuilt packages of llama.cpp's bindings bring them (node-llama-cpp's
@node-llama-cpp/linux-x64, for one). Nothing of Hone is needed.
"""

import ctypes
import sys
from pathlib import Path

FORMS = {"Q2_K": 10, "Q3_K_M": 12, "Q4_K_M": 15, "Q5_K_M": 17, "Q6_K": 18}  # llama.cpp's enum llama_ftype


class Parameters(ctypes.Structure):
    """Of llama.cpp's llama_model_quantize_params the first two fields, and more room than any version has taken."""

    _fields_ = (("threads", ctypes.c_int32), ("form", ctypes.c_int32), ("rest", ctypes.c_byte * 504))


def quantize(folder: Path, source: str, target: str, form: str) -> int:
    """Write `target`; returns llama.cpp's status, 0 where it worked."""
    for name in ("libggml-base.so", "libggml*.so", "libllama*.so"):
        files = [file for file in sorted(folder.glob(name)) if "-cpu-" not in file.name and "common" not in file.name]
        libraries = [ctypes.CDLL(str(file), ctypes.RTLD_GLOBAL) for file in files]
    llama = libraries[0]
    llama.llama_model_quantize_default_params.restype = Parameters
    llama.llama_model_quantize.restype = ctypes.c_uint32
    llama.llama_model_quantize.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Parameters))
    llama.llama_backend_init()
    parameters = llama.llama_model_quantize_default_params()
    parameters.threads, parameters.form = 2, FORMS[form]
    return int(llama.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(parameters)))


if __name__ == "__main__":
    sys.exit(quantize(Path(sys.argv[1]), *sys.argv[2:5]))
