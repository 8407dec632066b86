#!/bin/sh
# Starts Hone on a Mac or on Linux, after installing whatever is still missing.
set -eu

usage() {
    cat <<'END'
./run.sh                     open the window
./run.sh hone COMMAND ...    the command line, for example: ./run.sh hone train --model starter --dataset demo
./run.sh --test [ARGUMENTS]  run the tests; the arguments go to pytest
./run.sh --check             format, lint, types, import layers and tests: all that has to hold before a commit
./run.sh --package thin OUT  make the Mac app OUT/Hone.app that installs itself at its first start; frozen: the whole app

HONE_DEVICE=cpu   leave an NVIDIA GPU alone
HONE_NO_APT=1     go on without missing system packages
END
}

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 2; }

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
system=$(uname -s)
word=${1:-window}
case $word in -h | --help) usage; exit 0 ;; esac

# What the person asked for must be possible at all, before anything is installed for it.
refuse_what_cannot_work() {
    case $system in
    Darwin)
        [ "$(uname -m)" = arm64 ] || fail "Hone needs a Mac with Apple silicon (and a terminal that does not run in Rosetta)."
        macos=$(sw_vers -productVersion)
        [ "${macos%%.*}" -ge 14 ] || fail "Hone needs macOS 14 or newer; this is macOS $macos."
        ;;
    Linux)
        case $word in hone | --test | --check | --package) return ;; esac
        [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}${QT_QPA_PLATFORM:-}" ] ||
            fail "Hone's window needs a screen, and there is none here; without one, try ./run.sh hone train --model starter --dataset demo, or ./run.sh --test"
        ;;
    *) fail "Hone runs on macOS and Linux; this is $system." ;;
    esac
}

# Debian, Ubuntu and their relatives: the packages that this command needs and that are not installed.
missing_packages() {
    wanted="ca-certificates libopenblas0-pthread"
    [ -n "$uv" ] || wanted="$wanted python3-venv"
    [ "$word" = hone ] ||
        wanted="$wanted libgl1 libegl1 libglib2.0-0 libx11-6 libdbus-1-3 libfontconfig1 libxkbcommon0
            libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxkbcommon-x11-0"
    for package in $wanted; do
        # Newer releases call some of them NAMEt64; apt-get understands the old name there.
        dpkg-query -W -f '${Status}\n' "$package" "${package}t64" 2>/dev/null | grep -q '^install ok' ||
            printf '%s ' "$package"
    done
}

install_packages() {
    packages=$(missing_packages)
    [ -n "$packages" ] || return 0
    line="apt-get install -y --no-install-recommends ${packages% }"
    if [ "$(id -u)" = 0 ]; then
        sudo=
    elif sudo -n true 2>/dev/null; then
        sudo="sudo -n"
    elif [ -t 0 ] && command -v sudo >/dev/null; then
        sudo=sudo
    else
        fail "Hone needs system packages that only an administrator can install. Run this, then ./run.sh again:
    sudo apt-get update && sudo $line
(or set HONE_NO_APT=1 to go on without them)"
    fi
    say "Installing the system packages that are missing: ${packages% }"
    # shellcheck disable=SC2086  # the words of $sudo and $line are meant to be split
    if ! { $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive $line -qq >/dev/null; }; then
        fail "They could not be installed; what apt-get said stands above. By hand: sudo $line"
    fi
}

# Where uv is: on the PATH, where its installer puts it, or where this script has put it.
find_uv() {
    for uv in "$(command -v uv || true)" "$here/.uv/bin/uv" "$HOME/.local/bin/uv" /opt/homebrew/bin/uv; do
        [ ! -x "$uv" ] || return 0
    done
    uv=
}

install_uv() {
    say "Installing uv, which fetches the rest, into $here/.uv"
    if [ "$system" = Darwin ]; then
        # A bare Mac has curl; its python3 only opens a dialog.
        curl -LsSf https://astral.sh/uv/install.sh | env UV_UNMANAGED_INSTALL="$here/.uv/bin" sh >/dev/null 2>&1 || true
    else
        command -v python3 >/dev/null || fail "Hone needs python3 (with its venv module) or uv; install one of them first."
        { python3 -m venv --clear "$here/.uv" && "$here/.uv/bin/pip" install --quiet uv; } || true
    fi
    uv=$here/.uv/bin/uv
    [ -x "$uv" ] || fail "uv could not be installed; check the connection to the internet and run ./run.sh again."
}

# MLX comes in one build for each kind of device; they cannot live side by side.
choose_build() {
    build=
    [ "$system" = Linux ] || build="--extra ane" # what the Neural Engine needs
    [ "$system" = Linux ] && [ "${HONE_DEVICE:-}" != cpu ] && command -v nvidia-smi >/dev/null || return 0
    gpu=$(nvidia-smi --query-gpu=driver_version,compute_cap --format=csv,noheader 2>/dev/null | head -n 1) || return 0
    driver=${gpu%%.*}
    case $driver in '' | *[!0-9]*) return 0 ;; esac
    case ${gpu##*, } in
    [1-6].* | 7.[0-4]) say "The NVIDIA GPU is too old for MLX (compute capability ${gpu##*, }, needed is 7.5): using the CPU." ;;
    *)
        if [ "$driver" -ge 580 ]; then
            build="--no-group cpu --extra cuda"
            say "Using the NVIDIA GPU with CUDA 13 (HONE_DEVICE=cpu for the CPU)."
        elif [ "$driver" -ge 550 ]; then
            build="--no-group cpu --extra cuda12"
            say "Using the NVIDIA GPU with CUDA 12, as its driver is older than 580 (HONE_DEVICE=cpu for the CPU)."
        else
            say "The NVIDIA driver $driver is too old for MLX, which needs 550 or newer: using the CPU."
        fi
        ;;
    esac
}

