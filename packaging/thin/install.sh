# Read by the launcher when there is no whole environment for this release: makes one with uv, and tells in a window of
# its own how far it is. What has been downloaded stays in uv's cache, so that a later try goes on from there.

environments=$support/environments
partial=$environment.partial
lock=$support/install.lock
cache=$HOME/Library/Caches/Hone/uv
log=$HOME/Library/Logs/Hone/install.log
needed_mb=1100 # what stays, and the downloads; packaging/check_wheels.py compares it with the lock

# --- the window: it shows status, and writes answer ("again" or "quit") when a button is pressed.

open_window() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/hone.XXXXXX") || refuse "Hone cannot start: $(why_no_folder "${TMPDIR:-/tmp}")"
    trap 'close_window; unlock' EXIT
    trap 'stop_uv; exit 1' HUP INT TERM
    show busy -1 "Hone is setting itself up."
    osascript -l JavaScript "$resources/progress.js" "$work" >/dev/null 2>>"$work/osascript" &
    window=$!
}

show() { # STATE PERCENT TEXT
    printf '%s\n' "$@" >"$work/status.new" && mv "$work/status.new" "$work/status"
}

# The window goes when its folder has gone. What was just told to end may still write into it.
close_window() { for _ in 1 2 3 4 5; do rm -rf "$work" 2>/dev/null && [ ! -e "$work" ] && return || sleep 0.1; done; }

quit_if_asked() {
    if grep -q quit "$work/answer" 2>/dev/null; then
        stop_uv
        note "stopped by the person"
        exit 0
    fi
}

wait_seconds() {
    for _ in $(seq "$(($1 * 2))"); do
        quit_if_asked
        sleep 0.5
    done
}

# Shows what is wrong and waits for "Try again"; ends the launcher at "Quit", or where there is no window to press it in.
ask_again() {
    note "$1"
    show stopped -1 "$1"
    printf '%s\n' "$1" >&2
    while [ ! -e "$work/answer" ]; do
        kill -0 "$window" 2>/dev/null && ! is_zombie "$window" || exit 1
        sleep 0.5
    done
    read -r answer <"$work/answer"
    show busy -1 "Trying again" # first, so that the button is not offered twice
    rm -f "$work/answer"
    [ "$answer" = again ] || exit 1
}

is_zombie() { case $(ps -o stat= -p "$1" 2>/dev/null) in '' | Z*) return 0 ;; *) return 1 ;; esac; }

note() { printf '%s %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$*" >>"$log" 2>/dev/null; }

# --- one installer at a time: the lock names its process, and is taken over from one that has died.

is_installing() { kill -0 "$1" 2>/dev/null && ps -o command= -p "$1" 2>/dev/null | grep -q MacOS/Hone; }

take_lock() {
    until (set -C; echo $$ >"$lock") 2>/dev/null; do
        holder=$(cat "$lock" 2>/dev/null)
        if [ ! -e "$lock" ]; then
            [ -w "$support" ] || ask_again "$(why_no_folder "$support")"
        elif [ -n "$holder" ] && is_installing "$holder"; then
            show busy -1 "Another copy of Hone is being set up; this one goes on when that has finished."
            wait_seconds 1
        elif mv "$lock" "$lock.$$" 2>/dev/null; then
            # Somebody else may have taken it over between the two lines above.
            [ "$(cat "$lock.$$")" = "$holder" ] || ln "$lock.$$" "$lock" 2>/dev/null
            rm -f "$lock.$$"
        fi
        sleep 0.2
    done
    locked=1
}

unlock() { [ -z "${locked:-}" ] || rm -f "$lock"; }

# --- what is wrong, in a sentence.

why_no_folder() {
    reason=$( (mkdir -p "$1" && : >"$1/.try" && rm -f "$1/.try") 2>&1)
    case $reason in
    *[Rr]ead-only*) echo "The disk with $1 is read-only; Hone needs a folder there to install what it runs on." ;;
    *[Ss]pace*) echo "The disk is full: please make $needed_mb MB of room, then try again." ;;
    *) echo "Hone may not write into $1; please give yourself the right to (in the Finder's Info window), then try again." ;;
    esac
}

explain() { # from what uv said in $said: sets reason and sentence
    reason=other
    if grep -qiE 'no space left|os error 28\)|disk quota|os error 122\)|file too large|os error 27\)' "$said"; then
        sentence="The disk is full: please make $needed_mb MB of room, then try again."
    elif grep -qiE 'read-only file system|os error 30\)' "$said"; then
        sentence="The disk with $support is read-only; Hone needs a folder there to install what it runs on."
    elif grep -qiE 'permission denied|os error 13\)|operation not permitted' "$said"; then
        sentence="Hone may not write into $support; please give yourself the right to (in the Finder's Info window), then try again."
    elif grep -qiE 'proxy|tunnel|status.* 407' "$said"; then
        reason=connection
        sentence="The proxy of this network does not let Hone download (it asks for a name and a password, or cannot be reached): check System Settings > Network > Details > Proxies, then try again."
    elif grep -qiE 'certificate|unknownissuer|self.signed' "$said"; then
        sentence="This network replaces certificates, as companies' filters do: install its certificate in your keychain and trust it, or use another network, then try again."
    elif grep -qiE 'hash mismatch' "$said"; then
        reason=damaged
        sentence="What was downloaded is not what Hone asked for (its checksum differs): try again, on another network if this goes on."
    elif grep -qiE 'dns error|error sending request|failed to (fetch|download)|connection|timed out|timeout|network|status (client|server) error' "$said"; then
        reason=connection
        sentence="Hone needs the internet once, to download about 250 MB from the Python Package Index and GitHub, and cannot reach them: check the connection, then try again. What has arrived is kept."
    else
        sentence="The installation did not work: $(grep -iE '^ *(error|cause|×|├|╰)' "$said" | tail -n 1 | sed 's/^[^A-Za-z]*//'). More is in $log."
    fi
}

