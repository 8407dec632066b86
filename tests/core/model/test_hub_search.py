"""Searching the Hub, with its real client against the Hub's double; the models that are recommended, on paper."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from core.errors import Unavailable
from core.memory.estimate import estimate_step
from core.model import hub_search, recommended
from core.model.families import TRIED, describe_support
from core.model.hub_search import search_models
from core.run import Run
from tests.hub_double import HubDouble, HubRepository, connect, serve

TAGS = ["safetensors", "text-generation"]
LLAMA = {
    "downloads": 900,
    "tags": [*TAGS, "license:llama3.2"],
    "safetensors": {"parameters": {"BF16": 1_000_000, "F32": 10}, "total": 1_000_010},
    "config": {"model_type": "llama", "tokenizer_config": {"chat_template": "{{ messages }}"}},
}
MLX = {
    "downloads": 40,
    "tags": [*TAGS, "mlx"],
    "safetensors": {"parameters": {"U32": 1000, "BF16": 100}, "total": 1100},
    "config": {"model_type": "qwen3", "quantization_config": {"bits": 4, "group_size": 64}},
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    monkeypatch.setattr(hub_search, "find_token", lambda: None)
    repositories = {
        "mlx-community/Small-4bit": HubRepository({}, facts=MLX),
        "maker/Small-1B": HubRepository({}, gated=True, facts=LLAMA),
        "maker/Picture-1B": HubRepository({}, facts={"tags": ["safetensors", "text-to-image"]}),
        "maker/bare": HubRepository({}, facts={"tags": TAGS}),
    }
    with serve(repositories) as server:
        connect(monkeypatch, server.url, tmp_path / "cache")
        yield server


def test_a_search_tells_size_licence_and_gate(hub: HubDouble) -> None:
    llama, mlx = search_models("small")
    assert (llama.id, llama.size, llama.parameters) == ("maker/Small-1B", 2_000_040, 1_000_010)
    assert (llama.license, llama.gated, llama.downloads) == ("llama3.2", True, 900)
    assert (llama.architecture, llama.chat_template, llama.quantized) == ("llama", True, "")
    assert (mlx.id, mlx.size, mlx.parameters) == ("mlx-community/Small-4bit", 4200, None)
    assert (mlx.quantized, mlx.gated, mlx.chat_template) == ("4 bit affine", False, False)


def test_only_text_models_and_those_of_an_author(hub: HubDouble) -> None:
    assert [model.id for model in search_models("")] == ["maker/Small-1B", "mlx-community/Small-4bit", "maker/bare"]
    assert [model.id for model in search_models("", hub_search.MLX_COMMUNITY)] == ["mlx-community/Small-4bit"]
    bare = search_models("bare")[0]
    assert (bare.size, bare.license, bare.architecture) == (None, "", "")
    assert search_models("nothing like it") == []


def test_no_network_is_one_sentence(hub: HubDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.close()
    with pytest.raises(Unavailable, match="cannot be reached to search it"):
        search_models("small")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Unavailable, match="HF_HUB_OFFLINE forbids to search"):
        search_models("small")


@pytest.mark.parametrize("model", recommended.RECOMMENDED, ids=lambda model: model.id)
def test_what_is_recommended_has_a_family_and_the_weights_of_its_size(model: recommended.Recommended) -> None:
    assert describe_support(model.config["model_type"])[0] == TRIED
    run = Run().replace("model.dtype", "bfloat16")
    estimate = estimate_step(model.config, run, device="gpu", tokens=256)
    assert estimate is not None
    assert 0.75 * model.download_bytes < estimate.weights < 1.05 * model.download_bytes


def test_small_medium_and_best() -> None:
    assert recommended.pick_three(range(7)) == [0, 3, 6]
    assert recommended.pick_three("ab") == ["a", "b"]
    thinking = {model.id for model in recommended.candidates(on_policy=True)}
    assert "Qwen/Qwen3-4B" in thinking and "Qwen/Qwen3-4B-Instruct-2507" not in thinking
