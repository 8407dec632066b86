"""A conversation with one or more models: what was asked, and what each of them answered. No Qt."""

from dataclasses import dataclass, field
from typing import Any

from app.runs.rollout_samples import Rollout
from app.threads.chat_thread import Message


@dataclass(frozen=True)
class Speaker:
    """Who answers: a base model with an adapter, or without one (`adapter` ""). Its title is for people."""

    title: str
    adapter: str = ""


def split_thinking(text: str) -> tuple[str, str]:
    """(thinking, answer) of what a model wrote; of thinking that is not finished, ("…", "")."""
    answer = Rollout(text, None, 0.0)
    return answer.thinking, answer.visible


@dataclass
class Turn:
    """A question and the answers to it, by the speakers' adapters, as they were written, thinking included.

    `system` is the system prompt under which it was asked.
    """

    question: str
    answers: dict[str, str] = field(default_factory=dict)
    system: str = ""


@dataclass
class Conversation:
    """A conversation that can be kept. `model` is the base model's path; `run` the folder of the run that it is of;
    `system` the newest system prompt."""

    model: str
    run: str = ""
    system: str = ""
    speakers: list[Speaker] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)

    def messages(self, adapter: str, turn: int) -> list[Message]:
        """The conversation as a speaker knows it, up to and with the question of a turn, without anyone's thinking.

        A question that this speaker was not there for, or said nothing to, is left out.
        """
        system = self.turns[turn].system
        messages = [{"role": "system", "content": system}] if system.strip() else []
        for earlier in self.turns[:turn]:
            answer = split_thinking(earlier.answers.get(adapter, ""))[1]
            if answer:
                messages.append({"role": "user", "content": earlier.question})
                messages.append({"role": "assistant", "content": answer})
        return [*messages, {"role": "user", "content": self.turns[turn].question}]

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "run": self.run,
            "system": self.system,
            "speakers": [{"title": speaker.title, "adapter": speaker.adapter} for speaker in self.speakers],
            "turns": [
                {"question": turn.question, "answers": turn.answers, "system": turn.system} for turn in self.turns
            ],
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "Conversation":
        """What to_json() returned. Raises KeyError, TypeError or AttributeError for anything else."""
        system = str(saved["system"])
        return cls(
            str(saved["model"]),
            str(saved["run"]),
            system,
            [Speaker(str(s["title"]), str(s["adapter"])) for s in saved["speakers"]],
            [
                Turn(
                    str(t["question"]), {str(k): str(v) for k, v in t["answers"].items()}, str(t.get("system", system))
                )
                for t in saved["turns"]
            ],
        )
