"""Parts of the selftest that do what people do: read data, score, train, answer."""

import json
import math
from pathlib import Path

from core import adapters
from core.chat import Chat
from core.events import Step
from core.resources import STARTER
from core.rewards.child import PARAMETERS
from core.rewards.file import REPLY_BYTES, START_SECONDS, memory_limit
from core.rewards.process import ProcessFailed, RewardProcess
from core.run import Run
from core.selftest.check import Failure, Skip
from core.train import train


def read_datasets(folder: Path) -> str:
    import duckdb

    from core.data.kinds import TEXT
    from core.data.preview.scan import preview_files

    rows = [{"prompt": f"What is {n}?", "completion": f"A number, {n}."} for n in range(3)]
    lines = folder / "rows.jsonl"
    lines.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    table = folder / "rows.parquet"
    with duckdb.connect() as connection:
        connection.read_json(str(lines)).write_parquet(str(table))
    for file in (lines, table):
        examples = preview_files(str(file), TEXT, len(rows)).examples
        if len(examples) != len(rows):
            raise Failure(f"{file.name}: {len(examples)} of {len(rows)} rows were read.")
    return "JSON Lines and Parquet"


def run_reward_file(folder: Path) -> str:
    """A reward file in its process, which is given some of Python's own library too."""
    file = folder / "reward.py"
    file.write_text("import fractions, statistics\n\ndef reward(answers):\n    return [len(a) for a in answers]\n")
    process = RewardProcess(file, memory_limit())
    try:
        reply = process.load(START_SECONDS)
        if "error" not in reply:
            rows = [{name: text for name in PARAMETERS} | {"line": 1} for text in ("two", "three")]
            reply = process.request({"rows": rows}, START_SECONDS, REPLY_BYTES * 64)
    except ProcessFailed as error:
        raise Failure(f"The process of a reward file {error}.") from None
    finally:
        process.close()
    if reply.get("scores") != [3, 5]:
        raise Failure(f"The scores are not [3, 5]: {reply}.")
    return "run in a process of their own"


def train_steps(folder: Path, backend: str, quantization: str = "none") -> str:
    """A few steps on the demo; the loss has to fall."""
    run = Run.from_dict(
        {
            "output": str(folder),
            "model": {"path": "starter", "quantization": quantization},
            "data": {"path": "demo", "max_seq_len": 128},
            "train": {"steps": 6, "batch_size": 4, "samples": 0, "learning_rate": 5e-3},
            "backend": backend,
        }
    )
    losses = [event.loss for event in train(run) if isinstance(event, Step)]
    if not all(map(math.isfinite, losses)) or losses[-1] >= losses[0]:
        raise Failure(f"The loss did not fall: {losses[0]:.3f} → {losses[-1]:.3f}.")
    return f"loss {losses[0]:.2f} → {losses[-1]:.2f} in {len(losses)} steps"


def check_compiled(folder: Path) -> str:
    compiled = json.loads((folder / "resolved.json").read_text(encoding="utf-8"))["compiled"]
    if not compiled["used"]:
        raise Skip(compiled["reason"])
    return str(compiled["reason"])


def write_answers(folder: Path, backend: str) -> str:
    """The built-in model and what was trained on it write a few words, without and with the adapter."""
    if not (folder / adapters.WEIGHTS).is_file():
        raise Failure("There is no trained adapter to answer with.")
    chat = Chat(str(STARTER), folder, backend_name=backend)
    question = [{"role": "user", "content": "What can you do?"}]
    before, after = ("".join(chat.answer(question, max_tokens=24, adapter=on)) for on in (False, True))
    if not before.strip():
        raise Failure("The built-in model answers with nothing.")
    return f"{before.strip()!r}; after training {after.strip()!r}"
