"""What a rank of a test does with a model that is parted over the ranks."""

import json
import sys
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten

from core.chat import Chat
from core.device.select import select
from core.distributed.session import joined
from core.errors import UserError
from core.model.load import load
from core.model.sharding import Idle, Sharding

CODE = "from tests.core.model.sharding_jobs import main; main()"
TOKENS = [[5, 9, 33, 7, 2, 77, 8, 4], [1, 2, 3, 4, 5, 6, 7, 200]]
QUESTION = [{"role": "user", "content": "What is 7?"}]


def do(job: dict[str, Any], sharding: Sharding | None) -> dict[str, Any]:
    """The logits, and an answer, of the model that a job names, or why there are none."""
    folder, adapter = Path(job["folder"]), job.get("adapter")
    options = {"quantization": job.get("quantization", "none")}
    try:
        if adapter or job.get("chats"):
            chat = Chat(str(folder), adapter, backend_name="cpu", sharding=sharding, **options)
            model, way = chat.model, chat.sharding
        else:
            chat, loaded = None, load(folder, device="cpu", sharding=sharding, **options)
            model, way = loaded.model, loaded.sharding
            model.eval()
    except Idle:
        return {"way": "idle"}
    except UserError as error:
        return {"refused": str(error)}
    size = sum(value.nbytes for _, value in tree_flatten(model.parameters()))
    told = {"way": way, "bytes": size, "logits": model(mx.array(TOKENS)).tolist()}
    if chat:
        mx.random.seed(sharding.group.rank if sharding else 0)  # as ranks differ: they have to share what is drawn
        told["answer"] = "".join(chat.answer(QUESTION, max_tokens=8))
        told["drawn"] = "".join(chat.answer(QUESTION, max_tokens=8, temperature=5.0))
    return told


def main() -> None:
    select("cpu")
    with joined() as session:
        told = [
            do(job, Sharding(job["way"], session.group, job.get("usable", 1 << 40))) for job in json.loads(sys.argv[1])
        ]
    print(json.dumps(told))
