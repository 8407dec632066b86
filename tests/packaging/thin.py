"""A Mac that this machine is not: the thin app's launcher among small scripts that play macOS and uv."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
THIN = ROOT / "packaging" / "thin"

BASE = Path(sys._base_executable)  # type: ignore[attr-defined]
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"

# uv: notes what it was asked, fails once for each line of $HOME/trouble, and makes an environment of this Python.
UV = f"""
echo "uv $*" >>"$HOME/calls"
if [ -s "$HOME/trouble" ]; then
    sed -n 1p "$HOME/trouble" >&2
    sed -i 1d "$HOME/trouble"
    exit 2
fi
case $1 in
venv)
    eval "folder=\\${{$#}}"
    mkdir -p "$folder/bin" "$folder/lib/{PYTHON}/site-packages"
    ln -s "{BASE}" "$folder/bin/python"
    echo "home = {BASE.parent}" >"$folder/pyvenv.cfg"
    ;;
sync)
    echo "Downloading mlx-metal (43.0MiB)" >&2
    echo " Downloaded mlx-metal" >&2
    until grep -q "1 of 1" "$HOME/shown"; do /bin/sleep 0.02; done
    ;;
esac
# Where a test wants the window to have shown something by now.
[ ! -e "$HOME/wait-for" ] || until grep -qf "$HOME/wait-for" "$HOME/shown"; do /bin/sleep 0.02; done
"""
COMMANDS = {
    "uname": "case ${1:-} in -m) echo ${TEST_MACHINE:-arm64} ;; *) echo Darwin ;; esac",
    "sw_vers": "echo ${TEST_MACOS:-14.6}",
    "sysctl": "echo ${TEST_ARM:-0}",
    "arch": 'shift; echo "natively" >&2; TEST_MACHINE=${TEST_THEN:-arm64} exec "$@"',
    "scutil": 'cat "$HOME/proxy" 2>/dev/null',
    "df": """
echo "Filesystem 1024-blocks Used Available Capacity Mounted on"
echo "/dev/disk3s5 994662584 1 $(($(cat "$HOME/room" 2>/dev/null || echo 50000) * 1024)) 50% /System/Volumes/Data"
""",
    "sleep": "exec /bin/sleep 0.02",
    # The window: notes what it shows, and presses the buttons named in $HOME/presses when it shows what is wrong.
    "osascript": """
[ -n "$4" ] || { echo "refused: $5" >>"$HOME/shown"; exit 0; }
while [ -e "$4/status" ]; do
    new=$(tr '\\n' '|' <"$4/status" 2>/dev/null)
    if [ -n "$new" ] && [ "$new" != "${old:-}" ]; then
        echo "$new" >>"$HOME/shown"
        case $new in
        stopped*)
            word=$(sed -n 1p "$HOME/presses" 2>/dev/null)
            sed -i 1d "$HOME/presses" 2>/dev/null
            echo "${word:-quit}" >"$4/answer.new" && mv "$4/answer.new" "$4/answer"
            ;;
        esac
        old=$new
    fi
    /bin/sleep 0.01
done
""",
}
# The Hone that the made environment imports, in the place of the real one.
FAKE_HONE = "import os, sys\ndef main():\n    print('window', *sys.argv, flush=True)\n    return 0\n"


class Mac:
    """A home folder, Hone.app, and the commands of the system on the PATH."""

    def __init__(self, folder: Path, person: str = "Änne Müller") -> None:
        self.home = folder / person
        self.support = self.home / "Library/Application Support/Hone"
        self.contents = folder / "App Translocation/Hone.app/Contents"
        self.launcher = self.contents / "MacOS/Hone"
        self._bin = folder / "bin"
        for made in (self.home, self._bin, self.launcher.parent, self.contents / "Helpers"):
            made.mkdir(parents=True)
        resources = self.contents / "Resources"
        (resources / "project").mkdir(parents=True)
        shutil.copy(THIN / "launcher.sh", self.launcher)
        self.launcher.chmod(0o755)
        for name in ("install.sh", "start.py", "progress.js"):
            shutil.copy(THIN / name, resources)
        self.hone = resources / "project/app/__main__.py"
        self.put(self.hone, FAKE_HONE)
        self.put(resources / "project/app/shell/window.py", "")
        self.put(resources / "project/core/__main__.py", FAKE_HONE)
        self.set_release("0.1.0-aaaa")
        self.script(self.contents / "Helpers/uv", UV)
        for name, body in COMMANDS.items():
            self.script(self._bin / name, body)
        self.env = {
            "HOME": str(self.home),
            "PATH": f"{self._bin}:/usr/bin:/bin",
            "TMPDIR": str(folder),
        }

    def put(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def script(self, path: Path, body: str) -> None:
        self.put(path, f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def set_release(self, name: str) -> None:
        (self.contents / "Resources/release").write_text(f"{name}\n", "ascii")

    def begin(self, *words: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.launcher, *words],
            env=self.env | env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start(self, *words: str, **env: str) -> tuple[int, str, str]:
        """(exit code, what Hone printed, what went to stderr)."""
        process = self.begin(*words, **env)
        out, err = process.communicate(timeout=60)
        return process.returncode, out.strip(), err.strip()

    def lines(self, name: str) -> list[str]:
        """A file of the home folder: calls (of uv), shown (in the window)."""
        path = self.home / name
        return path.read_text("utf-8").splitlines() if path.exists() else []

    def log(self) -> str:
        return (self.home / "Library/Logs/Hone/install.log").read_text("utf-8")

    @property
    def environments(self) -> list[str]:
        return sorted(os.listdir(self.support / "environments"))


def wait_until(condition: object, seconds: float = 20) -> None:
    """Until `condition()` is true; what was waited for is in the failure."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, condition
        time.sleep(0.02)
