"""The thin app's launcher, from the first start to what can go wrong, with macOS and uv played by small scripts."""

import fcntl
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.thin import THIN, UV, Mac, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell's script")
SYNC = "uv sync --locked --managed-python --python 3.13 --no-dev --extra ane --no-install-project --project "
NO_SPACE = "error: failed to write: No space left on device (os error 28)"
NO_NETWORK = "error: Failed to fetch: dns error: failed to lookup address information"

# A Hone that is there long enough for the thread that removes older environments.
STAYS = "import time\ndef main():\n    time.sleep(0.5)\n    print('stayed')\n    return 0\n"


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    return Mac(tmp_path)


def test_the_first_start_installs_and_later_ones_do_not(mac: Mac) -> None:
    assert mac.start("data.jsonl") == (0, "window Hone data.jsonl", "")
    calls = mac.lines("calls")
    partial = f"{mac.support}/environments/0.1.0-aaaa.partial"
    assert calls == [
        f"uv venv --quiet --relocatable --managed-python --python 3.13 {partial}/.venv",
        f"{SYNC}{partial}/project",
    ]
    assert mac.environments == ["0.1.0-aaaa"]
    assert "busy|100|Hone is setting itself up. This happens once and downloads about 250 MB.|Downloading: 1 of 1" in (
        "\n".join(mac.lines("shown"))
    )
    assert "installed 0.1.0-aaaa" in mac.log()
    assert mac.start() == (0, "window Hone", "")
    assert mac.lines("calls") == calls
    assert not (mac.support / "install.lock").exists()
    assert not (mac.support / "environments/0.1.0-aaaa/starting").exists()


def test_the_command_line(mac: Mac) -> None:
    assert mac.start("hone", "selftest", "--json") == (0, "window Hone selftest --json", "")


def test_nothing_is_written_into_the_app(mac: Mac) -> None:
    before = {p: p.stat().st_mtime_ns for p in mac.contents.rglob("*")}
    mac.start()
    mac.start()
    assert {p: p.stat().st_mtime_ns for p in mac.contents.rglob("*")} == before


def test_another_release_gets_its_own_environment_and_the_old_one_goes(mac: Mac) -> None:
    mac.start()
    mac.set_release("0.2.0-bbbb")
    mac.put(mac.hone, STAYS)
    assert mac.start()[:2] == (0, "stayed")
    assert mac.environments == ["0.2.0-bbbb"]


@pytest.mark.slow
def test_a_release_that_still_runs_keeps_its_environment(mac: Mac) -> None:
    mac.start()
    mac.set_release("0.2.0-bbbb")
    mac.put(mac.hone, STAYS)
    with (mac.support / "environments/0.1.0-aaaa/in-use").open("a") as mark:
        fcntl.flock(mark, fcntl.LOCK_SH)  # as start.py holds it
        mac.start()
        assert mac.environments == ["0.1.0-aaaa", "0.2.0-bbbb"]
    mac.start()
    assert mac.environments == ["0.2.0-bbbb"]


def test_two_starts_at_once_install_once(mac: Mac) -> None:
    mac.put(mac.home / "wait-for", "Another copy\n")
    first, second = mac.begin("one"), mac.begin("two")
    ends = {p.communicate(timeout=60)[0].strip() for p in (first, second)}
    assert ends == {"window Hone one", "window Hone two"}
    assert sum(call.startswith(SYNC) for call in mac.lines("calls")) == 1
    assert any("Another copy of Hone is being set up" in line for line in mac.lines("shown"))
    assert not (mac.support / "install.lock").exists()


def test_the_lock_of_a_process_that_died_is_taken_over(mac: Mac) -> None:
    mac.put(mac.support / "install.lock", f"{2**22 + 1}\n")
    assert mac.start()[:2] == (0, "window Hone")


def test_a_connection_that_breaks_off_is_tried_again(mac: Mac) -> None:
    mac.put(mac.home / "trouble", f"{NO_NETWORK}\n{NO_NETWORK}\n")
    assert mac.start() == (0, "window Hone", "")
    tries = [line for line in mac.lines("shown") if "trying again in" in line]
    assert [re.findall(r"in (\d+) seconds", line) for line in tries] == [["2"], ["4"]]


