"""A model folder's tokenizer, and one sentence for each way it can be missing or broken."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.data.tokenize.tokenizer import load_tokenizer
from core.errors import BadModel
from tests.core.data.conftest import CHATML, make_tokenizer

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_tokenizer().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_it_comes_back_with_its_template(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    assert tokenizer.chat_template == CHATML
    assert tokenizer("<s>é").input_ids == make_tokenizer()("<s>é").input_ids


def test_missing_and_broken_files(folder: Path) -> None:
    with pytest.raises(BadModel) as error:
        load_tokenizer(folder / "none")
    assert str(error.value) == f"There is no model folder {folder}/none."
    (folder / "tokenizer.json").write_text('{"version": ')
    with pytest.raises(BadModel) as error:
        load_tokenizer(folder)
    assert str(error.value) == f"{folder}/tokenizer.json cannot be read as JSON: line 1, column 13: expecting value."
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(BadModel, match=f"^The tokenizer in {folder} cannot be loaded: [^\n]*\\.$"):
        load_tokenizer(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(BadModel) as error:
        load_tokenizer(folder)
    assert str(error.value) == f"{folder} has no tokenizer: tokenizer.json is missing."


def test_code_in_the_folder_is_not_run(folder: Path) -> None:
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", "own.Own"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")
    with pytest.raises(BadModel):
        load_tokenizer(folder)
    assert not (folder / "ran").exists()


def test_settings_that_fail_only_in_use_are_told_when_it_is_loaded(folder: Path) -> None:
    config = folder / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_max_length": "long"}))
    with pytest.raises(BadModel, match=f"The tokenizer in {folder} cannot be loaded: '>' not supported"):
        load_tokenizer(folder)


def test_another_thread_that_imports_transformers_is_waited_for(tmp_path: Path) -> None:
    """It replaces itself in sys.modules, and a name was looked for in the module that is no longer there."""
    program = """
import sys, threading, time
from pathlib import Path
from core.data.tokenize.tokenizer import load_tokenizer
from core.errors import BadModel

sys.setswitchinterval(0.0001)
thread = threading.Thread(target=lambda: __import__("transformers"))
thread.start()
while "transformers" not in sys.modules:
    time.sleep(0.0005)
try:
    load_tokenizer(Path(sys.argv[1]))
except BadModel as error:
    print(error)
thread.join()
"""
    folder = tmp_path / "none"
    done = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == f"There is no model folder {folder}.", done.stderr
