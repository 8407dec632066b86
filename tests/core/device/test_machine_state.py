"""Memory, power, heat and sleep, from texts as the systems print them."""

import time
from pathlib import Path

import pytest

from core.device import heat, memory_pressure, power, sleep, system_tools
from core.device.heat import Heat
from core.device.memory_pressure import MemoryPressure
from core.device.power import Power

SWAP = "total = 13312.00M  used = 11625.69M  free = 1686.31M  (encrypted)\n"
MEMINFO = """MemTotal:       16000000 kB
MemFree:          200000 kB
MemAvailable:     {left} kB
SwapCached:            0 kB
SwapTotal:       4000000 kB
SwapFree:         {swap} kB
HugePages_Total:       0
"""
WAITING = "some avg10=82.71 avg60=58.68 avg300=20.55 total=9\nfull avg10={full} avg60=38.46 avg300=12.29 total=8\n"
SETTINGS = """System-wide power settings:
Currently in use:
 standby              1
 Sleep On Power Button 1
 hibernatefile        /var/vm/sleepimage
 sleep                1 (sleep prevented by caffeinate, runningboardd)
 lowpowermode         {low}
 womp                 1
"""
ON_BATTERY = (
    "Now drawing from 'Battery Power'\n"
    " -InternalBattery-0 (id=22806627)\t78%; discharging; 5:05 remaining present: true\n"
)
ON_MAINS = (
    "Now drawing from 'AC Power'\n -InternalBattery-0 (id=22806627)\t83%; charging; 1:00 remaining present: true\n"
)
NEVER_HOT = """Note: No thermal warning level has been recorded
Note: No performance warning level has been recorded
Note: No CPU power status has been recorded
"""
HOT = """Note: No thermal warning level has been recorded
Note: No performance warning level has been recorded
2026-08-20 05:08:37 -0700 CPU Power notify
\tCPU_Scheduler_Limit \t= 100
\tCPU_Available_CPUs \t= 12
\tCPU_Speed_Limit \t= 62
"""


@pytest.mark.parametrize(("number", "level"), [(1, "normal"), (2, "warning"), (4, "critical")])
def test_a_mac_says_how_short_it_is_of_memory(number: int, level: str) -> None:
    state = memory_pressure.parse_sysctl(f"{number}\n{SWAP}")
    assert state == MemoryPressure(level, int(11625.69 * 2**20))
    assert ("12.2 GB swapped out" in state.words) is (number > 1)


def test_a_mac_that_says_nothing_is_not_guessed_at() -> None:
    assert memory_pressure.parse_sysctl("") is None
    assert memory_pressure.parse_sysctl("sysctl: unknown oid") is None
    assert memory_pressure.parse_sysctl("2\nno swap") == MemoryPressure("warning", 0)


@pytest.mark.parametrize(
    ("left", "swap", "full", "level"),
    [
        (8_000_000, 0, "51.17", "normal"),  # there is memory: some other program's group waits for its own
        (300_000, 3_000_000, "0.40", "normal"),
        (300_000, 3_000_000, "7.00", "warning"),
        (300_000, 3_000_000, "51.17", "critical"),
    ],
)
def test_linux_is_short_of_memory_when_programs_wait_for_it(left: int, swap: int, full: str, level: str) -> None:
    state = memory_pressure.parse_linux(MEMINFO.format(left=left, swap=swap), WAITING.format(full=full))
    assert state == MemoryPressure(level, (4_000_000 - swap) * 1024)


@pytest.mark.parametrize(("left", "swap", "level"), [(900_000, 0, "normal"), (700_000, 900_000, "warning")])
def test_a_kernel_that_does_not_count_waiting_goes_by_what_is_left(left: int, swap: int, level: str) -> None:
    state = memory_pressure.parse_linux(MEMINFO.format(left=left, swap=swap), "")
    assert state is not None and state.level == level
    state = memory_pressure.parse_linux(MEMINFO.format(left=300_000, swap=0), "")
    assert state is not None and state.level == "critical"


def test_the_systems_are_asked_where_they_tell_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(system_tools, "on_a_mac", lambda: True)
    monkeypatch.setattr(system_tools, "ask", lambda *command: asked.append(command) or f"4\n{SWAP}")
    state = memory_pressure.read_memory_pressure()
    assert state is not None and state.level == "critical"
    assert asked == [("/usr/sbin/sysctl", "-n", "kern.memorystatus_vm_pressure_level", "vm.swapusage")]
    monkeypatch.setattr(system_tools, "on_a_mac", lambda: False)
    monkeypatch.setattr(memory_pressure, "PROC", tmp_path)
    assert memory_pressure.read_memory_pressure() is None
    (tmp_path / "meminfo").write_text(MEMINFO.format(left=300_000, swap=0))
    (tmp_path / "pressure").mkdir()
    (tmp_path / "pressure" / "memory").write_text(WAITING.format(full="51.17"))
    state = memory_pressure.read_memory_pressure()
    assert state is not None and state.level == "critical"


@pytest.mark.parametrize(
    ("battery", "low", "state"),
    [
        (ON_BATTERY, 1, Power(True, 78, True)),
        (ON_MAINS, 0, Power(False, 83, False)),
        ("Now drawing from 'AC Power'\n", 2, Power(False, None, False)),
    ],
)
def test_power_of_a_mac(battery: str, low: int, state: Power) -> None:
    assert power.parse_pmset(battery, SETTINGS.format(low=low)) == state


