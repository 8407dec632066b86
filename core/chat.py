"""A model to talk to: as it came, or with any of several trained adapters over the same weights."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn

from core import adapters
from core.data.format.example import Example
from core.data.tokenize.encode import encode_prompt
from core.device.machine import room_for_weights
from core.device.select import fallback_note, select
from core.distributed.group import Group
from core.errors import BadModel
from core.events import Walked
from core.model import hub
from core.model.generate import stream
from core.model.load import load
from core.model.sharding import NONE, PIPELINE, Sharding, describe
from core.quant.modes import UNPACKED
from core.rewards.answer import THINK_START
from core.text.sentence import join, say


class Chat:
    """A model to talk to, with or without trained adapters. Create and use it on one thread.

    Arguments:
        model: a folder, a Hugging Face id or "starter".
        adapter: a run's folder or an adapter's; None for the model alone. More can be asked later.
        backend_name: "auto", "gpu" or "cpu".
        allow_code: whether the model's own Python code may run.
        quantization: of the base; None as it was when the adapter was trained.
        sharding: how the model is parted over several ranks, which all do the same with their Chat; None for one that
            is whole. No other adapter can be asked of a model in parts.

    Attributes: `precision` says how the base is loaded, `sharding` how it is parted over the ranks of `group`; `note`
    is what the user should know about it, or "".
    Raises BadModel for a model or adapter that cannot be loaded, Unavailable without network.
    """

    def __init__(
        self,
        model: str,
        adapter: str | Path | None = None,
        *,
        backend_name: str = "auto",
        allow_code: bool = False,
        quantization: str | None = None,
        sharding: Sharding | None = None,
    ) -> None:
        self.backend = select(backend_name)
        self._base_precision = adapters.choose_base_precision(adapter, quantization)
        self._allow_code = allow_code
        self._folder = Walked(hub.fetch(model if adapter is None else hub.find_moved(model, adapter))).finish()
        loaded = adapters.load_base(
            self._folder,
            adapter,
            self._base_precision,
            device=self.backend["used"],
            allow_code=allow_code,
            sharding=sharding,
            room=room_for_weights(self.backend["used"]),
        )
        self.sharding = loaded.sharding
        self.group = sharding.group if sharding and loaded.sharding != NONE else Group()
        notes = (fallback_note(self.backend), *loaded.notes, describe(sharding, loaded.sharding))
        self.note = join(filter(None, notes))
        self.model, self.tokenizer = loaded.model, loaded.tokenizer
        self.precision = loaded.precision
        self.model.eval()
        self._chat_templates: dict[Path | None, str | None] = {None: self.tokenizer.chat_template}
        self._adapters = adapters.AdapterSet(self.model)
        self._full_models: dict[Path, nn.Module] = {}  # models of which every weight was trained
        self._first_adapter = None if adapter is None else Path(adapter)
        if self._first_adapter and self.sharding == PIPELINE:
            adapters.load_part(self.model, self._first_adapter)
            self.model.eval()
        self._switch_to(self._first_adapter)

    def answer(
        self,
        messages: Sequence[dict[str, str]],
        *,
        max_tokens: int = 256,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int | None = None,
        adapter: str | Path | bool = True,
    ) -> Iterator[str]:
        """Yield pieces of text of the next assistant turn, as they are generated.

        The first of them is "<think>" where the chat template has already begun the model's thinking.

        Arguments:
            messages: the conversation so far, as {"role", "content"} dicts.
            max_tokens: tokens at which the answer ends.
            temperature: 0 is greedy.
            top_p: only the likeliest tokens that together have this probability are drawn from; 1 takes all.
            seed: of the draws; None goes on with those before.
            adapter: False for the untrained model, True for the adapter of the start, or the folder of another one,
                which is read at its first use and then kept.

        Raises BadModel where the model's chat template cannot write the conversation, or an adapter is another model's.
        """
        model = self._switch_to(_choose_folder(adapter, self._first_adapter))
        encoded = encode_prompt(Example(0, messages=tuple(messages)), self.tokenizer)
        if encoded is None:
            raise BadModel(say("The model's chat template cannot write this conversation."))
        prompt = encoded.tokens
        if self.tokenizer.decode(list(prompt[-8:]), skip_special_tokens=False).rstrip().endswith(THINK_START):
            yield THINK_START
        if seed is not None:
            mx.random.seed(seed)
        yield from stream(model, self.tokenizer, prompt, max_tokens, temperature, top_p, group=self.group)

    def drop(self, adapter: str | Path) -> None:
        """Free an adapter that answer() has read."""
        self._adapters.drop(Path(adapter))
        self._full_models.pop(Path(adapter), None)
        self._chat_templates.pop(Path(adapter), None)

    def _switch_to(self, folder: Path | None) -> nn.Module:
        """The model with the adapter of a folder, which is read at its first use."""
        if self.sharding != NONE:
            if folder != self._first_adapter:
                raise BadModel(say("A model in parts answers with the adapter that it was loaded with, and no other."))
            own = adapters.read_chat_template(folder) if folder else None
            self.tokenizer.chat_template = own or self._chat_templates[None]
            return self.model
        if folder not in self._chat_templates:
            assert folder is not None
            self._note_precision(folder)
            saved, _ = adapters.read(folder)
            if saved.get("fine_tune_type") == "full":
                model = load(self._folder, device=self.backend["used"], allow_code=self._allow_code).model
                adapters.load(model, folder)
                model.eval()
                self._full_models[folder] = model
            else:
                self._adapters.use(folder)
                self._note(adapters.untied_note(self.model))
            self._chat_templates[folder] = adapters.read_chat_template(folder)
        self.tokenizer.chat_template = self._chat_templates[folder] or self._chat_templates[None]
        if folder in self._full_models:
            return self._full_models[folder]
        self._adapters.use(folder)
        return self.model

    def _note_precision(self, folder: Path) -> None:
        """Note where an adapter was trained over a base in other precision than the one that is loaded."""
        trained = adapters.read_base_precision(folder)
        used = self._base_precision
        if folder != self._first_adapter and trained.quantization != used.quantization:
            self._note(
                say(
                    "{name} was trained over a base {trained}, and answers here over one {used}.",
                    name=folder.name,
                    trained=_describe(trained.quantization),
                    used=_describe(used.quantization),
                )
            )

    def _note(self, sentence: str) -> None:
        if sentence and sentence not in self.note:
            self.note = join(filter(None, (self.note, sentence)))


def _describe(quantization: str) -> str:
    return (
        say("as it comes") if quantization == UNPACKED else say("packed as {quantization}", quantization=quantization)
    )


def _choose_folder(adapter: str | Path | bool, first: Path | None) -> Path | None:
    if isinstance(adapter, bool):
        return first if adapter else None
    return Path(adapter)


def read_base_model(adapter: Path) -> str | None:
    """The base model that an adapter's configuration names, if it names one. Raises BadModel where it cannot be read.

    It may come from elsewhere, so that nobody should download what it names without being asked.
    """
    try:
        saved = json.loads((adapter / adapters.CONFIG).read_text(encoding="utf-8"))
        model = saved.get("model") or saved.get("base_model_name_or_path")  # as PEFT has it
    except PermissionError:
        raise BadModel(say("There is no permission to read {path}.", path=adapter / adapters.CONFIG)) from None
    except FileNotFoundError:
        raise adapters.missing_adapter(adapter) from None
    except (OSError, ValueError, AttributeError, RecursionError):
        raise BadModel(
            say("{adapter} holds no adapter: {config} is broken.", adapter=adapter, config=adapters.CONFIG)
        ) from None
    return str(model) if model else None


def find_base_model(adapter: str | None) -> str | None:
    """The base model that an adapter's configuration names. Raises BadModel where it is not on this machine."""
    model = read_base_model(Path(adapter)) if adapter else None
    return hub.require_local(model, str(adapter)) if model else None
