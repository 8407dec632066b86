"""Search the Hugging Face Hub for models that may be trained: text generation, in safetensors. Needs no MLX."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import Unavailable
from core.hub_token import find_token
from core.model.hub_failures import explaining_failures, is_broken_connection, read_status
from core.model.model_facts import describe_packing
from core.model.weight_files import BITS
from core.text.sentence import say

MLX_COMMUNITY = "mlx-community"  # whose models are in fewer bits, ready for MLX
_FACTS = ["cardData", "config", "downloads", "gated", "safetensors", "tags"]
_LICENSE_TAG = "license:"
_ANSWER_SECONDS = 10
_NOT_REACHED = say("The Hugging Face Hub cannot be reached to search it. Models on this computer can be used.")


@dataclass(frozen=True)
class HubModel:
    """A model on the Hub, as a search finds it. What the Hub does not say is None or ""."""

    id: str
    size: int | None  # bytes of the weights
    parameters: int | None
    downloads: int  # of the last month
    license: str
    gated: bool  # its owner wants the terms accepted first
    architecture: str
    quantized: str  # such as "4 bit affine", "" for full precision
    chat_template: bool


def search_models(text: str, author: str = "", limit: int = 20) -> list[HubModel]:
    """The models with `text` in their names, the most downloaded first. Raises Unavailable if no Hub answers."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.utils import get_session

    if constants.HF_HUB_OFFLINE:
        raise Unavailable(say("HF_HUB_OFFLINE forbids to search the Hugging Face Hub."))
    with explaining_failures(text, "model"), _explaining_no_hub():
        get_session().head(constants.ENDPOINT, timeout=_ANSWER_SECONDS)  # the client itself would try for half a minute
        found: list[Any] = list(
            HfApi(token=find_token()).list_models(
                search=text or None,
                author=author or None,
                filter=["safetensors"],
                pipeline_tag="text-generation",
                sort="downloads",
                limit=limit,
                expand=_FACTS,  # type: ignore[arg-type, unused-ignore]
            )
        )
    return [_read_facts(info) for info in found]


@contextlib.contextmanager
def _explaining_no_hub() -> Iterator[None]:
    """A search asks for nothing by name, so a Hub that is not reached has a sentence of its own."""
    try:
        yield
    except Exception as error:
        if is_broken_connection(error) and read_status(error) is None:
            raise Unavailable(_NOT_REACHED) from error
        raise


def _read_facts(info: Any) -> HubModel:
    config: dict[str, Any] = info.config if isinstance(info.config, dict) else {}
    parameters = info.safetensors.parameters if info.safetensors else {}
    packing = describe_packing(config)
    tags = info.tags or []
    tokenizer = config.get("tokenizer_config")
    has_template = isinstance(tokenizer, dict) and bool(tokenizer.get("chat_template"))
    return HubModel(
        id=info.id,
        size=_count_bytes(parameters),
        parameters=None if packing or not parameters else sum(parameters.values()),
        downloads=info.downloads or 0,
        license=next((tag.removeprefix(_LICENSE_TAG) for tag in tags if tag.startswith(_LICENSE_TAG)), ""),
        gated=bool(info.gated),
        architecture=str(config.get("model_type") or ""),
        quantized=packing,
        chat_template=has_template or bool(config.get("chat_template_jinja")) or "conversational" in tags,
    )


def _count_bytes(parameters: Mapping[str, int]) -> int | None:
    """The bytes of so many numbers of each type, as safetensors names it; None where a type is not known."""
    if not parameters or not set(parameters) <= set(BITS):
        return None
    return sum(BITS[dtype] * count for dtype, count in parameters.items()) // 8