def test_power_is_told_in_sentences() -> None:
    on_battery, saving = Power(True, 78, True).sentences
    assert "battery (78%)" in on_battery and saving.startswith("Low Power Mode is on")
    assert Power(False, 83, False).sentences == [] and Power().sentences == []
    assert Power(True, 78, True).words == "battery, charged to 78%, Low Power Mode"
    assert power.parse_pmset("", "") == Power() and Power().words == "not known"


def test_power_of_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_tools, "on_a_mac", lambda: False)
    monkeypatch.setattr(power, "SYS", tmp_path)
    assert power.read_power() == Power()

    def write(supply: str, **values: str) -> None:
        folder = tmp_path / "class" / "power_supply" / supply
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in values.items():
            (folder / name).write_text(f"{value}\n")

    write("mouse", type="Battery", scope="Device", status="Discharging", capacity="3")
    write("AC", type="Mains", online="0")
    assert power.read_power() == Power(on_battery=False)
    write("BAT0", type="Battery", status="Discharging", capacity="41")
    (tmp_path / "firmware" / "acpi").mkdir(parents=True)
    (tmp_path / "firmware" / "acpi" / "platform_profile").write_text("low-power\n")
    assert power.read_power() == Power(True, 41, True)
    write("AC", online="1")
    write("BAT0", status="Charging")
    assert power.read_power() == Power(False, 41, True)


def test_heat_of_a_mac() -> None:
    hot = heat.parse_pmset(HOT)
    assert hot == Heat(62) and hot.is_slowed and "62% of its speed" in hot.words
    assert heat.parse_pmset(NEVER_HOT) == Heat(100) and Heat(100).words == ""
    warned = heat.parse_pmset("Thermal Warning Level = 2\nPerformance Warning Level = 0\n")
    assert warned == Heat(100, 2) and warned.is_slowed
    assert heat.parse_pmset("") is None


class ProcessInfo:
    """The Objective-C runtime of a Mac in a thermal state; the messages that it was sent."""

    def __init__(self, state: int | None, address: int | None = 64) -> None:
        self.state, self.address, self.asked = state, address, list[tuple[object, str]]()

    def __call__(self, receiver: str | int | None, selector: str, *arguments: object) -> int | None:
        self.asked.append((receiver, selector))
        return {"processInfo": self.address, "thermalState": self.state}[selector]


@pytest.mark.parametrize(
    ("told", "state", "slowed"),
    [(None, "nominal", False), (1, "fair", False), (2, "serious", True), (3, "critical", True)],  # 0 comes as None
)
def test_thermal_state_of_a_mac(told: int | None, state: str, slowed: bool) -> None:
    runtime = ProcessInfo(told)
    found = heat.read_thermal_state(lambda: runtime)
    assert runtime.asked == [("NSProcessInfo", "processInfo"), (64, "thermalState")]
    assert found is not None and heat.STATES[found.state or 0] == state and found.is_slowed is slowed
    assert found.metrics == {"thermal_state": float(told or 0)}
    assert (f"hot (thermal state: {state})" in found.words) is slowed


def test_where_the_thermal_state_cannot_be_asked_pmset_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library() -> None:
        raise OSError("dlopen(/usr/lib/libobjc.A.dylib): no such file")

    assert heat.read_thermal_state(no_library) is None  # type: ignore[arg-type]
    assert heat.read_thermal_state(lambda: ProcessInfo(2, address=None)) is None
    assert heat.read_thermal_state(lambda: ProcessInfo(9)) is None
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(system_tools, "on_a_mac", lambda: True)
    monkeypatch.setattr(system_tools, "ask", lambda *command: asked.append(command) or HOT)
    monkeypatch.setattr(heat, "read_thermal_state", lambda: None)
    assert heat.read_heat() == Heat(62) and asked == [("/usr/bin/pmset", "-g", "therm")]
    monkeypatch.setattr(heat, "read_thermal_state", lambda: Heat(state=0))
    assert heat.read_heat() == Heat(state=0) and len(asked) == 1


@pytest.mark.skipif("sys.platform == 'darwin'", reason="a Mac has the runtime")
def test_here_there_is_no_such_runtime() -> None:
    assert heat.read_thermal_state() is None


def test_elsewhere_nothing_is_said_of_heat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_tools, "on_a_mac", lambda: False)
    assert heat.read_heat() is None


def test_a_program_that_is_missing_or_fails_says_nothing() -> None:
    assert system_tools.ask("/no/such/program") == "" and system_tools.ask("/bin/false") == ""
    assert system_tools.ask("/bin/echo", "4") == "4\n"


def test_sleep_is_the_gap_between_two_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = 100.0
    monkeypatch.setattr(sleep, "seconds_asleep", lambda: asleep)
    clock = sleep.SleepClock()
    asleep = 102.0  # a hiccup
    assert clock.new_seconds() == 0.0
    asleep += 7380.0
    assert clock.new_seconds() == pytest.approx(7380.0) and clock.new_seconds() == 0.0


def test_the_clock_that_goes_on_is_ahead_of_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = {time.CLOCK_BOOTTIME: 9000.0, time.CLOCK_MONOTONIC: 1620.0}
    monkeypatch.setattr(sleep.sys, "platform", "linux")
    monkeypatch.setattr(time, "clock_gettime", clocks.__getitem__)
    assert sleep.seconds_asleep() == 7380.0


@pytest.mark.parametrize(("seconds", "words"), [(12.4, "12 s"), (240.0, "4 min"), (7380.0, "2 h 3 min")])
def test_sleep_in_words(seconds: float, words: str) -> None:
    assert sleep.describe(seconds) == words
