"""While answers are written a layer computes with one merged matrix, and says what it would say without."""

import mlx.core as mx
import mlx.nn as nn
import psutil
import pytest
from mlx.utils import tree_flatten

from core.adapters.lora import LoRALinear
from core.adapters.merged_weights import merged_weights
from core.device.process_memory import COPY_SHARE


def layer(dtype: mx.Dtype = mx.float32) -> nn.Module:
    """A model of one layer, whose adapter changes what it computes."""
    mx.random.seed(3)
    linear = nn.Linear(24, 16, bias=False)
    linear.set_dtype(dtype)
    adapted = LoRALinear(linear, rank=4, scale=2.0, dropout=0.0)
    adapted.lora_b = mx.random.normal((4, 16))
    return nn.Sequential(adapted)


def test_a_merged_layer_computes_what_the_base_and_its_adapter_compute() -> None:
    model, x = layer(), mx.random.normal((3, 1, 24))
    expected = model(x)
    with merged_weights(model):
        assert model.layers[0].merged is not None
        difference = mx.abs(model(x) - expected).max().item()
    assert difference < 1e-5 and model.layers[0].merged is None


def test_merging_is_taken_back_when_writing_stops_and_follows_the_adapter() -> None:
    model, x = layer(), mx.random.normal((3, 24))
    with pytest.raises(KeyError), merged_weights(model):
        raise KeyError
    assert model.layers[0].merged is None
    model.layers[0].lora_b = -model.layers[0].lora_b
    expected = model(x)
    with merged_weights(model):
        assert mx.allclose(model(x), expected, atol=1e-5).item()


def test_a_merged_matrix_is_no_parameter_and_an_adapter_that_is_off_stays_off() -> None:
    model, x = layer(), mx.random.normal((3, 24))
    names = [name for name, _ in tree_flatten(model.parameters())]
    with merged_weights(model):
        assert [name for name, _ in tree_flatten(model.parameters())] == names
        model.layers[0].enabled = False
        assert mx.array_equal(model(x), model.layers[0].linear(x)).item()


def test_16_bit_weights_are_not_merged() -> None:
    model = layer(mx.bfloat16)
    with merged_weights(model):
        assert model.layers[0].merged is None


def test_nothing_is_merged_where_it_would_take_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model = layer()
    needed = model.layers[0].linear.weight.nbytes / COPY_SHARE

    class Memory:
        available = needed - 1

    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory)
    with merged_weights(model):
        assert model.layers[0].merged is None
    Memory.available = needed + 1
    with merged_weights(model):
        assert model.layers[0].merged is not None
