"""The model card of an upload: README.md with the Hub's YAML, filled from the run. It names nothing of this machine."""

import json
from pathlib import Path
from typing import Any

from core import methods
from core.errors import BadModel
from core.events import Finished, from_json
from core.files.json_file import read_json
from core.model import hub
from core.run.folder import EVENTS, RESOLVED

_SETTINGS = {
    "adapter": ("type", "rank", "alpha", "dropout", "rslora"),
    "train": ("epochs", "steps", "batch_size", "gradient_accumulation_steps", "learning_rate", "lr_schedule",
              "warmup_steps", "optimizer", "weight_decay", "max_grad_norm", "seed"),
    "data": ("max_seq_len", "train_on"),
}  # fmt: skip


def make_card(
    name: str, run: Path, *, base: str | None, license: str, is_adapter: bool, has_mlx: bool, name_data: bool
) -> str:
    """The text of README.md.

    Arguments:
        name: of the repository, owner/name.
        run: a run's folder, or an adapter's or a model's, of which less is known.
        base: the base's id on the Hub; None where it has none.
        license: of the base, as its card names it; "" where that is not known.
        is_adapter: whether the adapter alone is uploaded, rather than the whole model.
        has_mlx: whether the adapter lies there for mlx-lm too.
        name_data: whether the data may be named: its id on the Hub, or the name of its file without folders.
    """
    resolved = _read_resolved(run)
    data = str(resolved.get("data", {}).get("path", "")) if name_data else ""
    head = _head(base, license, is_adapter, data if hub.is_id(data) and not Path(data).exists() else "")
    parts = [
        head,
        f"# {name.partition('/')[2]}",
        f"{_describe_kind(base, is_adapter)} Made with Hone.",
        _facts(resolved, run, base, license, data),
        _settings(resolved),
        "## How to use it\n\n" + "\n\n".join(_usage(name, base, is_adapter, has_mlx)),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _head(base: str | None, license: str, is_adapter: bool, dataset: str) -> str:
    lines = ["---", f"library_name: {'peft' if is_adapter else 'transformers'}", "pipeline_tag: text-generation"]
    if base:
        lines += [f"base_model: {base}", f"base_model_relation: {'adapter' if is_adapter else 'finetune'}"]
    lines += [f"license: {license}"] if license else []
    lines += ["datasets:", f"- {dataset}"] if dataset else []
    return "\n".join([*lines, "tags:", "- hone", "- mlx", *(["- lora"] if is_adapter else []), "---"])


def _describe_kind(base: str | None, is_adapter: bool) -> str:
    of = f" of [{base}](https://huggingface.co/{base})" if base else ""
    return f"An adapter{of.replace(' of ', ' for ')}." if is_adapter else f"A fine-tuned model{of}."


def _facts(resolved: dict[str, Any], run: Path, base: str | None, license: str, data: str) -> str:
    rows = [("Base", base or ""), ("Licence of the base", license or ("not known; see its page" if base else ""))]
    spec = methods.load().get(str(resolved.get("method")))
    rows.append(("Method", spec.title if spec else ""))
    if facts := resolved.get("data"):
        named = f"{data if hub.is_id(data) and not Path(data).exists() else Path(data).name}: " if data else ""
        rows.append(("Data", f"{named}{facts['rows']:,} rows, {facts['tokens']:,} tokens"))
    if facts := resolved.get("model"):
        rows.append(("Trained", f"{facts['trainable_parameters']:,} of {facts['parameters']:,} parameters"))
    finished = _read_finished(run)
    if finished and finished.loss_before is not None and finished.loss_after is not None:
        rows.append(("Held-out loss", f"{finished.loss_before:.4f} → {finished.loss_after:.4f}"))
    known = [f"| {title} | {text} |" for title, text in rows if text]
    return "\n".join(["| | |", "| --- | --- |", *known]) if known else ""


def _settings(resolved: dict[str, Any]) -> str:
    values = {
        f"{section}.{key}": resolved.get(section, {}).get(key) for section, keys in _SETTINGS.items() for key in keys
    }
    # Of a method's own options only numbers: texts may be folders of this machine.
    values |= {key: value for key, value in resolved.get("options", {}).items() if isinstance(value, int | float)}
    lines = [f"- `{key} = {json.dumps(value)}`" for key, value in values.items() if value is not None]
    return "\n".join(["## Settings", "", *lines]) if resolved else ""


def _usage(name: str, base: str | None, is_adapter: bool, has_mlx: bool) -> list[str]:
    if not is_adapter:
        return [
            f'mlx-lm:\n\n```\nmlx_lm.generate --model {name} --prompt "…"\n```',
            "transformers:\n\n```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
            f'model = AutoModelForCausalLM.from_pretrained("{name}")\n'
            f'tokenizer = AutoTokenizer.from_pretrained("{name}")\n```',
        ]
    short = name.partition("/")[2]
    mlx = (
        f'mlx-lm:\n\n```\nhf download {name} --include "mlx-lm/*" --local-dir {short}\n'
        f'mlx_lm.generate --model {base} --adapter-path {short}/mlx-lm --prompt "…"\n```'
    )
    peft = (
        "PEFT:\n\n```python\nfrom peft import PeftModel\nfrom transformers import AutoModelForCausalLM\n\n"
        f'base = AutoModelForCausalLM.from_pretrained("{base}")\nmodel = PeftModel.from_pretrained(base, "{name}")\n```'
    )
    plain = (
        "transformers (with PEFT installed):\n\n```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer"
        f'\n\nmodel = AutoModelForCausalLM.from_pretrained("{name}")\n'
        f'tokenizer = AutoTokenizer.from_pretrained("{base}")\n```'
    )
    return [*([mlx] if has_mlx else []), peft, plain]


def _read_resolved(run: Path) -> dict[str, Any]:
    try:
        return read_json(run / RESOLVED)
    except (FileNotFoundError, BadModel):  # an adapter from elsewhere: less is known
        return {}


def _read_finished(run: Path) -> Finished | None:
    """The end of a run, where it has one."""
    file = run / EVENTS
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    found = [from_json(line) for line in lines if '"Finished"' in line]
    return next((event for event in reversed(found) if isinstance(event, Finished)), None)
