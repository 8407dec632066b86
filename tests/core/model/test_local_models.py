"""The models on this computer: the Hub's cache, LM Studio's folders, others; broken ones are told."""

import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from core.model.local_models import FOLDER, HUB, LM_STUDIO, LocalModels, find_local_models
from core.model.model_facts import read_license, read_model_facts
from tests.hub_double import COMMIT


def names(found: LocalModels) -> list[tuple[str, str]]:
    return [(model.facts.name, model.place) for model in found.models]


def put_in_cache(model: Path, cache: Path, name: str) -> Path:
    """A model as the Hub's client lays it out."""
    repository = cache / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    shutil.copytree(model, repository / "snapshots" / COMMIT)
    return repository / "snapshots" / COMMIT


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_nothing_is_here(cache: Path) -> None:
    assert find_local_models() == LocalModels((), ())


def test_the_cache_and_lm_studio_and_folders_that_were_used(model_folder: Path, cache: Path, home: Path) -> None:
    put_in_cache(model_folder, cache, "team/tiny")
    studio = home / "elsewhere"
    shutil.copytree(model_folder, studio / "maker" / "one")
    (studio / "maker" / "gguf").mkdir()
    (studio / "maker" / "gguf" / "m.gguf").write_bytes(b"GGUF")
    shutil.copytree(model_folder, home / ".lmstudio" / "models" / "maker" / "two")
    (home / ".lmstudio" / "settings.json").write_text(json.dumps({"downloadsFolder": str(studio)}))
    gone = home / "gone"
    found = find_local_models([model_folder, model_folder, gone])
    assert names(found) == [
        ("team/tiny", HUB), ("maker/one", LM_STUDIO), ("maker/two", LM_STUDIO), (model_folder.name, FOLDER),
    ]  # fmt: skip
    assert found.problems == ()
    tiny, one = found.models[:2]
    assert tiny.facts.path == "team/tiny" and one.facts.path == str(studio / "maker" / "one")
    assert tiny.facts.parameters and tiny.facts.size > 10_000


def test_broken_folders_are_told_and_the_others_found(model_folder: Path, cache: Path, tmp_path: Path) -> None:
    whole = put_in_cache(model_folder, cache, "team/tiny")
    half = put_in_cache(model_folder, cache, "team/half") / "model.safetensors"
    half.rename(half.with_name("model-00001-of-00002.safetensors"))
    (put_in_cache(model_folder, cache, "team/asked") / "model.safetensors").unlink()  # no problem: it is not here yet
    odd = put_in_cache(model_folder, cache, "team/odd")
    (odd / "model.safetensors.index.json").write_text("[]")
    torn = cache / "models--team--torn" / "snapshots"
    (torn / "a").mkdir(parents=True)
    (torn / "b").mkdir()
    found = find_local_models()
    assert names(found) == [("team/tiny", HUB)]
    assert len(found.problems) == 3
    problems = "\n".join(found.problems)
    assert "team/half is not complete: model-00002-of-00002.safetensors is missing." in problems
    assert "holds 2 revisions" in problems and "index.json does not hold a JSON object" in problems
    (whole / "config.json").write_text("broken")
    assert find_local_models().models[0].facts.architecture == ""


@pytest.mark.parametrize(
    ("card", "license_"),
    [
        ("---\nlicense: apache-2.0\ntags:\n- a\n---\n# A model\nlicense: mit\n", "apache-2.0"),
        ('---\nlanguage: en\nlicense: other\nlicense_name: "gemma"\n---\n', "gemma"),
        ("# No table\nlicense: mit\n", ""),
        ("", ""),
    ],
)
def test_the_licence_is_the_cards(tmp_path: Path, card: str, license_: str) -> None:
    (tmp_path / "README.md").write_text(card)
    assert read_license(tmp_path) == license_
    assert read_model_facts(tmp_path).license == license_
