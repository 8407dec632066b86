"""The export target `hub`: an adapter or a whole model on the Hugging Face Hub, private unless asked otherwise."""

import json
import re
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from core import adapters
from core.adapters.rank_pattern import KEY
from core.chat import read_base_model
from core.errors import BadModel, BadOption
from core.events import Event, Saved
from core.export.hub_upload import require_token, upload_folder
from core.export.model_card import make_card
from core.export.model_folder import write_json
from core.export.peft_folder import to_peft
from core.export.request import ExportRequest, on_the_way, scratch_folder, whole_model
from core.files.json_file import read_json
from core.model import hub
from core.model.model_facts import CARD, read_license
from core.text.sentence import say

FORMS = ("adapter", "model")
MLX_FOLDER = "mlx-lm"  # mlx-lm and PEFT both call their file adapter_config.json
_MLX_KEYS = ("fine_tune_type", "num_layers", "lora_parameters", "lora_alpha", "use_rslora", "base_precision", KEY)
# Of a model's folder only what belongs to a model: other things may lie there.
_MODEL_FILES = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
    "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", "*.tiktoken",
    "chat_template.jinja", "chat_template.json", "*.safetensors", "*.safetensors.index.json",
)  # fmt: skip
_CONFIGS = (adapters.CONFIG, "config.json", "tokenizer_config.json", "generation_config.json")
_LONGEST_NUMBER = 40  # digits: a tokenizer's config may hold 10 to the power of 30
_PATH = re.compile(r"(?:/|~/|[A-Za-z]:[\\/])[^\n{}<>|]*[/\\][^\n{}<>|]*")


def export_hub(request: ExportRequest) -> Iterator[Event]:
    """Upload an adapter in PEFT's form with mlx-lm's files beside it, or the whole model, with a card.

    `request.output` is owner/name. `settings` may hold "public", "overwrite" (what is there) and "name_data" (the card
    names the data). Yields Phase events with the bytes and Saved with the page's address. Raises UserError.
    """
    name, settings = request.output, request.settings
    if not hub.is_id(name):
        raise BadOption(say("The Hugging Face Hub takes names of the form owner/name, not {name!r}.", name=name[:60]))
    form = request.form or ("adapter" if request.is_adapter else "model")
    if form == "adapter" and not request.is_adapter:
        raise BadOption(say("{source} is no adapter; --type model uploads a whole model.", source=request.source))
    source = Path(request.source).expanduser()
    named = request.model or (read_base_model(source) if request.is_adapter else None)
    base = _find_id(named) if named else None
    if form == "adapter" and base is None:
        raise BadModel(
            say(
                "The base of {name} is {named}, where nobody else finds it: an adapter alone would be of no use "
                "there. Upload the whole model instead (--type model), or name the base's id (--model).",
                name=source.name,
                named=_describe(named),
            )
        )
    require_token()  # before the minutes that a model may take
    with scratch_folder(Path(tempfile.gettempdir()) if form == "adapter" else _place(source)) as scratch:
        folder = scratch / "upload"
        if form == "adapter":
            yield from _write_adapter(request, source, folder, str(base))
        else:
            yield from _write_model(request, scratch, folder, base)
        has_mlx = (folder / MLX_FOLDER).is_dir()
        license = _find_license(named)
        card = make_card(
            name,
            source,
            base=base,
            license=license,
            is_adapter=form == "adapter",
            has_mlx=has_mlx,
            name_data=bool(settings.get("name_data")),
        )
        (folder / CARD).write_text(card, encoding="utf-8")
        check_no_paths(folder, source)
        url = yield from upload_folder(
            name, folder, public=bool(settings.get("public")), overwrite=bool(settings.get("overwrite"))
        )
    yield Saved(0, url, form)


def _write_adapter(request: ExportRequest, source: Path, folder: Path, base: str) -> Iterator[Event]:
    yield from on_the_way(to_peft(source, folder))
    write_json(folder / adapters.CONFIG, {**read_json(folder / adapters.CONFIG), "base_model_name_or_path": base})
    places = [folder]
    if (source / adapters.WEIGHTS).is_file() and not adapters.only_for_hone(source):
        mlx = folder / MLX_FOLDER
        mlx.mkdir()
        places.append(mlx)
        shutil.copyfile(source / adapters.WEIGHTS, mlx / adapters.WEIGHTS)
        saved = read_json(source / adapters.CONFIG)
        write_json(mlx / adapters.CONFIG, {"model": base, **{key: saved[key] for key in _MLX_KEYS if key in saved}})
    template = adapters.read_chat_template(source)
    for place in places if template else []:
        (place / "chat_template.jinja").write_text(str(template), encoding="utf-8")


def _write_model(request: ExportRequest, scratch: Path, folder: Path, base: str | None) -> Generator[Event, None, None]:
    model = yield from whole_model(request, scratch)
    folder.mkdir()
    for file in sorted({file for pattern in _MODEL_FILES for file in model.glob(pattern)}):
        if file.name in _CONFIGS:
            write_json(folder / file.name, _without_paths(read_json(file, longest_number=_LONGEST_NUMBER), base))
        else:
            (folder / file.name).symlink_to(file.resolve())


def _without_paths(value: Any, base: str | None) -> Any:
    """A config's value without folders of this machine: the base's id in place of them, or nothing."""
    if isinstance(value, dict):
        cleaned = {key: _without_paths(item, base) for key, item in value.items()}
        return {key: item for key, item in cleaned.items() if item is not None or value[key] is None}
    if isinstance(value, list):
        return [_without_paths(item, base) for item in value]
    return base if isinstance(value, str) and _PATH.fullmatch(value) else value


def check_no_paths(folder: Path, source: Path) -> None:
    """Raise BadModel where a file to upload names the person's home folder, or where the source lies."""
    places = {str(Path.home()), str(source.absolute()), str(source.resolve().parent)}
    wanted = [json.dumps(place)[1:-1].encode() for place in places if len(Path(place).parts) > 2]
    for file in (file for file in sorted(folder.rglob("*")) if file.is_file()):
        with file.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little") if file.suffix == ".safetensors" else -1
            content = stream.read(size)  # of weights the header, which may hold any text
        if any(place in content for place in wanted):
            raise BadModel(say("{name} names a folder of this machine, and so it is not uploaded.", name=file.name))


def _find_id(model: str) -> str | None:
    """The base's id on the Hub, also where a folder of the Hub's cache is named; else None."""
    parts = re.split(r"[/\\]", model)
    cached = next((part for part in parts if part.startswith("models--") and part.count("--") == 2), "")
    if cached:
        return cached.removeprefix("models--").replace("--", "/")
    return model if hub.is_id(model) and not Path(model).exists() else None


def _find_license(model: str | None) -> str:
    folder = hub.locate(model) if model and (hub.is_id(model) or Path(model).expanduser().exists()) else None
    return read_license(folder) if folder else ""


def _describe(named: str | None) -> str:
    if named is None:
        return say("not named")
    return (
        say("Hone's starter, which comes with the program") if named == hub.STARTER else say("a folder of this machine")
    )


def _place(source: Path) -> Path:
    return source.parent if source.is_dir() else Path(tempfile.gettempdir())