# --- uv.

set_uv_up() {
    # The lock names the files: another index that uv is told of elsewhere would only make it doubt the lock.
    index=$(sed -n 's/.*registry = "\([^"]*\)".*/\1/p' "$resources/project/uv.lock" 2>/dev/null | head -n 1)
    unset UV_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_OFFLINE
    [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
    export UV_CACHE_DIR="$cache" UV_PYTHON_INSTALL_DIR="$support/python" UV_PROJECT_ENVIRONMENT="$partial/.venv"
    export UV_SYSTEM_CERTS=1 UV_HTTP_TIMEOUT=60 UV_NO_PROGRESS=1 NO_COLOR=1 UV_PYTHON_INSTALL_BIN=0
    # The proxy of System Settings, which a program that is not told of it does not use.
    [ -n "${HTTPS_PROXY:-}${https_proxy:-}" ] || proxy=$(scutil --proxy 2>/dev/null | awk '
        $1 == "HTTPSEnable" { on = $3 } $1 == "HTTPSProxy" { host = $3 } $1 == "HTTPSPort" { port = $3 }
        END { if (on == 1 && host) print "http://" host ":" port }')
    [ -z "${proxy:-}" ] || export HTTPS_PROXY="$proxy"
}

run_uv() { # ARGUMENTS: the exit code is uv's; the window tells how far it is meanwhile
    rm -f "$work/code"
    ("$contents/Helpers/uv" "$@" >>"$said" 2>&1 & echo $! >"$work/uv" && wait $!; echo $? >"$work/code") &
    until [ -s "$work/code" ]; do
        quit_if_asked
        show_progress
        sleep 0.3
    done
    rm -f "$work/uv"
    return "$(cat "$work/code")"
}

stop_uv() { [ ! -s "${work:-}/uv" ] || kill "$(cat "$work/uv")" 2>/dev/null; }

show_progress() {
    begun=$(grep -c '^ *Downloading ' "$said")
    done=$(grep -c '^ *Downloaded ' "$said")
    percent=-1
    step="Looking what is needed"
    [ "$begun" = 0 ] || { percent=$((100 * done / begun)); step="Downloading: $done of $begun large files are there"; }
    ! grep -q '^Prepared ' "$said" || { percent=-1; step="Unpacking"; }
    show busy "$percent" "Hone is setting itself up. This happens once and downloads about 250 MB." "$step"
}

install_once() {
    : >"$said"
    rm -rf "$partial"
    { mkdir -p "$partial" && cp -R "$resources/project" "$partial/project" && chmod -R u+w "$partial"; } >>"$said" 2>&1 &&
        run_uv venv --quiet --relocatable --managed-python --python 3.13 "$partial/.venv" &&
        run_uv sync --locked --managed-python --python 3.13 --no-dev --extra ane --no-install-project --project "$partial/project" &&
        for site in "$partial"/.venv/lib/python*/site-packages; do
            echo ../../../../project >"$site/hone.pth"
        done &&
        : >"$partial/whole" &&
        mv "$partial" "$environment"
}

install() {
    open_window
    if [ -n "$broken" ] && [ -n "${HONE_REPAIRED:-}" ]; then
        ask_again "Hone is installed and still does not start ($broken). Try again to install it once more, or report it with the file $log."
    fi
    said=$work/said
    until mkdir -p "$environments" "$cache" "${log%/*}" 2>/dev/null; do
        for folder in "$environments" "$cache" "${log%/*}"; do
            mkdir -p "$folder" 2>/dev/null || { ask_again "$(why_no_folder "$folder")"; break; }
        done
    done
    until has_room; do
        explain
        ask_again "$sentence"
    done
    take_lock
    if [ -n "$broken" ] || ! is_whole; then make_environment; fi
    close_window
    unlock
    trap - EXIT HUP INT TERM
}

make_environment() {
    note "installing $release${broken:+, as the one that was there does not start: $broken}"
    if [ -e "$environment" ]; then
        # Not whole, or not to be imported. Python itself is looked at too: every environment stands on it.
        "$python" -c "import ssl, sqlite3" 2>/dev/null || rm -rf "$support/python"
        rm -rf "$environment"
    fi
    export HONE_REPAIRED=1
    set_uv_up
    tries=0
    until install_once; do
        quit_if_asked
        cat "$said" >>"$log"
        explain
        if [ "$reason" = connection ] && [ "$tries" -lt 4 ]; then
            tries=$((tries + 1))
            note "$sentence"
            show busy -1 "The connection does not work; trying again in $((1 << tries)) seconds. What has arrived is kept."
            wait_seconds $((1 << tries))
            continue
        fi
        [ "$reason" != damaged ] || rm -rf "$cache"
        ask_again "$sentence"
        tries=0
    done
    cat "$said" >>"$log"
    note "installed $release"
}

has_room() {
    room=$(df -Pk "$support" | awk 'NR == 2 { for (i = 2; i <= NF; i++) if ($i ~ /%$/) { print int($(i - 1) / 1024); exit } }')
    [ "${room:-$needed_mb}" -ge "$needed_mb" ] && return 0
    echo "no space left: $room MB" >"$said"
    return 1
}
