"""Writes models/: two tiny models with seeded random weights, in Hugging Face's layout, and their tokenizers.

qwen3-tiny  Qwen3's shape: tied embeddings, ChatML with a newline after each turn, no BOS.
llama-tiny  Llama's shape: untied, a tokenizer that puts BOS before every text, Llama 3's headers.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent

CHATML = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
LLAMA3 = (
    "{%- for message in messages %}"
    "{%- if loop.first %}{{- bos_token }}{%- endif %}"
    "{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + message.content | trim + '<|eot_id|>' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
)
# Qwen's and Llama 3's way to cut a text before the byte pairs are joined.
PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

SHAPE = {
    "vocab_size": 384,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_act": "silu",
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-6,
    "initializer_range": 0.02,
    "attention_dropout": 0.0,
    "use_cache": True,
    "dtype": "float32",
}
# rope_theta stands at the top, where mlx-lm's Llama looks for it (it ignores one inside rope_parameters);
# transformers 5 reads it there too. It is not the default of 10,000, so that a reader who misses it shows.
QWEN3 = SHAPE | {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "head_dim": 32,  # not hidden_size / num_attention_heads, as in the real Qwen3 models
    "attention_bias": False,
    "rope_theta": 1_000_000.0,
    "tie_word_embeddings": True,
}
LLAMA = SHAPE | {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "attention_bias": False,
    "mlp_bias": False,
    "rope_theta": 500_000.0,
    "tie_word_embeddings": False,
}


def main() -> None:
    write("qwen3-tiny", QWEN3, CHATML, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "", "<|im_end|>", 1)
    specials = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    write("llama-tiny", LLAMA, LLAMA3, specials, "<|begin_of_text|>", "<|eot_id|>", 2)


def write(name: str, config: dict, template: str, specials: list[str], bos: str, eos: str, seed: int) -> None:
    """One model's folder: weights, config, tokenizer."""
    folder = HERE / "models" / name
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(specials, bos)
    tokenizer.save(str(folder / "tokenizer.json"))
    pad = specials[0] if not bos else specials[1]
    ids = {"eos_token_id": tokenizer.token_to_id(eos), "pad_token_id": tokenizer.token_to_id(pad)}
    if bos:
        ids["bos_token_id"] = tokenizer.token_to_id(bos)
    put(folder / "config.json", config | ids)
    put(folder / "generation_config.json", ids)
    put(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": bos or None,
            "eos_token": eos,
            "pad_token": pad,
            "model_max_length": 512,
            "clean_up_tokenization_spaces": False,
            "chat_template": template,
        },
    )
    save_file(weights(config, seed), folder / "model.safetensors", {"format": "pt"})


def train_tokenizer(specials: list[str], bos: str) -> Tokenizer:
    """Byte pairs learned from the reference data, filling the vocabulary to the last place."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SHAPE["vocab_size"],
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sentences(), trainer)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    assert tokenizer.get_vocab_size() == SHAPE["vocab_size"]
    return tokenizer


def sentences() -> list[str]:
    """Every piece of text in data/, in order."""
    found: list[str] = []
    for path in sorted((HERE / "data").glob("*.jsonl")):
        for line in path.open(encoding="utf-8"):
            for part in json.loads(line).values():
                found += [part] if isinstance(part, str) else [message["content"] for message in part]
    return found


def weights(config: dict, seed: int) -> dict[str, np.ndarray]:
    """Seeded random weights, large enough that every part of the model tells in the logits."""
    random = np.random.default_rng(seed)
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    head = config.get("head_dim", hidden // config["num_attention_heads"])
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head

    def linear(out: int, into: int) -> np.ndarray:  # [out, into]
        return (random.standard_normal((out, into)) * into**-0.5).astype(np.float32)

    def norm(size: int) -> np.ndarray:  # [size]
        return (1 + 0.1 * random.standard_normal(size)).astype(np.float32)

    made = {"model.embed_tokens.weight": linear(config["vocab_size"], hidden) * 2}
    for i in range(config["num_hidden_layers"]):
        at = f"model.layers.{i}."
        made |= {
            at + "input_layernorm.weight": norm(hidden),
            at + "self_attn.q_proj.weight": linear(queries, hidden),
            at + "self_attn.k_proj.weight": linear(keys, hidden),
            at + "self_attn.v_proj.weight": linear(keys, hidden),
            at + "self_attn.o_proj.weight": linear(hidden, queries),
            at + "post_attention_layernorm.weight": norm(hidden),
            at + "mlp.gate_proj.weight": linear(inner, hidden),
            at + "mlp.up_proj.weight": linear(inner, hidden),
            at + "mlp.down_proj.weight": linear(hidden, inner),
        }
        if config["model_type"] == "qwen3":
            made |= {at + "self_attn.q_norm.weight": norm(head), at + "self_attn.k_norm.weight": norm(head)}
    made["model.norm.weight"] = norm(hidden)
    if not config["tie_word_embeddings"]:
        made["lm_head.weight"] = linear(config["vocab_size"], hidden) * 2
    return made


def put(path: Path, values: dict) -> None:
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
