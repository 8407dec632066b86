"""Load GGUF files with llama.cpp and compare with what Hone gave: run in an environment that has llama-cpp-python.

    python llama_cpp_check.py CASES.json

It needs nothing of Hone. Prints one JSON object: {name: {texts, other_tokens, logits, answers, other_answers}}.
"""

import json
import sys
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np


def check(case: dict[str, Any]) -> dict[str, Any]:
    model = llama_cpp.Llama(
        case["file"], n_ctx=512, logits_all=True, verbose=False, n_threads=2, seed=0, flash_attn=False,
        type_k=llama_cpp.GGML_TYPE_F32, type_v=llama_cpp.GGML_TYPE_F32,
    )  # fmt: skip
    other = [
        text
        for text, ids in case["texts"]
        if model.tokenize(text.encode("utf-8", "surrogatepass"), add_bos=False, special=True) != ids
    ]
    worst = 0.0
    for tokens, file in case["logits"]:
        expected = np.load(file)
        model.reset()
        model.eval(tokens)
        found = np.array(model.scores[: len(tokens)])[:, : expected.shape[-1]]
        worst = max(worst, float(np.linalg.norm(found - expected) / np.linalg.norm(expected)))
    differing = []
    for prompt, answer in case["answers"]:
        model.reset()
        found = []
        for token in model.generate(prompt, temp=0.0, top_k=1, repeat_penalty=1.0):
            if token in case["stops"] or len(found) >= len(answer) + 1:
                break
            found.append(token)
        if found != answer:
            differing.append([answer, found])
    end = llama_cpp.llama_vocab_is_eog(llama_cpp.llama_model_get_vocab(model.model), case["stops"][0])
    return {
        "texts": len(case["texts"]), "other_tokens": other, "logits": worst, "answers": len(case["answers"]),
        "other_answers": differing, "ends_turn": bool(end),
        "bos": case["bos"] is None or model.tokenize(b"x", add_bos=True, special=False)[:1] == [case["bos"]],
    }  # fmt: skip


if __name__ == "__main__":
    cases = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps({name: check(case) for name, case in cases.items()}))
