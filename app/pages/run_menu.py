"""What can be done with the runs that are selected, as a menu: each action, and where it cannot be done, why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QMenu, QWidget

from app.desktop import reveal
from app.desktop.language import tr, tr_count
from app.runs import run_list
from app.runs.run_list import RunRow


@dataclass(frozen=True)
class RunAction:
    """One entry of the menu. `reason` says why it cannot be done now; "" where it can."""

    key: str
    text: str
    reason: str = ""


def list_actions(rows: Sequence[RunRow]) -> list[RunAction | None]:
    """The actions for these rows in the menu's order; None is a line between them."""
    if not rows:
        return []
    one = rows[0] if len(rows) == 1 else None
    several = "" if one else tr("Select one run alone.")
    if one is not None and one.state in run_list.WAITING:
        return [*_waiting_actions(one), None, RunAction("again", tr("Run again with a change…"))]
    not_there = "" if all(row.on_disk for row in rows) else _folder_reason(rows)
    damaged = tr("Its settings cannot be read.") if any(_is_unreadable(row) for row in rows) else ""
    actions: list[RunAction | None] = [
        RunAction("open", tr("Open"), several or (not_there if one and one.live is None else "") or damaged),
        RunAction("use", tr("Use it…"), several or not_there or damaged or use_reason(rows[0])),
        RunAction("resume", tr("Resume"), several or damaged or resume_reason(rows[0])),
        RunAction("again", tr("Run again with a change…"), several or damaged),
        RunAction("compare", _compare_text(len(rows)), damaged or not_there or compare_reason(rows)),
        None,
        RunAction("rename", tr("Rename…"), several or not_there),
        RunAction("tags", tr("Tags…"), several or not_there),
        RunAction("notes", tr("Notes…"), several or not_there),
        RunAction("reveal", reveal.REVEAL_LABEL, several or not_there),
        None,
    ]
    if one is not None and one.state in (run_list.PREPARING, run_list.TRAINING):
        actions.append(RunAction("stop", tr("Stop and keep"), _stop_reason(one)))
    actions.append(RunAction("delete", tr("Move to the Trash"), delete_reason(rows)))
    return actions


def _folder_reason(rows: Sequence[RunRow]) -> str:
    """Why what lies in a run's folder cannot be shown."""
    is_early = any(row.state == run_list.PREPARING for row in rows)
    return tr("It has no folder yet.") if is_early else tr("Its folder is not there.")


def resume_reason(row: RunRow) -> str:
    """Why a run cannot go on, or ""."""
    if row.state in (run_list.PREPARING, run_list.TRAINING, run_list.ELSEWHERE):
        return tr("It is training now.")
    if row.state in run_list.WAITING:
        return tr("It waits for its turn.")
    if row.entry.damage and not row.entry.resumable:
        return row.entry.damage
    if not row.on_disk:
        return tr(row.entry.problem) or tr("It has no folder yet.")
    return "" if row.entry.resumable else tr("It is finished; nothing is left to go on with.")


def use_reason(row: RunRow) -> str:
    """Why the result of a run cannot be used, or ""."""
    has_result = row.on_disk and (row.folder / "adapters.safetensors").is_file()
    return "" if has_result and row.state in (run_list.DONE, run_list.STOPPED) else tr("It has no result yet.")


def compare_reason(rows: Sequence[RunRow]) -> str:
    """Why runs cannot be compared, or ""."""
    if len(rows) < 2:
        return tr("Select two or more runs.")
    return tr("A run that waits has nothing to compare yet.") if any(r.state in run_list.WAITING for r in rows) else ""


def delete_reason(rows: Sequence[RunRow]) -> str:
    """Why runs cannot be deleted, or ""."""
    if any(row.state in (run_list.PREPARING, run_list.TRAINING) for row in rows):
        return tr("A run that is training cannot be deleted: stop it first.")
    if any(row.state == run_list.ELSEWHERE for row in rows):
        return tr("Another program is training this run: stop it there first.")
    return (
        tr("A run that waits has to leave the queue first.") if any(r.state in run_list.WAITING for r in rows) else ""
    )


def show_menu(parent: QWidget, rows: Sequence[RunRow], carry_out: Callable[[str], None]) -> QMenu:
    """A menu for the rows; `carry_out` gets the key of the action that is chosen."""
    menu = QMenu(parent)
    for action in list_actions(rows):
        if action is None:
            menu.addSeparator()
            continue
        # Behind a tab stands what is written at the right of a menu.
        entry = menu.addAction(f"{action.text}\t{action.reason}" if action.reason else action.text)
        entry.setEnabled(not action.reason)
        entry.setData(action.key)
        entry.triggered.connect(lambda _=False, key=action.key: carry_out(key))
    return menu


def _waiting_actions(row: RunRow) -> list[RunAction | None]:
    if row.state == run_list.HELD:
        return [RunAction("go on", tr("Start it now")), RunAction("cancel", tr("Take out of the queue"))]
    first = tr("It is the next one.") if row.place == 1 else ""
    last = tr("It is the last one.") if row.is_last else ""
    return [
        RunAction("open", tr("Open")),
        RunAction("earlier", tr("Start earlier"), first),
        RunAction("later", tr("Start later"), last),
        RunAction("cancel", tr("Take out of the queue")),
    ]


def _is_unreadable(row: RunRow) -> bool:
    """Whether the settings themselves cannot be read: then nothing of the run is known."""
    return row.state == run_list.DAMAGED and row.entry.model == "–"


def _stop_reason(row: RunRow) -> str:
    return tr("It is stopping.") if row.live is not None and row.live.is_stopping else ""


def _compare_text(count: int) -> str:
    return tr("Compare") if count < 2 else tr_count("Compare {count} run", "Compare {count} runs", count)
