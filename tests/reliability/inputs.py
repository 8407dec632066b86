"""Bad inputs, made systematically, through the command line itself: one sentence and exit code 2, or it works.

For each kind of file there is a table of damages; each file goes through `hone`'s main(). A process of its own reads
each kind, with a limit of time for each input and of memory for all.
"""

import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.reliability import fuzz
from tests.reliability.readers import check_sentence, prepare, readers

HUGE = b"9" * 5000
NOTHING = {"empty": b"", "blank": b" \n\n ", "nul": b"\0" * 64, "one letter": b"x", "mark": b"\xef\xbb\xbf"}
VALUES = {
    "null": b"null", "true": b"true", "minus one": b"-1", "zero": b"0", "huge": HUGE, "long": b"9" * 400,
    "nan": b"NaN", "infinite": b"1e999", "text": b'"x"', "empty text": b'""', "list": b"[]", "object": b"{}",
    "long text": b'"' + b"x" * 9000 + b'"', "half": b'"\\ud800"', "nul text": b'"a\\u0000b"',
    "deep": b"[" * 500 + b"]" * 500, "deeper": b"[" * 9000, "path": b'"../../../etc/passwd"',
    "device": b'"/dev/zero"', "code": b'"{% for x in range(9) %}"',
}  # fmt: skip
COMMANDS = {
    "rows": ("data", "inspect", "{file}"),
    "run.toml": ("train", "--config", "{file}", "--dataset", "/nowhere/at/all", "--output", "{folder}/out"),
    "adapter": ("chat", "--model", "{model}", "--adapter-path", "{folder}", "--prompt", "Hi", "--max-tokens", "1"),
    "model": ("eval", "--model", "{folder}", "--answers", "0", "--dataset", "{rows}", "--max-seq-len", "32"),
    "template": ("data", "inspect", "{rows}", "--chat-template", "{file}"),
}


def damages(valid: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, damaged file): nothing in it, cut, repeated, in other encodings, and every value as each of VALUES."""
    yield from NOTHING.items()
    for share in (10, 50, 90, 99):
        yield f"cut at {share} %", valid[: len(valid) * share // 100]
        yield f"without {share} %", valid[len(valid) * share // 100 :]
    yield "twice", valid + valid
    for name in ("utf-16", "utf-32", "cp1252"):
        yield name, valid.decode("utf-8", "replace").encode(name, "replace")
    for place in range(0, min(len(valid), 4000), max(1, min(len(valid), 4000) // 8)):
        yield f"bit at {place}", valid[:place] + bytes([valid[place] ^ 0x20]) + valid[place + 1 :]
        yield f"nul at {place}", valid[:place] + b"\0" + valid[place:]
        yield f"invalid at {place}", valid[:place] + b"\xff" + valid[place:]
    places = [n + 1 for n, byte in enumerate(valid[:20_000]) if byte in b":="]
    for start in places[:: max(1, len(places) // 3)]:
        end = min((n for n in range(start, min(len(valid), start + 400)) if valid[n] in b",}]\n"), default=len(valid))
        for name, value in VALUES.items():
            yield f"{name} at {start}", valid[:start] + b" " + value + valid[end:]


def command_of(name: str) -> tuple[str, ...]:
    """The command that reads a file of this name."""
    if name.startswith("rows"):
        return COMMANDS["rows"]
    if name.startswith("adapter"):
        return COMMANDS["adapter"]
    return COMMANDS["template"] if name.endswith(".jinja") else COMMANDS.get(name, COMMANDS["model"])


NAMES = (
    *("rows.jsonl", "rows.json", "rows.csv", "rows.tsv", "rows.txt", "rows.parquet", "rows.arrow", "rows.jsonl.gz"),
    *("rows.zip", "run.toml", "adapter_config.json", "adapters.safetensors", "config.json", "generation_config.json"),
    *("model.safetensors", "tokenizer_config.json", "tokenizer.json", "chat_template.jinja"),
)


def work(name: str, start: int, folder: Path) -> None:
    """Run the command on every damaged file of a name from a number on, and print what came of it as lines of JSON."""
    from core.__main__ import main
    from tests.reliability.runs import MODEL

    reader = next(reader for reader in readers() if reader.name == name)
    resource.setrlimit(resource.RLIMIT_AS, (fuzz.MEMORY, fuzz.MEMORY))
    here, rows = folder / "files", folder / "rows.jsonl"
    here.mkdir(exist_ok=True)
    rows.write_text('{"prompt": "Hi", "completion": "Ho"}\n' * 2)
    prepare(reader, here)
    place = os.open(folder / "number", os.O_WRONLY)
    words = {"{file}": here / name, "{folder}": here, "{model}": MODEL, "{rows}": rows}
    unit = 1 if sys.platform == "darwin" else 1024
    for number, (damage, data) in enumerate(damages(reader.examples[0])):
        if number < start:
            continue
        os.pwrite(place, str(number).encode(), 0)
        (here / name).write_bytes(data)
        arguments = []
        for word in command_of(name):
            for key, value in words.items():
                word = word.replace(key, str(value))
            arguments.append(word)
        fuzz.limit_time()
        told, printed = io.StringIO(), io.StringIO()
        result = "worked"
        try:
            with contextlib.redirect_stderr(told), contextlib.redirect_stdout(printed):
                code = main(arguments)
            if code:
                result = "refused"
                check_sentence(told.getvalue().rstrip("\n").removeprefix("hone: "))
        except BaseException as error:
            import traceback

            result = "failed: " + "".join(traceback.format_exception(error)[-3:])[-1500:]
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit > fuzz.SHORT:
            result = "failed: more than 2 GB of memory"
        print(json.dumps(["input", [number, damage, result]]), flush=True)


def feed(name: str, keep: Path) -> fuzz.Count:
    """All damages of the files of one name."""
    total, start = fuzz.Count(name), 0
    valid = next(reader for reader in readers() if reader.name == name).examples[0]
    inputs = list(damages(valid))
    with tempfile.TemporaryDirectory(prefix="hone-inputs-") as folder:
        while start < len(inputs):
            (Path(folder) / "number").write_text(str(start))
            command = [sys.executable, "-m", "tests.reliability.inputs", name, str(start), folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            lines = [json.loads(line)[1] for line in done.stdout.splitlines() if line.startswith('["input"')]
            end = int((Path(folder) / "number").read_text())
            if done.returncode:
                lines.append([end, inputs[end][0], f"failed: ended with {done.returncode}: {done.stderr[-2000:]}"])
            for number, damage, result in lines:
                total.files, total.read = total.files + 1, total.read + (result == "worked")
                total.refused += result == "refused"
                if result.startswith("failed"):
                    total.failures.append(f"{name}, {damage}: {result}")
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"input-{number}-{name}").write_bytes(inputs[number][1])
            start = end + 1
    return total


def run(keep: Path, names: tuple[str, ...] = NAMES) -> int:
    """Feed every bad input and print a table. Returns the exit code."""
    print(f"{'file':24} {'inputs':>8} {'worked':>8} {'refused':>8} {'failures':>8}", flush=True)
    sums = fuzz.Count("all")
    for name in names:
        count = feed(name, keep)
        print(fuzz.row(count), flush=True)
        sums.add(count)
    print(fuzz.row(sums))
    print("\n".join(sums.failures[:20]))
    return 1 if sums.failures else 0


if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
