#!/bin/sh
# Contents/MacOS/Hone of the thin app: begins Hone out of the environment that belongs to this release, and makes that
# environment first where it is missing or broken (install.sh beside the project). It writes nothing into the app, which
# may lie on a read-only disk image or be moved aside by macOS (translocation).
#
#     Hone [FILE ...]          the window
#     Hone hone COMMAND ...    the command line
set -u

# macOS 27 ends a program that draws a native alert under a decimal comma; and nothing here wants translated messages.
[ -z "${LC_ALL:-}" ] || { LANG=$LC_ALL; export LANG; unset LC_ALL; }
export LC_NUMERIC=C
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV # a developer's own

launcher=$0
[ ! -L "$launcher" ] || launcher=$(readlink "$launcher")
contents=$(CDPATH='' cd -- "$(dirname -- "$launcher")/.." && pwd -P)
launcher=$contents/MacOS/Hone
resources=$contents/Resources
support="$HOME/Library/Application Support/Hone"
read -r release <"$resources/release"
environment=$support/environments/$release
python=$environment/.venv/bin/python

# A window with one sentence and a button, for what cannot go on; without a screen, the sentence alone.
refuse() {
    printf '%s\n' "$*" >&2
    osascript -l JavaScript "$resources/progress.js" "" "$*" >/dev/null 2>&1
    exit 1
}

refuse_what_cannot_work() {
    if [ "$(uname -m)" != arm64 ]; then
        [ "$(sysctl -n hw.optional.arm64 2>/dev/null)" = 1 ] ||
            refuse "Hone needs a Mac with Apple silicon (M1 or newer); this Mac has an Intel processor."
        # Opened "using Rosetta": once more, natively.
        [ -n "${HONE_NATIVE:-}" ] ||
            HONE_NATIVE=1 exec arch -arm64 "$launcher" "$@"
        refuse "Hone does not run in Rosetta: in Hone's Info window, switch off \"Open using Rosetta\"."
    fi
    macos=$(sw_vers -productVersion)
    [ "${macos%%.*}" -ge 14 ] || refuse "Hone needs macOS 14 or newer; this is macOS $macos."
}

# The mark "starting" is taken away once everything could be imported. When it is still there, the last start ended
# before that: then it is tried apart from the window, so that there is something to say.
is_whole() {
    [ -f "$environment/whole" ] && [ -x "$python" ] || return 1
    [ -z "${HONE_REPAIRED:-}" ] && [ -e "$environment/starting" ] || return 0
    "$python" -P -c "import app.shell.window" >/dev/null 2>&1
}

start() {
    { : >"$environment/starting"; } 2>/dev/null
    # What belongs to the bundle (name, icon, menus) goes by the program's path, which is Python's from here on.
    # CoreFoundation takes the path from here instead; Hone removes the variable once it has been read.
    [ "${1:-}" = hone ] || export CFProcessPath="$launcher"
    exec "$python" -P "$resources/start.py" "$launcher" "$@"
}

refuse_what_cannot_work "$@"
broken=
if [ "${1:-}" = --broken ]; then # from start.py, with what could not be imported
    broken=$2
    shift 2
fi
if [ -n "$broken" ] || ! is_whole; then
    . "$resources/install.sh"
    install
fi
start "$@"
