"""Small products take one core while a model writes; large ones as many as before."""

import mlx.nn as nn
import pytest

from core.device import openblas
from core.rollouts.product_threads import SMALL, product_threads


class Library:
    """OpenBLAS with two threads."""

    def __init__(self) -> None:
        self.threads = 2

    def openblas_get_num_threads(self) -> int:
        return self.threads

    def openblas_set_num_threads(self, count: int) -> None:
        self.threads = count


def test_products_take_one_core_where_they_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    library, model = Library(), nn.Sequential(nn.Linear(40, 50), nn.Linear(50, 20))
    monkeypatch.setattr(openblas, "_library", library)
    most = SMALL // (40 * 50)
    for rows, threads in ((most, 1), (most + 1, 2)):
        with product_threads(model, rows):
            assert library.threads == threads
        assert library.threads == 2


def test_the_products_of_numpy_take_one_core_as_well() -> None:
    libraries = openblas._of_numpy()
    if not libraries:
        pytest.skip("NumPy's products are not computed with OpenBLAS")
    threads = openblas._call(libraries[0], "get_num_threads")
    usual = threads()
    with openblas.one_thread():
        assert threads() == 1
    assert threads() == usual


def test_a_model_without_linear_layers_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    monkeypatch.setattr(openblas, "_library", library)
    with product_threads(nn.Sequential(nn.Embedding(4, 4)), 1):
        assert library.threads == 2
