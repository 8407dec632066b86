"""Where this machine's OpenBLAS lies, with the libraries that it needs: the frozen app for Linux carries them."""

import re
import subprocess
from pathlib import Path

# Part of every Linux; they belong to the machine's own C library and must not be carried.
SYSTEM = re.compile(r"^(libc|libm|libpthread|libdl|librt|ld-linux.*)\.so")


def find_openblas() -> list[str]:
    """Paths of libopenblas.so.0 and of what it is linked with. Raises FileNotFoundError where it is not installed."""
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    found = next(
        (line.split("=> ")[1] for line in listed.splitlines() if line.strip().startswith("libopenblas.so.0")), ""
    )
    if not found:
        raise FileNotFoundError("OpenBLAS is not installed: apt-get install libopenblas0-pthread")
    needed = subprocess.run(["ldd", found], capture_output=True, text=True, check=True).stdout
    paths = [line.split("=> ")[1].split(" (")[0] for line in needed.splitlines() if "=> /" in line]
    return [str(Path(found)), *(path for path in paths if not SYSTEM.match(Path(path).name))]
