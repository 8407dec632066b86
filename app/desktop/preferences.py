"""What the window remembers from one start to the next: its theme, language, size, last folder and recent files."""

import json
from pathlib import Path
from typing import Any

import platformdirs
from PySide6.QtCore import QByteArray, QLocale, QSettings

_MODEL_FOLDERS = 30  # that are remembered
_RUN_FOLDERS = 200  # outside the folder of runs


def data_folder() -> Path:
    """Hone's data folder: it holds the draft and, unless the person chose another place, the runs."""
    return Path(platformdirs.user_data_dir("Hone", appauthor=False))


def _settings() -> QSettings:
    return QSettings(str(data_folder() / "window.ini"), QSettings.Format.IniFormat)


def theme() -> str:
    return str(_settings().value("theme", "system"))


def set_theme(mode: str) -> None:
    _settings().setValue("theme", mode)


def language() -> str:
    """The window's language: a code of language.LANGUAGES, or "system"."""
    return str(_settings().value("language", "system"))


def set_language(code: str) -> None:
    _settings().setValue("language", code)


def system_languages() -> list[str]:
    """The languages that the person has chosen in the system, the first one first: ["de-AT", "en"]."""
    return QLocale.system().uiLanguages()


def geometry() -> QByteArray | None:
    """The window's place and size as QWidget.saveGeometry() gave them."""
    value = _settings().value("geometry")
    return value if isinstance(value, QByteArray) else None


def set_geometry(value: QByteArray) -> None:
    _settings().setValue("geometry", value)


def last_folder() -> str:
    """The folder in which the person last chose a file."""
    return str(_settings().value("folder", str(Path.home())))


def set_last_folder(path: str) -> None:
    _settings().setValue("folder", path)


def dismissed_runs() -> set[str]:
    """The interrupted runs that are no longer offered at the start, by their keys."""
    value = _settings().value("dismissed runs", [])
    return {str(key) for key in (value if isinstance(value, list) else [value])}


def dismiss_run(key: str) -> None:
    _settings().setValue("dismissed runs", sorted({*dismissed_runs(), key}))


def correction_file(kind: str) -> str:
    """The dataset file to which the last corrected answer of a kind ("row" or "pair") was added; "" for none."""
    return str(_settings().value(f"corrections {kind}", ""))


def set_correction_file(kind: str, path: str) -> None:
    _settings().setValue(f"corrections {kind}", path)


def chat_settings() -> dict[str, Any]:
    """How answers in the chat were drawn last; nothing where that is not known, or damaged."""
    try:
        values = json.loads(str(_settings().value("chat settings", "{}")))
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def set_chat_settings(values: dict[str, Any]) -> None:
    _settings().setValue("chat settings", json.dumps(values))


def chat_model() -> str:
    """The key of the model that was talked to last; "" for none."""
    return str(_settings().value("chat model", ""))


def set_chat_model(key: str) -> None:
    _settings().setValue("chat model", key)


def draft_name(window: int = 1) -> str:
    """The name of the draft that is open in the first, second, … window; "" where it has none."""
    return str(_settings().value(_draft_key(window), ""))


def set_draft_name(name: str, window: int = 1) -> None:
    _settings().setValue(_draft_key(window), name)


def _draft_key(window: int) -> str:
    return "draft name" if window == 1 else f"draft name {window}"


def model_folders() -> list[str]:
    """The folders of models that were chosen before, the latest first."""
    value = _settings().value("model folders", [])
    return [str(folder) for folder in (value if isinstance(value, list) else [value])]


def remember_model_folder(path: str) -> None:
    """Keep a model's folder among those that are offered."""
    _settings().setValue("model folders", list(dict.fromkeys([path, *model_folders()]))[:_MODEL_FOLDERS])


def run_folders() -> list[str]:
    """The folders of runs that lie outside the folder of runs, the latest first."""
    value = _settings().value("run folders", [])
    return [str(folder) for folder in (value if isinstance(value, list) else [value])]


def remember_run_folder(path: str) -> None:
    """Keep a run outside the folder of runs among those that are listed."""
    _settings().setValue("run folders", list(dict.fromkeys([path, *run_folders()]))[:_RUN_FOLDERS])


def recent_paths() -> list[str]:
    """The datasets and run folders that were opened last, the newest first."""
    value = _settings().value("recent", [])
    return [str(path) for path in (value if isinstance(value, list) else [value])]


def set_recent_paths(paths: list[str]) -> None:
    _settings().setValue("recent", paths)


def machines_text() -> str:
    """The machines that were added, as app.desktop.machines writes them."""
    return str(_settings().value("machines", "[]"))


def set_machines_text(text: str) -> None:
    _settings().setValue("machines", text)


def machine_options_text() -> str:
    """How machines train together, as app.desktop.machines writes it."""
    return str(_settings().value("machine options", "{}"))


def set_machine_options_text(text: str) -> None:
    _settings().setValue("machine options", text)
