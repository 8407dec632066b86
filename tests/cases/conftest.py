"""The tiny model and dataset of the core's tests."""

from tests.core.conftest import data_file, make_run, model_folder  # noqa: F401
