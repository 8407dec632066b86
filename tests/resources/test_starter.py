"""The starter model that ships inside: its files, its tokenizer, and a few answers."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from core import resources
from core.device.select import select
from core.model.load import LoadedModel, load
from resources.make import model, tokenizer
from resources.make.greedy import answers

WORDS = "Once upon a time there was a little fox. " * 3


@pytest.fixture(scope="module")
def starter() -> LoadedModel:
    return load(resources.STARTER, device=select("cpu")["used"])


def ask(starter: LoadedModel, *prompts: str) -> list[str]:
    rows = [[{"role": "user", "content": p}] for p in prompts]
    tokens = [starter.tokenizer.apply_chat_template(r, add_generation_prompt=True, return_dict=False) for r in rows]
    return answers(starter.model, starter.tokenizer, tokens, 60)


def test_the_folder_is_small_and_complete() -> None:
    files = {p.name: p.stat().st_size for p in resources.STARTER.iterdir()}
    assert set(files) == {
        "README.md",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert sum(files.values()) <= 8_000_000


def test_config_and_weights_are_what_the_script_writes(starter: LoadedModel) -> None:
    from mlx.utils import tree_flatten

    assert json.loads((resources.STARTER / "config.json").read_text()) == model.CONFIG
    assert json.loads((resources.STARTER / "generation_config.json").read_text()) == model.GENERATION
    here = {name: tuple(value.shape) for name, value in tree_flatten(starter.model.parameters())}
    assert here == dict(model.shapes(model.CONFIG))
    assert f"{model.parameters(model.CONFIG):,}" in (resources.STARTER / "README.md").read_text()
    # Both places where readers look for the rotary base.
    assert model.CONFIG["rope_theta"] == model.CONFIG["rope_parameters"]["rope_theta"] == 10_000


def test_the_untrained_model_is_random_and_reproducible() -> None:
    first, again, other = (model.untrained(model.CONFIG, seed) for seed in (0, 0, 1))
    name = "model.layers.0.mlp.down_proj.weight"
    assert (first[name] == again[name]).all() and not (first[name] == other[name]).all()
    assert first[name].std() == pytest.approx(1 / math.sqrt(512 * 12), rel=0.02)
    assert (first["model.norm.weight"] == 1).all()


def test_it_answers_simple_questions(starter: LoadedModel) -> None:
    capital, total, who = ask(starter, "What is the capital of France?", "What is 17 + 25?", "Who are you?")
    assert "Paris" in capital
    assert total.rstrip(".").endswith("42")
    assert "Hone's starter model" in who


def test_it_loads_in_mlx_lm_and_stops_at_the_end_of_its_turn() -> None:
    import mlx_lm

    loaded: Any = mlx_lm.load(str(resources.STARTER))
    found, wrapped = loaded[:2]
    assert wrapped.eos_token_ids == {2}
    prompt = wrapped.apply_chat_template(
        [{"role": "user", "content": "What sound does a cow make?"}], add_generation_prompt=True
    )
    assert "moo" in mlx_lm.generate(found, wrapped, prompt, max_tokens=40)


def test_the_template_writes_chatml(starter: LoadedModel) -> None:
    messages = [{"role": "system", "content": "Be nice."}, {"role": "user", "content": "Hi"}]
    text = starter.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text == ("<|im_start|>system\nBe nice.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
    asked = [*messages, {"role": "assistant", "content": "Hello!"}]
    assert starter.tokenizer.apply_chat_template(asked, tokenize=False) == text + "Hello!<|im_end|>\n"


@pytest.mark.parametrize(
    "text",
    [WORDS, "What is 17 + 25?", '{"answer": "Paris"}', "<think>\n1 + 2 = 3\n</think>\n\n3", "Grüße, 你好 🙂\n\n\t."],
)
def test_text_survives_its_tokens(starter: LoadedModel, text: str) -> None:
    ids = starter.tokenizer.encode(text, add_special_tokens=False)
    assert starter.tokenizer.decode(ids) == text


def test_special_pieces_and_single_digits(starter: LoadedModel) -> None:
    t = starter.tokenizer
    assert [t.convert_tokens_to_ids(p) for p in tokenizer.SPECIAL] == [0, 1, 2]
    assert t.eos_token == "<|im_end|>" and t.pad_token == "<|endoftext|>" and t.bos_token is None
    assert len(t) == tokenizer.VOCABULARY == model.CONFIG["vocab_size"]
    assert [t.decode([i]) for i in t.encode("1234 56")] == ["1", "2", "3", "4", " ", "5", "6"]
    ids = t.encode("<think>4</think><|im_end|>")
    assert len(ids) == 4
    assert t.decode(ids, skip_special_tokens=True) == "<think>4</think>"


def test_learning_a_tokenizer_gives_the_same_kind(tmp_path: Path) -> None:
    learned = tokenizer.learn([WORDS, "What is 12 + 30? It is 42."])
    tokenizer.save(learned, tmp_path)
    for name in (tokenizer.CONFIG_FILE, tokenizer.CHAT_TEMPLATE_FILE):
        assert (tmp_path / name).read_text() == (resources.STARTER / name).read_text()
    made, shipped = (
        json.loads((folder / tokenizer.TOKENIZER_FILE).read_text()) for folder in (tmp_path, resources.STARTER)
    )
    assert made["pre_tokenizer"] == shipped["pre_tokenizer"] and made["decoder"] == shipped["decoder"]
    assert learned.encode("30").tokens == ["3", "0"]


@pytest.mark.slow
def test_the_tokenizer_is_what_the_scripts_make(tmp_path: Path) -> None:
    from resources.make import corpus

    corpus.write(corpus.train_rows(0, tokenizer.ROWS), tmp_path / "train.jsonl")
    tokenizer.save(tokenizer.learn(tokenizer.texts_of(tmp_path / "train.jsonl")), tmp_path)
    name = tokenizer.TOKENIZER_FILE
    assert (tmp_path / name).read_text() == (resources.STARTER / name).read_text()
