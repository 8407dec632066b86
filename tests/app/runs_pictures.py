"""Pictures of the list of runs with a queue and a failure, its dialogs, the Compare page, and a run run again."""

import time
from pathlib import Path
from threading import Event as Flag

from tests.app.camera import Camera


def visit_runs(camera: Camera) -> None:
    """Photograph what the list of runs leads to. There have to be two runs or more on disk."""
    from app.pages.run_notes import TAGS
    from app.runs.notes import make_notes, write_notes
    from core.run import Run, runs_folder

    window, go = camera.window, Flag()
    page = window.runs_page
    Path.home().joinpath(".local", "share").mkdir(parents=True, exist_ok=True)  # where the Trash lies
    finished = sorted(folder for folder in runs_folder().iterdir() if (folder / "run.toml").is_file())
    write_notes(finished[0], make_notes("The good one", "best, long", "Learns the names."))
    window.runs.train_events = lambda run: lambda stop, save_now: _play(run, stop, save_now, go)
    for steps in (3, 9, 10, 11):
        window.runs.start(Run().replace("train.steps", steps).replace("data.path", f"/data/rows-{steps}.jsonl"))
    camera.wait_until(lambda: _step(window) == 50)
    camera.take("9-failed-elsewhere")
    window.go("runs")
    camera.wait(1.2)
    camera.take("9-runs-queue")
    page.table.selectRow(page._model.position(finished[0]) or 0)
    menu = page.buttons.make_menu()
    menu.popup(page.table.mapToGlobal(page.table.rect().center()))
    camera.wait(0.2)
    menu.grab().save(str(camera.out / f"{camera.name}-9-runs-menu.png"))
    menu.close()
    dialog = page.edit_notes(page.table.selected_rows()[0], TAGS)
    camera.wait(0.2)
    dialog.grab().save(str(camera.out / f"{camera.name}-9-runs-notes.png"))
    dialog.reject()
    page.carry_out("delete")
    camera.wait(1.0)
    camera.take("9-runs-deleted")
    page.deleted_bar.undo_button.click()
    page.compare.emit(finished[:4])
    camera.wait_until(
        lambda: window.navigation.compare_page is not None and window.navigation.compare_page.chart is not None
    )
    camera.wait(0.5)
    camera.take("9-compare")
    camera.scroll(window.navigation.compare_page, 1.0)
    camera.take("9-compare-below")
    page.run_again.emit(Run.read(finished[0] / "run.toml"), "The good one")
    window.draft.set("adapter.rank", 4)
    camera.take("9-again")
    go.set()
    window.draft.take(Run())
    window.jobs.stop_all()
    camera.wait_until(lambda: window.jobs.current is None)


def _play(run, stop, save_now, go):  # type: ignore[no-untyped-def]
    """A run that fails where it has three steps; others wait in the middle until they may go on."""
    from core.errors import BadData
    from tests.app.conftest import play_script

    if run.train.steps == 3:
        raise BadData("Row 12 of rows-3.jsonl has no answer, and no other row is left.")
    for event in play_script(run, stop, save_now, steps=120):
        yield event
        while getattr(event, "step", 0) == 50 and not go.is_set() and not stop.is_set():
            time.sleep(0.01)


def _step(window) -> int:  # type: ignore[no-untyped-def]
    live = window.jobs.current
    return live.record.last_step.step if live is not None and live.record.last_step is not None else 0