# A command inside the environment, which is brought up to date first. $become is "exec" for the last one.
become=
# shellcheck disable=SC2086  # the words of $build are meant to be split
run() { $become "$uv" run --project "$here" --locked $build -- "$@"; }

# Elsewhere than on Debian nobody knows the packages' names; so say what is needed once it turns out to be missing.
try_qt() {
    [ "$system" = Linux ] && ! command -v dpkg-query >/dev/null && [ "$word" != hone ] || return 0
    run python -c "import PySide6.QtWidgets" ||
        fail "Qt's libraries are not complete: please install your distribution's packages for libGL, libEGL, glib 2, libX11, D-Bus, fontconfig, libxkbcommon and xcb-util-cursor (and OpenBLAS, for speed)."
}

# Known vulnerabilities of the locked packages, told by the package index or, where that has nothing to tell of some as a
# mirror may, by OSV (osv.dev). pip-audit counts a package that it was told nothing about as sound.
audit() {
    locked=$(mktemp)
    answer=$(mktemp)
    "$uv" export --project "$here" --locked --no-hashes --no-emit-project --quiet --output-file "$locked" >/dev/null
    if ! "$uv" tool run --quiet pip-audit --version >/dev/null 2>&1; then
        say "Not audited: the packages, as the package index cannot be reached."
    elif ! ask_for_vulnerabilities pypi; then
        say "Not audited: the packages, as the audit itself could not run: $(tail -n 1 "$answer")"
    else
        unknown=$(grep -c "could not be audited" "$answer" || true)
        total=$(grep -c "^[a-zA-Z0-9].*==" "$locked" || true)
        if [ "$unknown" -eq 0 ]; then
            say "Audited: the locked packages have no known vulnerability."
        elif ask_for_vulnerabilities osv; then
            say "Audited by OSV, as the package index has nothing to tell of $unknown: no known vulnerability."
        else
            say "Not audited: $unknown of $total locked packages. The package index has nothing to tell of them, and OSV cannot be reached; where it can, pip-audit -s osv tells."
        fi
    fi
    rm -f "$locked" "$answer"
}

# Ask a service about the packages in $locked, its words into $answer. Fails where it does not answer; ends the check where
# it knows of a vulnerability.
ask_for_vulnerabilities() {
    "$uv" tool run --quiet pip-audit --vulnerability-service "$1" --requirement "$locked" --no-deps --disable-pip \
        --progress-spinner off >"$answer" 2>&1 && return 0
    grep -q "^Found .* known vulnerabilit" "$answer" || return 1
    cat "$answer" >&2
    rm -f "$locked" "$answer"
    fail "A package has a known vulnerability (see above)."
}

# The lock names the index. Another one, in the environment or in uv's own settings, would only make uv doubt the lock.
choose_index() {
    index=$(sed -n 's/.*registry = "\([^"]*\)".*/\1/p' "$here/uv.lock" | head -n 1)
    [ -z "${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-}}" ] || [ "${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-}}" = "$index" ] ||
        say "Taking the packages from $index, as uv.lock says; the README tells how to use another index."
    unset UV_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL UV_FIND_LINKS
    export UV_DEFAULT_INDEX="$index"
}

refuse_what_cannot_work
find_uv
if [ "$system" = Linux ] && [ -z "${HONE_NO_APT:-}" ] && command -v dpkg-query >/dev/null; then install_packages; fi
[ -n "$uv" ] || install_uv
choose_index
choose_build
try_qt

case $word in
hone) ;;
--test | --check)
    shift
    cd "$here"
    unset PYTHONDONTWRITEBYTECODE # with it every worker, and every process that a test starts, compiles everything again
    export QT_QPA_PLATFORM="${QT_QPA_PLATFORM:-offscreen}" MLX_DISABLE_COMPILE=1
    if [ "$word" = --check ]; then
        run ruff format --check
        run ruff check
        run mypy
        run lint-imports --no-logo
        audit
    fi
    set -- pytest --numprocesses logical --maxprocesses 4 --dist worksteal "$@"
    ;;
--package)
    case ${2:-} in
    thin) script=thin_app.py ;;
    frozen) script=frozen/build.py ;;
    *) fail "Which app? ./run.sh --package thin OUT, or ./run.sh --package frozen OUT" ;;
    esac
    [ $# = 3 ] || fail "Where to? ./run.sh --package $2 OUT"
    export QT_QPA_PLATFORM="${QT_QPA_PLATFORM:-offscreen}"
    build="$build --group package"
    build=${build# }
    set -- python "$here/packaging/$script" "$3"
    ;;
*) set -- hone-app "$@" ;;
esac
become=exec
run "$@"