@pytest.mark.parametrize(
    ("trouble", "reason", "sentence"),
    [
        (NO_SPACE, "other", "The disk is full: please make 1100 MB of room, then try again."),
        (
            NO_NETWORK,
            "connection",
            "cannot reach them: check the connection, then try again. What has arrived is kept.",
        ),
        (
            "error: tunnel error: proxy authorization required",
            "connection",
            "The proxy of this network does not let Hone",
        ),
        ("error: invalid peer certificate: UnknownIssuer", "other", "This network replaces certificates"),
        ("error: Read-only file system (os error 30)", "other", "The disk with /Users/me/Hone is read-only"),
        ("error: cannot create: Permission denied (os error 13)", "other", "Hone may not write into /Users/me/Hone"),
        ("error: Hash mismatch for `mlx`", "damaged", "its checksum differs"),
        ("error: the moon is full", "other", "did not work: error: the moon is full. More is in /Users/me/log."),
    ],
)
def test_what_uv_says_becomes_a_sentence(tmp_path: Path, trouble: str, reason: str, sentence: str) -> None:
    said = tmp_path / "said"
    said.write_text(f"Resolved 49 packages\n{trouble}\n", "utf-8")
    script = '. "$1"; support=/Users/me/Hone log=/Users/me/log said=$2; explain; echo "$reason|$sentence"'
    command = ["sh", "-c", script, "sh", THIN / "install.sh", said]
    env = {"support": "", "environment": "", "HOME": "", "PATH": "/usr/bin:/bin"}
    told = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    assert told.startswith(f"{reason}|") and sentence in told


def test_after_the_sentence_it_is_tried_again(mac: Mac) -> None:
    mac.put(mac.home / "trouble", f"{NO_SPACE}\n")
    mac.put(mac.home / "presses", "again\n")
    sentence = "The disk is full: please make 1100 MB of room, then try again."
    assert mac.start() == (0, "window Hone", sentence)
    assert f"stopped|-1|{sentence}|" in mac.lines("shown")
    assert sentence in mac.log()


@pytest.mark.slow
def test_without_any_connection_it_says_so_in_the_end(mac: Mac) -> None:
    mac.put(mac.home / "trouble", f"{NO_NETWORK}\n" * 5)
    code, _, err = mac.start()
    assert (code, len(mac.lines("calls"))) == (1, 5)
    assert err.startswith("Hone needs the internet once, to download about 250 MB")


def test_quit_ends_it_and_leaves_nothing_that_looks_whole(mac: Mac) -> None:
    mac.put(mac.home / "trouble", f"{NO_SPACE}\n")
    code, out, _ = mac.start()
    assert (code, out) == (1, "")
    assert not (mac.support / "environments/0.1.0-aaaa").exists()
    assert not (mac.support / "install.lock").exists()
    assert mac.start()[:2] == (0, "window Hone")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_launcher_that_is_ended_takes_its_lock_and_its_window_along(mac: Mac, number: int, tmp_path: Path) -> None:
    mac.put(mac.home / "wait-for", "never\n")
    process = mac.begin()
    wait_until(lambda: any(call.startswith("uv venv") for call in mac.lines("calls")))
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 1
    assert not (mac.support / "install.lock").exists()
    assert not list(tmp_path.glob("hone.*"))


def test_too_little_room_is_said_before_anything_is_downloaded(mac: Mac) -> None:
    mac.put(mac.home / "room", "900\n")
    code, _, err = mac.start()
    assert (code, err) == (1, "The disk is full: please make 1100 MB of room, then try again.")
    assert mac.lines("calls") == []


@pytest.mark.skipif(os.geteuid() == 0, reason="an administrator may write everywhere")
def test_a_home_that_may_not_be_written(mac: Mac) -> None:
    mac.home.joinpath("Library").mkdir(mode=0o500)
    code, _, err = mac.start()
    assert code == 1
    assert "please give yourself the right to" in err


def test_a_file_where_the_folder_should_be(mac: Mac) -> None:
    mac.put(mac.home / "Library", "")
    code, _, err = mac.start()
    assert code == 1
    assert "Hone may not write into" in err


@pytest.mark.parametrize("damage", ["python", "module"])
def test_a_broken_environment_is_made_again_once(mac: Mac, damage: str) -> None:
    mac.start()
    environment = mac.support / "environments/0.1.0-aaaa"
    match damage:
        case "python":
            (environment / ".venv/bin/python").unlink()
        case "module":
            (environment / "project/app/__main__.py").unlink()
    assert mac.start("a file.jsonl") == (0, "window Hone a file.jsonl", "")
    assert sum(call.startswith(SYNC) for call in mac.lines("calls")) == 2
    assert mac.start()[:2] == (0, "window Hone")
    assert sum(call.startswith(SYNC) for call in mac.lines("calls")) == 2


