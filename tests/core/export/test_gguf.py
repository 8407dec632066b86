"""GGUF files: what was written is what the model has, the tokenizer is carried, and what does not fit is refused.

That llama.cpp gives the same tokens, logits and answers is shown by tests/exports (its README has the table).
"""

import json
from pathlib import Path
from typing import Any

import gguf
import mlx.core as mx
import numpy as np
import pytest
from tokenizers import Regex, pre_tokenizers

from core.data.tokenize.tokenizer import load_tokenizer
from core.errors import BadModel, BadOption, Unavailable
from core.events import Phase, Saved, Warned
from core.export import programs
from core.export.gguf_families import GGUF_FAMILIES, find_gguf_family
from core.export.gguf_file import write_gguf
from core.export.gguf_tokenizer import describe_tokenizer
from core.export.pre_tokenizers import find_pre_tokenizer
from core.export.request import ExportRequest
from core.export.targets import export
from core.resources import STARTER
from tests.core.conftest import only
from tests.exports.families import MODELS, write_sample


def read(file: Path) -> tuple[dict[str, Any], dict[str, gguf.ReaderTensor]]:
    """(settings, tensors) of a file."""
    reader = gguf.GGUFReader(file)
    return {k: f.contents() for k, f in reader.fields.items()}, {t.name: t for t in reader.tensors}


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, gguf.ReaderTensor]]:
    file = tmp_path_factory.mktemp("gguf") / "starter.gguf"
    list(write_gguf(STARTER, file, "f16", name="My model"))
    return read(file)


def test_sizes_tokens_and_template_of_the_starter(starter: tuple[dict[str, Any], Any]) -> None:
    settings, _ = starter
    assert settings["general.architecture"] == "qwen3" and settings["general.name"] == "My model"
    assert settings["qwen3.block_count"] == 6 and settings["qwen3.attention.head_count_kv"] == 2
    assert settings["qwen3.attention.key_length"] == 64 and settings["qwen3.rope.freq_base"] == 10000.0
    assert settings["qwen3.attention.layer_norm_rms_epsilon"] == pytest.approx(1e-6)
    tokens = settings["tokenizer.ggml.tokens"]
    assert len(tokens) == 2048 and tokens[2] == "<|im_end|>" and tokens[2046] == "<think>"
    assert settings["tokenizer.ggml.token_type"][2] == 3 and settings["tokenizer.ggml.token_type"][2046] == 4
    assert settings["tokenizer.ggml.eos_token_id"] == 2 and settings["tokenizer.ggml.add_bos_token"] is False
    assert settings["tokenizer.ggml.pre"] == "tekken"  # it has none of its own; this way gives the same tokens
    assert settings["tokenizer.chat_template"] == load_tokenizer(STARTER).chat_template


def test_tensors_are_those_of_the_model(starter: tuple[Any, dict[str, gguf.ReaderTensor]]) -> None:
    _, tensors = starter
    model = mx.load(str(STARTER / "model.safetensors"))
    assert len(tensors) == len(model)
    expected = np.array(model["model.layers.3.mlp.down_proj.weight"].astype(mx.float32))
    found = gguf.dequantize(tensors["blk.3.ffn_down.weight"].data, tensors["blk.3.ffn_down.weight"].tensor_type)
    assert np.abs(found - expected).max() <= 1e-3 * np.abs(expected).max()
    norm = tensors["output_norm.weight"]
    assert norm.tensor_type == gguf.GGMLQuantizationType.F32
    assert np.array_equal(norm.data, np.array(model["model.norm.weight"].astype(mx.float32)))


@pytest.mark.parametrize("name", MODELS)
def test_every_family_is_written_and_read_again(name: str, tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "model", name)
    events = list(write_gguf(folder, tmp_path / "m.gguf", "q8_0"))
    assert [e.name for e in only(Phase, events)][-1] == "Checking"
    settings, tensors = read(tmp_path / "m.gguf")
    config = json.loads((folder / "config.json").read_text())
    assert settings["general.architecture"] == GGUF_FAMILIES[config["model_type"]].arch
    assert len(settings["tokenizer.ggml.tokens"]) == config["vocab_size"] == tensors["token_embd.weight"].shape[1]
    assert ("output.weight" in tensors) == (not config["tie_word_embeddings"])
    assert tensors["blk.1.attn_output.weight"].tensor_type == gguf.GGMLQuantizationType.Q8_0


def test_llama_turns_neighbouring_components(tmp_path: Path) -> None:
    """Row h * 32 + 2 i of llama.cpp's q is row h * 32 + i of the model's, and the next one is row h * 32 + 16 + i."""
    folder = write_sample(tmp_path / "model", "llama 3")
    list(write_gguf(folder, tmp_path / "m.gguf", "f16"))
    q = np.array(
        mx.load(str(folder / "model.safetensors"))["model.layers.0.self_attn.q_proj.weight"].astype(mx.float32)
    )
    _, tensors = read(tmp_path / "m.gguf")
    found = gguf.dequantize(tensors["blk.0.attn_q.weight"].data, tensors["blk.0.attn_q.weight"].tensor_type)
    for head, i in ((0, 0), (2, 5), (3, 15)):
        assert np.allclose(found[head * 32 + 2 * i], q[head * 32 + i], atol=1e-3)
        assert np.allclose(found[head * 32 + 2 * i + 1], q[head * 32 + 16 + i], atol=1e-3)


