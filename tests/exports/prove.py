"""Write a GGUF file of every family and form, and have llama.cpp compare: python -m tests.exports.prove PYTHON

PYTHON is the interpreter of an environment with xllamacpp. Prints the table of tests/exports/README.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from core.data.tokenize.end_of_turn import find_end_of_turn
from core.events import Warned
from core.export.awkward_texts import AWKWARD_TEXTS
from core.export.gguf_file import KINDS
from core.export.request import ExportRequest
from core.export.targets import export
from core.export.to_gguf import K_QUANTS, QUANTIZER
from core.model.load import load
from core.resources import STARTER
from tests.exports.families import MODELS, write_sample

LENGTHS = (1, 7, 64, 200)
QUESTIONS = ("What is 3 plus 4?", "Who are you?", "Name a colour.", "Spell cat.", "Is the sky blue?")


def make_case(folder: Path, file: Path, scratch: Path, questions: tuple[str, ...] = ()) -> dict[str, Any]:
    """What llama.cpp should give for a file: ids of texts, logits of random tokens, greedy answers."""
    loaded = load(folder, "float32", device="cpu")
    tokenizer = loaded.tokenizer
    special = [str(token) for token in tokenizer.added_tokens_decoder.values()]
    texts = [*AWKWARD_TEXTS, *(f"Hi{token}there {token}" for token in special), "".join(special)]
    random = np.random.default_rng(3)
    logits = []
    ends = [id for id, token in tokenizer.added_tokens_decoder.items() if token.special]
    for length in LENGTHS:
        while True:  # llama.cpp tells no probabilities of a token that ends the answer, or is part of a character
            tokens = random.integers(0, len(tokenizer), length).tolist()
            last = np.array(loaded.model(mx.array([tokens]))[0, -1].astype(mx.float32))
            likeliest = int(last.argmax())
            if likeliest not in ends and "\ufffd" not in tokenizer.decode([likeliest]) and likeliest < len(tokenizer):
                break
        path = scratch / f"{file.stem}-{length}.npy"
        np.save(path, last)
        logits.append([tokens, str(path)])
    answers = []
    for question in questions:
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True
        )
        prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
        answers.append([prompt, _greedy(loaded, prompt)])
    return {
        "file": str(file), "texts": [[t, tokenizer(t, add_special_tokens=False)["input_ids"]] for t in texts],
        "logits": logits, "answers": answers, "stops": list(find_end_of_turn(tokenizer).stops),
        "bos": tokenizer.bos_token_id if tokenizer("x")["input_ids"][0] == tokenizer.bos_token_id else None,
    }  # fmt: skip


def _greedy(loaded: Any, prompt: list[int], longest: int = 40) -> list[int]:
    stops, tokens = find_end_of_turn(loaded.tokenizer).stops, list(prompt)
    while len(tokens) < len(prompt) + longest:
        token = int(mx.argmax(loaded.model(mx.array([tokens]))[0, -1]))
        if token in stops:
            break
        tokens.append(token)
    return tokens[len(prompt) :]


def write_cases(scratch: Path, forms: tuple[str, ...], sizes: dict[str, int]) -> dict[str, Any]:
    """Every family's model as a file of each form, with what llama.cpp should give for it."""
    cases = {}
    for name in ("starter", *MODELS):
        place = scratch / name.replace(" ", "-").replace(",", "")
        folder = STARTER if name == "starter" else write_sample(place, name, **sizes)
        for form in K_QUANTS if name == "starter" and forms[0] in K_QUANTS else forms:
            file = scratch / f"{folder.name}-{form}.gguf"
            file.unlink(missing_ok=True)
            for event in export(ExportRequest(str(folder), str(file), form), "gguf"):
                if isinstance(event, Warned) and event.code == "checked":
                    print(f"{name}: {event.message}", file=sys.stderr)
            cases[f"{name} | {form}"] = make_case(folder, file, scratch, QUESTIONS if name == "starter" else ())
    return cases


def put_quantizer(scratch: Path, library: str) -> None:
    """Have llama-quantize found: a script that calls llama.cpp's library in a folder."""
    script = Path(__file__).with_name("llama_quantize.py")
    program = scratch / "bin" / QUANTIZER
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P "{script}" "{library}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    os.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"


def main(python: str, scratch: Path, library: str | None, packed: bool) -> None:
    scratch.mkdir(parents=True, exist_ok=True)
    if library:
        put_quantizer(scratch, library)
    # K-quants pack 256 numbers at a time: narrower layers would get another form.
    sizes = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 8} if packed else {}
    cases = write_cases(scratch, ("q4_k_m", "q6_k") if packed else tuple(KINDS), sizes)
    (scratch / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
    script = Path(__file__).with_name("llama_cpp_check.py")
    done = subprocess.run([python, "-P", str(script), str(scratch / "cases.json")], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    print(
        "| family | form | texts | other tokens | largest difference of log-probabilities | answers | other answers |"
    )
    print("| --- | --- | ---: | --- | ---: | ---: | ---: |")
    for name, r in json.loads((scratch / "results.json").read_text(encoding="utf-8")).items():
        other = ", ".join(repr(text[:20]) for text in r["other_tokens"][:4]) or "none"
        count = f"{len(r['other_tokens'])}: {other}" if r["other_tokens"] else other
        row = (name, r["texts"], count, f"{r['logits']:.1e}", r["answers"], len(r["other_answers"]))
        print("| " + " | ".join(map(str, row)) + " |")
        if not r["ends_turn"] or r["bos"] is False:
            print(f"{name}: the end of a turn or the beginning is not known to llama.cpp", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python")
    parser.add_argument("folder", nargs="?", help="where the files stay; a temporary folder else")
    parser.add_argument("--k-quants", action="store_true", help="the forms that llama.cpp's own quantizer makes")
    parser.add_argument(
        "--libllama", metavar="FOLDER", help="the library to take in place of the program llama-quantize"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        main(args.python, Path(args.folder or temporary), args.libllama, args.k_quants)
