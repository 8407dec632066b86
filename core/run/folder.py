"""RunFolder: the files of a run. All that a run is lies in its folder, each file complete or not there at all.

run.toml (as asked) · resolved.json (as used) · events.jsonl · adapters.safetensors + adapter_config.json ·
checkpoints/ · samples.jsonl · report.md. Files are written under a temporary name, synced and renamed.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.atomic_files import explain, replacing
from core.errors import BadOption, Unavailable
from core.events import Event, from_json, to_json
from core.run import Run

RUN, RESOLVED, EVENTS, SAMPLES, REPORT = "run.toml", "resolved.json", "events.jsonl", "samples.jsonl", "report.md"
CHECKPOINTS = "checkpoints"
CHAT_TEMPLATE = "chat_template.jinja"  # there only where one was chosen for a model without its own


class RunFolder:
    """The files of one run. A file that cannot be written (no space, no permission) raises Unavailable."""

    def __init__(self, path: Path, early_events: list[Event] | None = None) -> None:
        self.path = path
        self._early_events = early_events  # from before the folder is made; None once it is there

    @classmethod
    def plan(cls, run: Run) -> "RunFolder":
        """The folder of a new run. Nothing is written before begin(), so a run that cannot start leaves nothing.

        Raises BadOption when a run lies there already or a file is in the way, Unavailable without permission.
        """
        path = Path(run.output or "").expanduser()
        with explain(path):
            if (path / RUN).exists():
                raise BadOption(f"{path} already holds a run; go on with --resume, or choose another --output.")
            existing = next(p for p in (path, *path.absolute().parents) if p.exists())
            if not existing.is_dir():
                raise BadOption(f"{existing} is a file, where a folder is needed.")
            if not os.access(existing, os.W_OK | os.X_OK):
                raise Unavailable(f"There is no permission to write to {existing}.")
        return cls(path, early_events=[])

    def begin(self, run: Run) -> None:
        """Make the folder of a new run, with run.toml and the events so far. Does nothing for a resumed run."""
        if self._early_events is None:
            return
        with explain(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        self.write(RUN, run.to_toml())
        early_events, self._early_events = self._early_events, None
        for event in early_events:
            self.log(event)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """The folder of an earlier run. Raises BadOption where no run lies in it."""
        if not (path / RUN).is_file():
            raise BadOption(f"{path} holds no run: there is no {RUN} in it.")
        return cls(path)

    def log(self, event: Event) -> None:
        """Append an event to events.jsonl, or keep it until begin()."""
        if self._early_events is not None:
            self._early_events.append(event)
            return
        with explain(self.path), (self.path / EVENTS).open("a", encoding="utf-8") as file:
            file.write(to_json(event) + "\n")

    def events(self) -> Iterator[Event]:
        """Every event of events.jsonl, without a last line that a crash has cut off."""
        path = self.path / EVENTS
        if not path.exists():
            return
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.endswith("\n"):
                    yield from_json(line)

    def discard_after(self, step: int) -> None:
        """Drop the events and samples after a checkpoint, and the ending, so that a resumed run logs each step once."""
        events = [e for e in self.events() if getattr(e, "step", 0) <= step and type(e).__name__ != "Finished"]
        self.write(EVENTS, "".join(to_json(e) + "\n" for e in events))
        if (self.path / SAMPLES).exists():
            # Completions that the checkpoint was not trained on will be sampled again, and be the same.
            with (self.path / SAMPLES).open(encoding="utf-8", errors="replace") as file:
                lines = [line for line in file if line.endswith("\n") and json.loads(line).get("step", 0) <= step]
            self.write(SAMPLES, "".join(lines))

    def write(self, name: str, text: str) -> None:
        """Write a text file whole or not at all."""
        with explain(self.path), replacing(self.path / name) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def write_json(self, name: str, value: Any) -> None:
        self.write(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
