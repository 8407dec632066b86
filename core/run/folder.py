"""RunFolder: the files of a run. All that a run is lies in its folder, each file complete or not there at all.

run.toml (as asked) · resolved.json (as used) · events.jsonl · adapters.safetensors + adapter_config.json ·
checkpoints/ · samples.jsonl · report.md · run.lock. Files are written under a temporary name, synced and renamed, and
are for their owner alone.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import BadOption, Unavailable, UserError
from core.events import Event, Warned, to_json
from core.files.atomic_files import append, make_private_folder, replacing, sync
from core.files.file_errors import explain
from core.run.event_log import cut_log, cut_samples, read_log
from core.run.lock import RunLock
from core.run.run import Run
from core.text.sentence import say

RUN, RESOLVED, EVENTS, SAMPLES, REPORT = "run.toml", "resolved.json", "events.jsonl", "samples.jsonl", "report.md"
CHECKPOINTS = "checkpoints"
CHAT_TEMPLATE = "chat_template.jinja"  # there only where one was chosen for a model without its own


class RunFolder:
    """The files of one run. A file that cannot be written (no space, no permission) raises Unavailable."""

    def __init__(self, path: Path, early_events: list[Event] | None = None, is_new: bool = False) -> None:
        self.path, self.is_new = path, is_new
        self._early_events = early_events  # from before begin(); None afterwards
        self._lock = RunLock(path)
        self._lock_note = ""

    @classmethod
    def plan(cls, run: Run) -> "RunFolder":
        """The folder of a new run. Nothing is written before begin(), so a run that cannot start leaves nothing.

        Raises BadOption when a run lies there already or a file is in the way, Unavailable without permission.
        """
        path = Path(run.output or "").expanduser()
        with explain(path):
            _refuse_earlier_run(path)
            existing = next(p for p in (path, *path.absolute().parents) if p.exists())
            if not existing.is_dir():
                raise BadOption(say("{existing} is a file, where a folder is needed.", existing=existing))
            if not os.access(existing, os.W_OK | os.X_OK):
                raise Unavailable(say("There is no permission to write to {existing}.", existing=existing))
        return cls(path, early_events=[], is_new=True)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """The folder of an earlier run, which is this process's alone until close(); it stays as it is until begin().

        Raises BadOption where no run lies in it, or where it is being trained in.
        """
        with explain(path):
            if not (path / RUN).is_file():
                raise BadOption(say("{path} holds no run: there is no {run} in it.", path=path, run=RUN))
        folder = cls(path, early_events=[])
        folder._lock_note = folder._lock.acquire()
        return folder

    def begin(self, run: Run, last_step: int | None = None) -> list[Warned]:
        """The run begins: from here on it is written down.

        A new run gets its folder. One that goes on from the checkpoint of `last_step`, or from the start where that is
        None, loses the events and samples that came after it, so that each step is logged once. Returns what a person
        should know about the folder.
        """
        is_made_here = self.is_new and not self.path.exists()
        try:
            return self._begin(run, last_step)
        except UserError:
            if is_made_here and not (self.path / RUN).exists():  # it holds nothing of a run
                self.close()
                shutil.rmtree(self.path, ignore_errors=True)
            raise

    def _begin(self, run: Run, last_step: int | None) -> list[Warned]:
        notes = []
        if self.is_new:
            with explain(self.path):
                if not self.path.exists():
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    make_private_folder(self.path)
                self._lock_note = self._lock.acquire()
                _refuse_earlier_run(self.path)
        else:
            with explain(self.path):
                log, bad_events = cut_log(self.path / EVENTS, self.path / CHECKPOINTS, last_step)
                samples, bad_samples = cut_samples(self.path / SAMPLES, last_step)
            for name, text, bad in ((EVENTS, log, bad_events), (SAMPLES, samples, bad_samples)):
                if text is not None:
                    self.write(name, text)
                if bad:
                    if bad == 1:
                        sentence = say("1 line of {path} cannot be read: left out.", path=self.path / name)
                    else:
                        sentence = say(
                            "{bad} lines of {path} cannot be read: left out.", bad=bad, path=self.path / name
                        )
                    notes.append(Warned("bad-line", sentence))
        if self.is_new or (self.path / RUN).read_text(encoding="utf-8") != run.to_toml():
            try:
                self.write(RUN, run.to_toml())
            except Unavailable:  # only the folder's entry could not be synced, perhaps: then there is a run
                if (self.path / RUN).exists():
                    self._early_events = None  # how it ended belongs into its log
                raise
        early_events, self._early_events = self._early_events or [], None
        for event in early_events:
            self.log(event)
        if self._lock_note:
            notes.append(Warned("no-locks", self._lock_note))
        return notes

    @property
    def has_begun(self) -> bool:
        """Whether what happens is written down."""
        return self._early_events is None

    def close(self) -> None:
        """Let another process have the folder."""
        self._lock.release()

    def log(self, event: Event) -> None:
        """Append an event to events.jsonl, or keep it until begin()."""
        if self._early_events is not None:
            self._early_events.append(event)
            return
        with explain(self.path):
            append(self.path / EVENTS, to_json(event) + "\n")

    def events(self) -> Iterator[Event]:
        """Every event of events.jsonl, without lines that are none: a crash may have cut off the last one."""
        for _, event in read_log(self.path / EVENTS):
            if event is not None:
                yield event

    def read_resolved(self) -> dict[str, Any]:
        """What resolved.json holds; nothing where it cannot be read."""
        try:
            values = json.loads((self.path / RESOLVED).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return values if isinstance(values, dict) else {}

    def sync_logs(self) -> None:
        """Have the events and samples so far written to the disk itself, before a checkpoint relies on them."""
        with explain(self.path):
            sync(self.path / EVENTS)
            sync(self.path / SAMPLES)

    def write(self, name: str, text: str) -> None:
        """Write a text file whole or not at all."""
        with explain(self.path), replacing(self.path / name) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="replace")

    def write_json(self, name: str, value: Any) -> None:
        self.write(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _refuse_earlier_run(path: Path) -> None:
    if (path / RUN).exists():
        raise BadOption(say("{path} already holds a run; go on with --resume, or choose another --output.", path=path))
