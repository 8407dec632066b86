"""A base that only an adapter's files name is not looked for on the network before someone asks for it."""

import json
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
from safetensors.numpy import save_file

from core.__main__ import main


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["chat", "--prompt", "x"], "model"),
        (["chat", "--prompt", "x"], "base_model_name_or_path"),
        (["eval"], "model"),
        (["fuse", "--output", "fused"], "model"),
    ],
)
def test_the_base_that_an_adapter_names_is_not_downloaded_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: pytest.fail("asked the Hub"))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "adapter_config.json").write_text(json.dumps({name: "someone/elses", "fine_tune_type": "lora"}))
    save_file(
        {"model.layers.0.mlp.up_proj.lora_a": np.zeros((4, 2), np.float32)}, tmp_path / "a" / "adapters.safetensors"
    )
    assert main([*command, "--adapter-path", "a"]) == 2
    sentence = capsys.readouterr().err
    assert "a names the base someone/elses, which is not on this machine; give --model someone/elses" in sentence