@pytest.mark.slow
def test_an_end_while_importing_is_looked_into_at_the_next_start(mac: Mac) -> None:
    mac.start()
    window = mac.support / "environments/0.1.0-aaaa/project/app/shell/window.py"
    mac.put(window, "import os\nos._exit(9)\n")  # as a library that macOS kills
    assert mac.start()[0] == 9
    assert mac.start() == (0, "window Hone", "")


@pytest.mark.slow
def test_what_stays_broken_is_said_and_not_repaired_forever(mac: Mac) -> None:
    mac.hone.unlink()
    mac.put(mac.home / "presses", "again\nquit\n")
    code, out, err = mac.start()
    assert (code, out) == (1, "")
    assert err.count("still does not start (ModuleNotFoundError: No module named 'app.__main__')") == 2
    assert sum(call.startswith(SYNC) for call in mac.lines("calls")) == 2


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        (
            {"TEST_MACHINE": "x86_64"},
            "Hone needs a Mac with Apple silicon (M1 or newer); this Mac has an Intel processor.",
        ),
        ({"TEST_MACOS": "13.7.1"}, "Hone needs macOS 14 or newer; this is macOS 13.7.1."),
        (
            {"TEST_MACHINE": "x86_64", "TEST_ARM": "1", "TEST_THEN": "x86_64"},
            'natively\nHone does not run in Rosetta: in Hone\'s Info window, switch off "Open using Rosetta".',
        ),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(mac: Mac, env: dict[str, str], sentence: str) -> None:
    assert mac.start(**env) == (1, "", sentence)
    assert mac.lines("shown") == [f"refused: {sentence.splitlines()[-1]}"]
    assert not mac.support.exists()


def test_under_rosetta_it_begins_again_natively(mac: Mac) -> None:
    code, out, err = mac.start("a.jsonl", TEST_MACHINE="x86_64", TEST_ARM="1")
    assert (code, out, err) == (0, "window Hone a.jsonl", "natively")


def test_what_hone_is_started_with(mac: Mac) -> None:
    mac.put(mac.home / "proxy", "  HTTPSEnable : 1\n  HTTPSPort : 3128\n  HTTPSProxy : proxy.example\n")
    names = ("CFProcessPath", "HTTPS_PROXY", "LANG", "LC_ALL", "LC_NUMERIC", "PYTHONPATH")
    mac.put(mac.hone, f"import os\ndef main():\n    print([os.environ.get(n) for n in {names}])\n    return 0\n")
    path = str(mac.launcher)
    first = mac.start(LC_ALL="de_DE.UTF-8", PYTHONPATH="/nowhere")[1]
    assert first == str([path, "http://proxy.example:3128", "de_DE.UTF-8", None, "C", None])


def test_the_lock_names_the_index_and_not_the_environment(mac: Mac) -> None:
    names = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")
    shown = "; ".join(f'echo "{name}=${{{name}:-}}" >>"$HOME/calls"' for name in names)
    mac.script(mac.contents / "Helpers/uv", f"{shown}\n{UV}")
    lock = 'name = "click"\nsource = { registry = "https://index.example/simple" }\n'
    mac.put(mac.contents / "Resources/project/uv.lock", lock)
    assert mac.start(**dict.fromkeys(names, "http://127.0.0.1:1/simple"))[0] == 0
    calls = mac.lines("calls")
    assert calls[:4] == ["UV_DEFAULT_INDEX=https://index.example/simple", "UV_INDEX=", "UV_INDEX_URL=", calls[3]]
    assert calls[3] == "UV_EXTRA_INDEX_URL="


@pytest.mark.parametrize("name", ["山田 太郎", "Анна", "محمد", "O'Brien & Co; $(id)"])
def test_names_of_people(tmp_path: Path, name: str) -> None:
    mac = Mac(tmp_path, name)
    assert mac.start("über 山.jsonl")[:2] == (0, "window Hone über 山.jsonl")
    assert mac.start("hone", "doctor")[:2] == (0, "window Hone doctor")
