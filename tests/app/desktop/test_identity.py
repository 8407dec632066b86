"""The name in a Mac's menu bar, with a double in the place of the Objective-C runtime."""

import os

import pytest

from app.desktop import identity


class Runtime:
    """Objects by their address, and the few messages that are sent to them."""

    def __init__(self, info: dict[str, str] | None) -> None:
        self.objects: dict[int, object] = {1: "bundle"} | ({2: info} if info is not None else {})
        self.path_seen: str | None = None

    def _add(self, value: object) -> int:
        self.objects[len(self.objects) + 10] = value
        return len(self.objects) + 9

    def __call__(self, receiver: str | int | None, selector: str, *arguments: object) -> int | None:
        values = [self.objects.get(a) if isinstance(a, int) else a for a in arguments]
        match receiver, selector:
            case "NSBundle", "mainBundle":
                self.path_seen = os.environ.get(identity.PROCESS_PATH)
                return 1
            case 1, "infoDictionary":
                return 2 if 2 in self.objects else None
            case "NSString", "stringWithUTF8String:":
                assert isinstance(values[0], bytes)
                return self._add(values[0].decode())
            case 2, "objectForKey:":
                found = self.objects[2].get(values[0])
                return None if found is None else self._add(found)
            case int(), "isEqualToString:":
                return int(self.objects[receiver] == values[0])
            case 2, "setObject:forKey:":
                self.objects[2][values[1]] = values[0]
                return None
        raise AssertionError(f"{receiver} does not know {selector}")


@pytest.mark.parametrize("info", [{"CFBundleName": "Python"}, {}])
def test_python_is_called_hone(info: dict[str, str]) -> None:
    assert identity.take_name(send=Runtime(info))
    assert info == {"CFBundleName": "Hone"}


@pytest.mark.parametrize("info", [{"CFBundleName": "Hone"}, None])
def test_in_its_own_bundle_nothing_changes(info: dict[str, str] | None) -> None:
    assert not identity.take_name(send=Runtime(info))


def test_the_launchers_path_is_read_and_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFProcessPath", "/Applications/Hone.app/Contents/MacOS/Hone")
    runtime = Runtime({"CFBundleName": "Hone"})
    identity.take_name(send=runtime)
    assert runtime.path_seen == "/Applications/Hone.app/Contents/MacOS/Hone"
    assert "CFProcessPath" not in os.environ


@pytest.mark.skipif("sys.platform == 'darwin'", reason="on a Mac there is a name to take")
def test_elsewhere_nothing_happens() -> None:
    assert not identity.take_name()
