"""What the core sets for MLX before it is loaded is only what nobody has set."""

import json
import os
import subprocess
import sys

NAMES = ("MLX_CUDA_GRAPH_CACHE_SIZE", "MLX_MAX_OPS_PER_BUFFER", "MLX_MAX_MB_PER_BUFFER")


def read(**settings: str) -> list[str]:
    """The values of NAMES in a program that was started with these settings, once the core is imported."""
    inherited = {name: value for name, value in os.environ.items() if name not in NAMES}
    code = f"import core, json, os; print(json.dumps([os.environ.get(name, str()) for name in {NAMES}]))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=inherited | settings)
    assert process.returncode == 0, process.stderr
    return [str(value) for value in json.loads(process.stdout)]


def test_settings_for_cuda_give_way_to_a_persons_own() -> None:
    usual = ["2000", "20", "4000"] if sys.platform == "linux" else ["2000", "", ""]  # Metal goes by the same names
    assert read() == usual
    assert read(MLX_MAX_MB_PER_BUFFER="7", MLX_CUDA_GRAPH_CACHE_SIZE="9") == ["9", usual[1], "7"]
