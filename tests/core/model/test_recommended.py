"""The models to begin with: their downloads follow from their shapes."""

import pytest

from core.memory.tensor_shapes import count_elements, expected_tensors
from core.model import families
from core.model.recommended import RECOMMENDED, Recommended

COPY_OF_EMBEDDINGS = ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-1.7B")  # whose files hold an output layer that is not used
TOKENIZER_BYTES = {"qwen3": 15_900_000, "llama": 3_400_000}


@pytest.mark.parametrize("model", RECOMMENDED, ids=lambda model: model.id)
def test_a_download_is_what_the_shape_takes_in_16_bit(model: Recommended) -> None:
    numbers = count_elements(shape for _, shape in expected_tensors(model.config).values())
    if model.id in COPY_OF_EMBEDDINGS:
        assert model.config["tie_word_embeddings"]
        numbers += model.config["vocab_size"] * model.config["hidden_size"]
    kind = model.config["model_type"]
    assert model.download_bytes == pytest.approx(2 * numbers + TOKENIZER_BYTES[kind], rel=1e-3)
    assert families.describe_support(kind)[0] == families.TRIED and model.license == "apache-2.0"


def test_the_smallest_comes_first() -> None:
    sizes = [model.download_bytes for model in RECOMMENDED]
    assert sizes == sorted(sizes)
