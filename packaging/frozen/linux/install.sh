#!/bin/sh
# Adds Hone to the desktop's menu for this user, with its file types; `./install.sh --remove` takes it out again.
# Hone stays where it was unpacked: move the folder, and run this again.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
share=${XDG_DATA_HOME:-$HOME/.local/share}
bin=$HOME/.local/bin

if [ "${1:-}" = --remove ]; then
    rm -f "$share/applications/hone.desktop" "$share/mime/packages/hone.xml" \
        "$share/icons/hicolor/scalable/apps/hone.svg" "$bin/hone"
else
    mkdir -p "$share/applications" "$share/mime/packages" "$share/icons/hicolor/scalable/apps" "$bin"
    # A path with a space or a backslash has to be quoted twice in a .desktop file.
    quoted=$(printf '%s' "$here/Hone" | sed 's/[\\"`$]/\\\\&/g; s/%/%%/g')
    awk -v line="Exec=\"$(printf '%s' "$quoted" | sed 's/\\/\\\\/g')\" %F" \
        '/^Exec=/ { print line; next } { print }' "$here/hone.desktop" >"$share/applications/hone.desktop"
    cp "$here/hone.xml" "$share/mime/packages/hone.xml"
    cp "$here/hone.svg" "$share/icons/hicolor/scalable/apps/hone.svg"
    ln -sf "$here/hone-command" "$bin/hone"
    echo "Hone is in the menu now; 'hone' works in a terminal where $bin is on the PATH."
fi
for tool in "update-desktop-database $share/applications" "update-mime-database $share/mime"; do
    # shellcheck disable=SC2086  # the words are meant to be split
    if command -v "${tool%% *}" >/dev/null; then $tool >/dev/null 2>&1 || true; fi
done
