"""Places of the window where something has failed, for the walk of untranslated.py: machines, results, chats."""

import errno
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.distributed.host_check import HostFacts
from core.errors import Unavailable
from core.rewards import REWARDS
from core.rewards.answer import Answer, RewardSettings
from core.text.sentence import say
from tests import ssh_double
from tests.app.desktop.shown import shown_texts

# A row whose parts have names of their own, and functions that the starter's chat template leaves out.
CONVERSATION = {
    "messages": [
        {"role": "system", "content": "Hello."},
        {"role": "user", "content": "Hi?"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Hi?"},
    ],
    "tools": [{"type": "function", "function": {"name": "look_up", "parameters": {}}}],
}
# Of a run whose weights are an empty file.
ADAPTER = {"model": "starter", "fine_tune_type": "lora", "num_layers": -1, "lora_parameters": {"rank": 8, "scale": 2.0}}


def see_machines(window: Any) -> set[str]:
    """The settings, with a machine that is gone, one that was tested, one that never was, and a wrong name."""
    from app.desktop import machines
    from app.pages.settings import SettingsWindow
    from app.threads.machine_calls import try_machine

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        ssh_double.install(Path(folder) / "ssh", patch)
        (told,) = try_machine(ssh_double.GONE, "starter")
    facts = HostFacts({"hone": "1.0"}, "macOS 15", "M4", None, 16_000_000_000, ("starter",))
    for name in ("gone", "mini", "air"):
        machines.add(name)
    machines.change("gone", problem=told.problem)
    machines.change("mini", facts=facts.describe("starter"), bytes_per_second=1e9)
    settings = SettingsWindow("starter", window.menus.read_choices(), window)
    settings.machines.field.setText("two words")
    settings.machines.add()
    found = shown_texts(settings)
    settings.close()
    for name in ("gone", "mini", "air"):
        machines.remove(name)
    return found


def see_results(window: Any, folder: Path, wait_until: Any) -> set[str]:
    """The list "Use it" over a folder without an adapter, and over a run when the disk is full; its sheets."""
    from app.pages.export import ExportList
    from app.pages.hub_sheet import HubSheet
    from app.pages.ollama_sheet import OllamaSheet
    from app.threads import export_calls
    from app.threads.export_calls import ExportJob

    def export(job: ExportJob) -> Iterator[Any]:
        full = OSError(errno.ENOSPC, "No space left on device")
        raise Unavailable(say("{path} could not be written: {reason}.", path="model.toml", reason=full))
        yield

    places = ExportList(window.jobs)
    looking = places.intro.text()
    places.use(folder.with_name("nothing"))
    wait_until(lambda: places.intro.text() != looking)
    found = shown_texts(places)
    (folder / "adapter_config.json").write_text(json.dumps(ADAPTER), encoding="utf-8")
    places.use(folder)
    wait_until(lambda: bool(places.rows))
    found |= shown_texts(places)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_calls, "export", export)
        for target, row in places.rows.items():
            places.save(ExportJob(folder, target, str(folder / "out"), row.chosen_form))
            wait_until(lambda: not places.is_busy and window.jobs.export is None)
            found |= shown_texts(places)
    assert places.server is not None
    places.server.serve()
    wait_until(lambda: places.server is not None and not places.server.is_serving)
    found |= shown_texts(places)
    job = ExportJob(folder, "hub", "", "adapter")
    for sheet in (HubSheet(places, job, "demo"), OllamaSheet(places, job, "demo", folder)):
        found |= shown_texts(sheet)
        sheet.close()
    places.deleteLater()
    return found


def see_chat(window: Any, folder: Path, wait_until: Any) -> set[str]:
    """A chat with a run whose adapter cannot be loaded."""
    window.go("chat")
    page = window.chat_page
    wait_until(lambda: page.model.box.findData(str(folder)) >= 0)
    page.model.box.setCurrentIndex(page.model.box.findData(str(folder)))
    page.model.box.activated.emit(page.model.box.currentIndex())
    page.view.question.setPlainText("Hi?")
    page.send()
    wait_until(lambda: not page.notice.isHidden())
    return shown_texts(page)


def see_scores() -> set[str]:
    """An answer with the reasons of all rewards that need no process of their own."""
    from app.runs.rollout_samples import Rollout
    from app.widgets.scored_answer import AnswerCard, describe_scores

    answer, settings = Answer("<think>", "160", tokens=3, truncated=True), RewardSettings("x", ("a",))
    scores = {name: reward.score(answer, settings) for name, reward in REWARDS.items() if reward.score}
    reasons = {name: score.reason for name, score in scores.items()}
    rollout = Rollout("x", 1.0, 0.0, {name: score.value for name, score in scores.items()}, reasons, True)
    return shown_texts(AnswerCard(rollout)) | set(describe_scores(rollout).split("  ·  "))


def see_conversation(window: Any, wait_until: Any) -> set[str]:
    """The Data step with conversations, the parts of a row, and the list of datasets."""
    from app.preview.row_parts import row_parts

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text(f"{json.dumps(CONVERSATION)}\n" * 2, encoding="utf-8")
        data = window.wizard.data
        window.wizard.show_named("data")
        window.draft.set("data.path", str(path))
        wait_until(lambda: data.scanned is not None and data.scanned.index.files == (str(path),))
        found = shown_texts(data)
        wait_until(lambda: len(data.preview.problems.findings) > 1)
        found |= shown_texts(data)
        from core.data.preview.page import read_page

        (item,) = read_page(data.scanned.index, data.scanned.parser, [0])
        found |= {part.name for part in row_parts(item)}
        window.go("data")
        wait_until(lambda: window.datasets_page._model.rowCount() > 0)
        found |= shown_texts(window.datasets_page)
        window.go("new")
    return found
