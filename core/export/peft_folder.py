"""An adapter in the format of PEFT, as a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

from core import adapters
from core.adapters import peft
from core.events import Event, Saved, Warned
from core.export.fused_model import named_base
from core.export.model_folder import free_folder, replacing_folder, write_json
from core.files.atomic_files import save_tensors
from core.model import hub
from core.model.check_folder import read_config
from core.text.sentence import say


def to_peft(adapter: str | Path, output: str | Path) -> Iterator[Event]:
    """Write an adapter (a run's folder, or an adapter's) as a folder that PEFT loads; `output` is new or empty.

    Yields Saved with the folder at the end, after a Warned where the base was quantized for training.
    Raises UserError, also for what PEFT has no form for (a fully trained model, experts).
    """
    folder, target = Path(adapter).expanduser(), free_folder(output)
    saved, weights = adapters.read(folder)
    source = hub.locate(hub.find_moved(named_base(folder, saved), folder))
    config, tensors = peft.convert(saved, weights, read_config(source) if source else {}, folder)
    with replacing_folder(target) as partial:
        save_tensors(partial / adapters.PEFT_WEIGHTS, tensors, {"format": "pt"}, private=False)
        write_json(partial / adapters.CONFIG, config)
    if config.get("ensure_weight_tying"):
        yield Warned(
            "tied-embeddings",
            say(
                "Embeddings that are the output layer too are kept so by PEFT from version 0.19 on. Merging "
                "low-rank layers of them there adds them twice: for a whole model, use Hone's."
            ),
        )
    note = adapters.read_base_precision(folder).note
    if note:
        yield Warned("base-precision", say("{note} Load it so in PEFT for the same answers.", note=note))
    yield Saved(0, str(target), "adapter")