def test_llama_3_1_divides_slow_frequencies(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "model", "llama 3.1")
    list(write_gguf(folder, tmp_path / "m.gguf", "f16"))
    factors = read(tmp_path / "m.gguf")[1]["rope_freqs.weight"].data
    assert factors[0] == 1.0 and factors[-1] == 8.0 and np.all(np.diff(factors) >= 0)


def test_gemma_norms_are_one_more(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "model", "gemma 2")
    list(write_gguf(folder, tmp_path / "m.gguf", "f16"))
    own = np.array(mx.load(str(folder / "model.safetensors"))["model.norm.weight"].astype(mx.float32))
    assert np.allclose(read(tmp_path / "m.gguf")[1]["output_norm.weight"].data, own + 1)


CHANGES = {
    "another family": ("qwen 3", {"model_type": "cohere2"}, "not compared with llama.cpp"),
    "a sliding window": ("mistral", {"sliding_window": 512}, "looks back 512 tokens"),
    "unknown scaling": ("qwen 3", {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, "scaled by 'dynamic'"),
    "another pattern": ("gemma 3", {"sliding_window_pattern": 2}, "every 2th"),
    "other queries": ("gemma 2", {"query_pre_attn_scalar": 144}, "scaled by 144"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_llama_cpp_computes_otherwise_is_refused(what: str, tmp_path: Path) -> None:
    name, change, reason = CHANGES[what]
    folder = write_sample(tmp_path / "model", name)
    config = json.loads((folder / "config.json").read_text()) | change
    with pytest.raises(BadModel, match=reason):
        find_gguf_family(config)


def test_a_way_to_split_that_llama_cpp_does_not_have_is_refused(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "model", "qwen 3")
    backend = load_tokenizer(folder).backend_tokenizer
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex("."), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    with pytest.raises(BadModel, match=r"no way to split text as this tokenizer does\. The nearest, .* gives other"):
        find_pre_tokenizer(backend, folder)


def test_merges_that_are_not_of_sentencepiece_are_refused(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "model", "llama 2")
    spec = json.loads((folder / "tokenizer.json").read_text())
    merges = spec["model"]["merges"]
    made = ["".join(pair) for pair in merges]
    twice = next(i for i, piece in enumerate(made) if made.count(piece) > 1)
    merges.append(merges.pop(twice))  # one of a piece's merges comes long after the others
    (folder / "tokenizer.json").write_text(json.dumps(spec))
    with pytest.raises(BadModel, match="not those of SentencePiece"):
        describe_tokenizer(folder, 2000, load_tokenizer(folder))


def test_a_damaged_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = gguf.dequantize
    monkeypatch.setattr(gguf, "dequantize", lambda data, kind: real(data, kind) * 1.1)
    with pytest.raises(BadModel, match="would hold another"):
        list(write_gguf(write_sample(tmp_path / "model", "qwen 3"), tmp_path / "m.gguf", "f16"))


def test_export_of_a_model_and_what_is_there_already(tmp_path: Path) -> None:
    request = ExportRequest(str(STARTER), str(tmp_path), "q8_0")
    events = list(export(request, "gguf"))
    assert [e.path for e in only(Saved, events)] == [str(tmp_path / "starter-q8_0.gguf")]
    assert list(tmp_path.iterdir()) == [tmp_path / "starter-q8_0.gguf"]  # nothing is left beside it
    with pytest.raises(BadOption, match="already exists"):
        list(export(request, "gguf"))


def test_k_quants_need_llama_cpp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_sample(tmp_path / "small", "qwen 3")
    request = ExportRequest(str(model), str(tmp_path), "q4_k_m")
    monkeypatch.setattr(programs, "_PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="llama-quantize, which is not on this computer"):
        list(export(request, "gguf"))
    quantizer = tmp_path / "llama-quantize"
    quantizer.write_text('#!/bin/sh\n[ "$3" = Q4_K_M ] && cp "$1" "$2"\n')
    quantizer.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    events = list(export(request, "gguf"))
    *_, told = [e.message for e in only(Warned, events)]
    assert told == "Read again: as q4_k_m its tensors differ from 16 bit by 0.0%, 0.0% at most."
    (tmp_path / "small-q4_k_m.gguf").unlink()
    quantizer.write_text('#!/bin/sh\necho packed > "$2"\n')
    with pytest.raises(BadModel, match="wrote a file that cannot be read"):
        list(export(request, "gguf"))
    quantizer.write_text("#!/bin/sh\necho 'failed to quantize: no space' >&2\nexit 1\n")
    with pytest.raises(BadModel, match="failed to quantize: no space"):
        list(export(request, "gguf"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["llama-quantize", "small"]
