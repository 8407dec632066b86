"""Pictures of the list "Use it" in each state, of Ollama's sheet, and of the list over an adapter from elsewhere."""

import json
import tempfile
import time
from pathlib import Path
from threading import Event as Flag

from tests.app.camera import Camera

ADAPTER = {"fine_tune_type": "lora", "model": "starter", "lora_parameters": {"rank": 8, "scale": 2.0, "dropout": 0.0}}


def visit_export(camera: Camera, page) -> None:  # type: ignore[no-untyped-def]
    """Photograph the list on the page of a run that is over."""
    from app.pages.ollama_sheet import OllamaSheet
    from app.threads import export_calls
    from app.threads.export_calls import Command, ExportJob
    from core.errors import BadOption
    from core.events import Phase, Saved, Warned

    go = Flag()
    command = "ollama create sums -f /Users/mine/Models/sums-ollama/Modelfile"
    agree = Warned("checked", "Loaded again: its logits differ from the adapter's by 0.20%, which is rounding.")
    missing = Warned("ollama-missing", "")

    def export(job):  # type: ignore[no-untyped-def]
        if job.target == "lmstudio":
            raise BadOption("There is not enough room on the disk: 1.2 GB are needed, 0.4 GB are free.")
        yield Phase("Writing GGUF", fraction=0.62)
        while not go.is_set():
            time.sleep(0.01)
        yield agree
        if job.target == "ollama":
            yield from (missing, Saved(0, "/Users/mine/Models/sums-ollama", "model"), Command(command))
        else:
            yield Saved(0, "/Users/mine/Models/sums-f16.gguf", "model")

    config = page.folder / "adapter_config.json"
    if not config.exists():  # a run that was only played
        config.write_text(json.dumps(ADAPTER))
    real, export_calls.export = export_calls.export, export
    uses = page.tabs.result.use_it
    uses.use(Path())
    uses.use(page.folder)
    camera.wait_until(lambda: bool(uses.rows))
    page.show_use_it()
    camera.wait(0.2)
    camera.take("8-use-possible")
    uses.save(ExportJob(page.folder, "gguf", "x"))
    camera.wait_until(lambda: "GGUF" in uses.rows["gguf"].phase.text())
    camera.take("8-use-running")
    go.set()
    camera.wait_until(uses.rows["gguf"].result.isVisible)
    for target in ("ollama", "lmstudio"):
        camera.wait_until(uses.rows[target].button.isEnabled)
        uses.save(ExportJob(page.folder, target, "x"))
        camera.wait_until(uses.rows[target].result.isVisible)
    uses.server.show_serving("http://127.0.0.1:52110/v1", "")
    page.show_use_it()
    camera.wait(0.2)
    camera.take("8-use-checked")
    camera.scroll(page.tabs.result, 1.0)
    camera.take("8-use-serving")
    uses.choose("ollama")
    (sheet,) = uses.findChildren(OllamaSheet)
    camera.wait(0.2)
    camera.take_widget(sheet, "8-use-ollama")
    sheet.reject()
    export_calls.export = real
    _visit_dialog(camera)


def _visit_dialog(camera: Camera) -> None:
    """The list over an adapter that holds all weights of a model which is no GGUF."""
    from app.pages.export_dialog import ExportDialog
    from core.resources import STARTER

    folder = Path(tempfile.mkdtemp()) / "from-mlx-lm"
    base = folder / "base"
    base.mkdir(parents=True)
    config = json.loads((STARTER / "config.json").read_text()) | {"model_type": "mamba"}
    (base / "config.json").write_text(json.dumps(config))
    full = ADAPTER | {"fine_tune_type": "full", "model": str(base)}
    (folder / "adapter_config.json").write_text(json.dumps(full))
    dialog = ExportDialog(camera.window, camera.window.jobs, folder)
    dialog.show()
    camera.wait_until(lambda: bool(dialog.list.rows))
    camera.wait(0.2)
    camera.take_widget(dialog, "8-use-refused")
    dialog.reject()
