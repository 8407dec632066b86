"""A tiny chat model and a tiny dataset, made on the spot: two blocks, a few hundred tokens, random weights."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from core.device import parallel_plan, release
from core.events import Event
from core.run import Run

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONFIG = {
    "model_type": "qwen3",
    "architectures": ["Qwen3ForCausalLM"],
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 512,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
}


def write_tokenizer(folder: Path) -> int:
    """A byte-level tokenizer with a ChatML template; returns its size."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=280, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(["the user asks and the assistant answers"] * 4, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=TEMPLATE
    )
    fast.save_pretrained(folder)
    return len(fast)


def write_model(folder: Path, **changes: Any) -> Path:
    """A model folder in the Hugging Face layout with seeded random weights in float32."""
    from mlx_lm.models import qwen3

    folder.mkdir(parents=True, exist_ok=True)
    config = {**CONFIG, "vocab_size": write_tokenizer(folder), **changes}
    (folder / "config.json").write_text(json.dumps(config))
    mx.random.seed(1)
    model = qwen3.Model(qwen3.ModelArgs.from_dict(config))
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(model.parameters())))
    return folder


def write_rows(path: Path, count: int = 20) -> Path:
    """Chat rows of different lengths."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What is {n}?" + " Tell me." * (n % 3)},
                {"role": "assistant", "content": f"It is {n * n}." + " Really." * (n % 5)},
            ]
        }
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


@pytest.fixture(autouse=True)
def one_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two batches side by side take a quarter more of the processor for models as small as these.

    Files that are about it, or whose numbers hold for every run, say otherwise, and processes of their own do it as
    usual.
    """
    monkeypatch.setattr(parallel_plan, "MOST", 1)


@pytest.fixture(autouse=True)
def freed_memory_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run takes what the last one held: to ask the system for it anew takes a twentieth of the processor."""
    monkeypatch.setattr(release, "give_back", lambda: False)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def data_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "rows.jsonl")


@pytest.fixture
def make_run(model_folder: Path, data_file: Path, tmp_path: Path) -> Callable[..., Run]:
    """A small run; keyword names are sections: make_run(train={"steps": 4}, output="b")."""

    def make(output: str = "run", **sections: Any) -> Run:
        values: dict[str, Any] = {
            "output": str(tmp_path / output),
            "model": {"path": str(model_folder)},
            "data": {"path": str(data_file), "max_seq_len": 128},
            "train": {"steps": 6, "batch_size": 4, "eval_every": 3, "samples": 0, "learning_rate": 0.01},
        }
        for name, value in sections.items():
            values[name] = {**values.get(name, {}), **value} if isinstance(value, dict) else value
        return Run.from_dict(values)

    return make


def only(kind: type[Event], events: list[Event]) -> list[Any]:
    return [e for e in events if isinstance(e, kind)]
