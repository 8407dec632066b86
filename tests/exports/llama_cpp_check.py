"""Load GGUF files with llama.cpp and compare with what Hone gave: run in an environment that has xllamacpp.

    python llama_cpp_check.py CASES.json

xllamacpp is llama.cpp with its server, as a wheel. Nothing of Hone is needed. Prints one JSON object:
{name: {texts, other_tokens, logits, answers, other_answers, ends_turn, bos}}.
"""

import json
import math
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import xllamacpp


class Server:
    """llama.cpp's server over one file."""

    def __init__(self, file: str) -> None:
        params = xllamacpp.CommonParams()
        params.model.path = file
        params.n_ctx, params.n_parallel, params.warmup, params.verbosity = 1024, 1, False, -1
        params.cache_prompt, params.hostnames, params.port = False, ["127.0.0.1"], 0
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.cpuparams.n_threads = 2
        self._server = xllamacpp.Server(params)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self._server.listening_address}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=300) as response:
            return json.load(response)

    def tokenize(self, text: str, bos: bool = False) -> list[int]:
        return self.post("/tokenize", {"content": text, "add_special": bos, "parse_special": True})["tokens"]

    def log_probs(self, tokens: list[int], vocabulary: int) -> np.ndarray | None:
        """Log-probabilities [V] of the next token; None where it would end the answer: llama.cpp tells none then."""
        body = {"prompt": tokens, "n_predict": 1, "n_probs": vocabulary, "temperature": 0.0, "cache_prompt": False}
        answer = self.post("/completion", {**body, "post_sampling_probs": False})
        if "completion_probabilities" not in answer:
            return None
        found = np.full(vocabulary, -np.inf)
        for entry in answer["completion_probabilities"][0]["top_logprobs"]:
            found[entry["id"]] = entry["logprob"]
        return found

    def answer(self, tokens: list[int], longest: int) -> tuple[list[int], bool]:
        """(tokens of the greedy answer, whether it came to its end)."""
        body = {
            "prompt": tokens,
            "n_predict": longest,
            "temperature": 0.0,
            "return_tokens": True,
            "cache_prompt": False,
        }
        answer = self.post("/completion", body)
        return answer["tokens"], answer["stop_type"] == "eos"


def check(case: dict[str, Any]) -> dict[str, Any]:
    server = Server(case["file"])
    other = [text for text, ids in case["texts"] if server.tokenize(text) != ids]
    measured = []
    for tokens, file in case["logits"]:
        expected = np.load(file).astype(np.float64)
        expected = expected - expected.max()
        expected = expected - math.log(np.exp(expected).sum())
        found = server.log_probs(tokens, len(expected))
        if found is not None:
            measured.append(float(np.linalg.norm(found - expected) / np.linalg.norm(expected)))
    differing, ended = [], True
    for prompt, answer in case["answers"]:
        found, at_end = server.answer(prompt, len(answer) + 5)
        found = [token for token in found if token not in case["stops"]]
        ended &= at_end
        if found != answer:
            differing.append([answer, found])
    bos = case["bos"] is None or server.tokenize("x", bos=True)[:1] == [case["bos"]]
    return {
        "texts": len(case["texts"]), "other_tokens": other, "logits": max(measured), "answers": len(case["answers"]),
        "other_answers": differing, "ends_turn": ended, "bos": bos,
    }  # fmt: skip


if __name__ == "__main__":
    cases = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    results = {name: check(case) for name, case in cases.items()}
    Path(sys.argv[1]).with_name("results.json").write_text(json.dumps(results), encoding="utf-8")
