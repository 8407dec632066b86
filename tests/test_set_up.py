"""run.sh on machines that this one is not: every command it would call is played by a small script."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NVIDIA = "echo '%s, %s'"
NOTHING_INSTALLED = "exit 1"  # dpkg-query: nothing is installed
DEBIAN = "echo 'install ok installed'"

WINDOW = (
    "libgl1 libegl1 libglib2.0-0 libx11-6 libdbus-1-3 libfontconfig1 libxkbcommon0 "
    "libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxkbcommon-x11-0"
)


class Machine:
    """A folder of pretended commands, and run.sh started among them."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder
        self.commands = {
            "uname": "case ${1:-} in -m) echo x86_64 ;; *) echo Linux ;; esac",
            "id": "echo 1000",
            "sudo": "exit 1",
            "apt-get": 'echo "apt-get $*" >&2',
            "dpkg-query": DEBIAN,
            "uv": 'echo "uv $*"',
            "nvidia-smi": "exit 9",
        }
        self.env = {"DISPLAY": ":0", "HOME": str(folder / "home")}

    def run(self, *words: str, cwd: Path = ROOT) -> tuple[int, str, str]:
        """(exit code, the uv command, the message on stderr)."""
        for name, body in self.commands.items():
            script = self.bin / name
            script.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
            script.chmod(0o755)
        process = subprocess.run(
            [ROOT / "run.sh", *words],
            env=self.env | {"PATH": f"{self.bin}:/usr/bin:/bin"},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return process.returncode, process.stdout.strip(), process.stderr.strip()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


PYTEST = "pytest --numprocesses logical --maxprocesses 4 --dist worksteal"


def uv(command: str, build: str = "") -> str:
    return f"uv run --project {ROOT} --locked {build}-- {command}"


def test_the_window(machine: Machine) -> None:
    assert machine.run() == (0, uv("hone-app"), "")


def test_the_command_line_from_any_folder(machine: Machine, tmp_path: Path) -> None:
    machine.commands["uv"] += "; pwd"
    code, uv_command, _ = machine.run("hone", "train", "--dataset", "my data.jsonl", cwd=tmp_path)
    assert (code, uv_command) == (0, f"{uv('hone train --dataset my data.jsonl')}\n{tmp_path}")


def test_the_tests_run_in_the_repository(machine: Machine, tmp_path: Path) -> None:
    machine.commands["uv"] += '; pwd; echo "$QT_QPA_PLATFORM $MLX_DISABLE_COMPILE"'
    _, uv_command, _ = machine.run("--test", "-k", "one or two", cwd=tmp_path)
    assert uv_command == f"{uv(f'{PYTEST} -k one or two')}\n{ROOT}\noffscreen 1"


def test_the_check_runs_everything(machine: Machine) -> None:
    commands = ("ruff format --check", "ruff check", "mypy", "lint-imports --no-logo", PYTEST)
    code, calls, message = machine.run("--check")
    assert (code, calls) == (0, "\n".join(map(uv, commands)))
    assert message == "Audited: the locked packages have no known vulnerability."


UNKNOWN = "echo 'numpy Dependency not found on PyPI and could not be audited: numpy (2.4.6)'"
VULNERABLE = "echo 'Found 1 known vulnerability in 1 package'; echo numpy 1.0 PYSEC-1; exit 1"
TOLD = "Found 1 known vulnerability in 1 package\nnumpy 1.0 PYSEC-1\nA package has a known vulnerability (see above)."


@pytest.mark.parametrize(
    ("audit", "code", "message"),
    [
        ("exit 1", 0, "Not audited: the packages, as the package index cannot be reached."),
        (
            "case $* in *--version*) ;; *) echo broken; echo out of order; exit 1 ;; esac",
            0,
            "Not audited: the packages, as the audit itself could not run: out of order",
        ),
        (
            f"case $* in *osv*) exit 1 ;; *) {UNKNOWN} ;; esac",
            0,
            "Not audited: 1 of 2 locked packages. The package index has nothing to tell of them, and OSV cannot be "
            "reached; where it can, pip-audit -s osv tells.",
        ),
        (
            f"case $* in *osv*) ;; *) {UNKNOWN} ;; esac",
            0,
            "Audited by OSV, as the package index has nothing to tell of 1: no known vulnerability.",
        ),
        (
            f"case $* in *osv*) {VULNERABLE} ;; *) {UNKNOWN} ;; esac",
            2,
            TOLD,
        ),
        (
            f"case $* in *--version*) ;; *) {VULNERABLE} ;; esac",
            2,
            TOLD,
        ),
    ],
)
def test_what_the_audit_says(machine: Machine, audit: str, code: int, message: str) -> None:
    export = 'for file; do :; done; printf "# two\\nnumpy==2.4.6\\n    # via mlx\\nrich==1.0\\n" >"$file"'
    machine.commands["uv"] = f'case $* in "tool run"*) {audit} ;; export*) {export} ;; *) echo "uv $*" ;; esac'
    assert machine.run("--check")[::2] == (code, message)


def test_the_check_stops_at_the_first_failure(machine: Machine) -> None:
    machine.commands["uv"] += "; exit 1"
    assert machine.run("--check")[:2] == (1, uv("ruff format --check"))


def test_without_a_screen(machine: Machine) -> None:
    del machine.env["DISPLAY"]
    code, uv_command, message = machine.run()
    assert (code, uv_command) == (2, "")
    assert message == (
        "Hone's window needs a screen, and there is none here; without one, try "
        "./run.sh hone train --model starter --dataset demo, or ./run.sh --test"
    )
    assert machine.run("--test")[0] == machine.run("hone", "doctor")[0] == 0


def test_packages_without_rights(machine: Machine) -> None:
    machine.commands["dpkg-query"] = NOTHING_INSTALLED
    code, uv_command, message = machine.run()
    line = f"apt-get install -y --no-install-recommends ca-certificates libopenblas0-pthread {WINDOW}"
    assert (code, uv_command) == (2, "")
    assert f"    sudo apt-get update && sudo {line}\n" in message


def test_the_command_line_needs_no_window_packages(machine: Machine) -> None:
    machine.commands["dpkg-query"] = NOTHING_INSTALLED
    message = machine.run("hone", "doctor")[2]
    assert "recommends ca-certificates libopenblas0-pthread\n" in message


def test_going_on_without_packages(machine: Machine) -> None:
    machine.commands["dpkg-query"] = NOTHING_INSTALLED
    machine.env["HONE_NO_APT"] = "1"
    assert machine.run() == (0, uv("hone-app"), "")


@pytest.mark.parametrize("rights", ["root", "sudo"])
def test_packages_with_rights(machine: Machine, rights: str) -> None:
    machine.commands["dpkg-query"] = NOTHING_INSTALLED
    if rights == "root":
        machine.commands["id"] = "echo 0"
    else:
        machine.commands["sudo"] = '[ "$1" != -n ] || shift; exec "$@"'
    code, uv_command, message = machine.run("hone", "doctor")
    assert (code, uv_command) == (0, uv("hone doctor"))
    assert message.splitlines() == [
        "Installing the system packages that are missing: ca-certificates libopenblas0-pthread",
        "apt-get update -qq",
        "apt-get install -y --no-install-recommends ca-certificates libopenblas0-pthread -qq",
    ]


def test_packages_that_do_not_install(machine: Machine) -> None:
    machine.commands |= {"dpkg-query": NOTHING_INSTALLED, "id": "echo 0", "apt-get": "exit 100"}
    code, uv_command, message = machine.run("hone", "doctor")
    assert (code, uv_command) == (2, "")
    assert "could not be installed" in message


def test_a_package_that_newer_releases_renamed(machine: Machine) -> None:
    machine.commands["dpkg-query"] = 'case "$*" in *t64*) echo "install ok installed" ;; *) exit 1 ;; esac'
    assert machine.run()[0] == 0


@pytest.mark.parametrize(
    ("driver", "capability", "build", "message"),
    [
        (
            "580.65.06",
            "9.0",
            "--no-group cpu --extra cuda ",
            "Using the NVIDIA GPU with CUDA 13 (HONE_DEVICE=cpu for the CPU).",
        ),
        (
            "570.1",
            "12.0",
            "--no-group cpu --extra cuda12 ",
            "Using the NVIDIA GPU with CUDA 12, as its driver is older than 580 (HONE_DEVICE=cpu for the CPU).",
        ),
        ("535.1", "8.0", "", "The NVIDIA driver 535 is too old for MLX, which needs 550 or newer: using the CPU."),
        (
            "580.1",
            "7.0",
            "",
            "The NVIDIA GPU is too old for MLX (compute capability 7.0, needed is 7.5): using the CPU.",
        ),
    ],
)
def test_an_nvidia_gpu(machine: Machine, driver: str, capability: str, build: str, message: str) -> None:
    machine.commands["nvidia-smi"] = NVIDIA % (driver, capability)
    assert machine.run("hone", "doctor") == (0, uv("hone doctor", build), message)


def test_an_nvidia_gpu_left_alone(machine: Machine) -> None:
    machine.commands["nvidia-smi"] = NVIDIA % ("580.1", "9.0")
    machine.env["HONE_DEVICE"] = "cpu"
    assert machine.run() == (0, uv("hone-app"), "")


def test_an_nvidia_driver_that_does_not_answer(machine: Machine) -> None:
    machine.commands["nvidia-smi"] = "echo 'NVIDIA-SMI has failed'; exit 9"
    assert machine.run() == (0, uv("hone-app"), "")


@pytest.mark.parametrize(
    ("arch", "version", "message"),
    [
        ("arm64", "15.7.1", ""),
        ("x86_64", "15.7.1", "Hone needs a Mac with Apple silicon (and a terminal that does not run in Rosetta)."),
        ("arm64", "13.6", "Hone needs macOS 14 or newer; this is macOS 13.6."),
    ],
)
def test_a_mac(machine: Machine, arch: str, version: str, message: str) -> None:
    machine.commands |= {
        "uname": f"case $1 in -m) echo {arch} ;; *) echo Darwin ;; esac",
        "sw_vers": f"echo {version}",
        "dpkg-query": "echo called >&2",
        "nvidia-smi": "echo called >&2",
    }
    del machine.env["DISPLAY"]
    assert machine.run() == ((2, "", message) if message else (0, uv("hone-app", "--extra ane "), ""))


def test_another_system(machine: Machine) -> None:
    machine.commands["uname"] = "echo FreeBSD"
    assert machine.run() == (2, "", "Hone runs on macOS and Linux; this is FreeBSD.")


def test_continuous_integration_runs_the_tests() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert "exec ./run.sh --test" in (ROOT / ".ci/run").read_text("utf-8")


@pytest.mark.parametrize(("which", "script"), [("thin", "thin_app.py"), ("frozen", "frozen/build.py")])
def test_an_app_is_packaged(machine: Machine, which: str, script: str) -> None:
    assert machine.run("--package", which, "out") == (
        0,
        uv(f"python {ROOT}/packaging/{script} out", build="--group package "),
        "",
    )


@pytest.mark.parametrize("words", [[], ["thick", "out"], ["thin"]])
def test_packaging_asks_for_what_is_missing(machine: Machine, words: list[str]) -> None:
    code, uv_command, message = machine.run("--package", *words)
    assert (code, uv_command) == (2, "")
    assert "./run.sh --package thin OUT" in message


def test_the_lock_names_the_index(machine: Machine) -> None:
    machine.commands["uv"] = 'echo "$UV_DEFAULT_INDEX ${UV_INDEX_URL:-none} ${UV_INDEX:-none}"'
    locked = re.search(r'registry = "([^"]+)"', (ROOT / "uv.lock").read_text("utf-8"))
    assert locked
    index = locked.group(1)
    told = f"Taking the packages from {index}, as uv.lock says; the README tells how to use another index."
    assert machine.run() == (0, f"{index} none none", "")
    machine.env["UV_INDEX_URL"] = machine.env["UV_INDEX"] = "https://index.example/simple"
    code, out, err = machine.run()
    assert (code, out) == (0, f"{index} none none") and err.endswith(told)
