"""hone models: the models on this machine. hone download: bring one here from the Hugging Face Hub."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from core.cli import Print
from core.errors import BadModel


def add(commands: Any) -> None:
    models = commands.add_parser(
        "models",
        help="List the models on this machine.",
        description="The models in the Hugging Face cache, in LM Studio's folders, and in the folders given.",
    )
    models.add_argument("folder", nargs="*", metavar="FOLDER", help="A folder that may hold a model.")
    models.add_argument("--json", action="store_true", help="Print JSON.")
    models.set_defaults(command=run_models)
    download = commands.add_parser(
        "download",
        help="Download a model from the Hugging Face Hub.",
        description="Downloads a model into the Hugging Face cache; goes on where an earlier download stopped.",
    )
    download.add_argument("id", metavar="NAME", help="The model's id, such as Qwen/Qwen3-0.6B.")
    download.add_argument("--revision", help="A branch, tag or commit.")
    download.set_defaults(command=run_download)


def run_models(args: Any, out: Print) -> int:
    from core.model.families import describe_support
    from core.model.local_models import find_local_models

    folders = [Path(folder).expanduser() for folder in args.folder]
    for folder in folders:
        if not folder.is_dir():
            raise BadModel(f"There is no folder {folder}.")
    found = find_local_models(folders)
    if args.json:
        models = [
            dataclasses.asdict(m.facts) | {"place": m.place, "support": describe_support(m.facts.architecture)}
            for m in found.models
        ]
        out(json.dumps({"models": models, "problems": found.problems}, indent=2, ensure_ascii=False))
        return 0
    if not found.models:
        out("There is no model on this machine yet; `hone download NAME` brings one from the Hugging Face Hub.")
    for model in found.models:
        facts = model.facts
        parts = [f"{facts.size / 1e9:.2f} GB", facts.architecture or "unknown architecture", facts.quantized]
        parts += ["" if facts.chat_template else "no chat template", facts.license, model.place]
        out(f"{facts.path}: {', '.join(part for part in parts if part)}")
        if sentence := describe_support(facts.architecture)[1]:
            out(f"    {sentence}")
    for problem in found.problems:
        out(f"Not usable: {problem}")
    return 0


def run_download(args: Any, out: Print) -> int:
    from core.model.hub import fetch

    work = fetch(args.id, args.revision)
    shown = -1
    while True:
        try:
            phase = next(work)
        except StopIteration as end:
            out(f"{args.id} is in {end.value}")
            return 0
        percent = int(100 * (phase.fraction or 0))
        if percent != shown:  # a line for each percent is enough
            shown = percent
            out(f"{phase.detail} ({percent}%)", flush=True)
