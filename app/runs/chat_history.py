"""The conversations that were kept: a file each in Hone's data folder, for its owner alone, the newest of each run.

No Qt.
"""

import datetime
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.runs.conversation import Conversation
from core.files.atomic_files import make_private_folder, replacing
from core.files.file_errors import explain

MOST_PER_RUN = 50  # the oldest ones go
_LARGEST = 4 << 20  # bytes of one conversation that is read


@dataclass(frozen=True)
class KeptConversation:
    """A conversation on disk, by its first question."""

    path: Path
    title: str
    time: float


class ChatHistory:
    """The conversations below a folder: those of each run, and of each model without one, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new_path(self, conversation: Conversation) -> Path:
        """Where to keep a conversation that has just begun."""
        now = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S-%f")
        return self._place(conversation.run or conversation.model) / f"{now}.json"

    def keep(self, conversation: Conversation, path: Path) -> None:
        """Write a conversation, and remove the oldest of its run where there are too many. Raises Unavailable."""
        with explain(path):
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            for folder in (self._folder, path.parent):
                make_private_folder(folder)
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(conversation.to_json(), ensure_ascii=False), encoding="utf-8")
            for old in sorted(path.parent.glob("*.json"))[:-MOST_PER_RUN]:
                old.unlink()

    def list(self, key: str) -> list[KeptConversation]:
        """The conversations of a run's folder or a model's path, the newest first; broken files are left out."""
        kept = []
        for path in sorted(self._place(key).glob("*.json"), reverse=True):
            conversation = self.read(path)
            if conversation is not None and conversation.turns:
                kept.append(KeptConversation(path, conversation.turns[0].question, path.stat().st_mtime))
        return kept

    def read(self, path: Path) -> Conversation | None:
        """A conversation, or None where the file is gone or broken."""
        try:
            if path.stat().st_size > _LARGEST:
                return None
            return Conversation.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def delete(self, path: Path) -> None:
        """Remove one conversation."""
        with explain(path), suppress(FileNotFoundError):
            path.unlink()

    def _place(self, key: str) -> Path:
        """The folder for a run's folder or a model's path; its name can be read, and no two keys have the same."""
        name = "".join(c if c.isalnum() or c in "-_." else "-" for c in Path(key).name)[:60].lstrip(".")
        return self._folder / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
