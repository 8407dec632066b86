"""Train the starter model with Hone's own trainer, every weight, from random ones.

    python -m resources.make.train --model FOLDER --corpus DIR/train.jsonl --run DIR --out resources/starter

FOLDER holds the untrained model with its tokenizer. On a GPU this takes minutes, on a CPU most of a day.
"""

import argparse
import shutil
import threading
from pathlib import Path

from core.adapters import WEIGHTS
from core.events import Evaluated, Event, Finished, Phase, Sample, Started, Step, Warned
from core.run import Adapter, Data, Model, Run, Train
from core.train import train
from resources.make.tokenizer import CHAT_TEMPLATE_FILE, CONFIG_FILE, TOKENIZER_FILE

STEPS, BATCH_SIZE, LEARNING_RATE = 3_900, 512, 4e-3
MODEL_FILES = ("config.json", "generation_config.json", TOKENIZER_FILE, CONFIG_FILE, CHAT_TEMPLATE_FILE)


def recipe(model: Path, corpus: Path, output: Path, steps: int = STEPS) -> Run:
    """What is asked of the trainer."""
    return Run(
        output=str(output),
        model=Model(path=str(model), dtype="float32"),
        data=Data(path=str(corpus), eval_split=0.01, max_seq_len=256),
        adapter=Adapter(type="full"),
        train=Train(
            steps=steps,
            batch_size=BATCH_SIZE,
            learning_rate=LEARNING_RATE,
            warmup_steps=min(300, steps // 10),
            weight_decay=0.1,
            keep_checkpoints=1,
            seed=0,
        ),
    )


def follow(run: Run, stop: threading.Event | None = None) -> list[Step]:
    """Train, printing what happens; the steps for whoever wants to look at them."""
    steps = []
    for event in train(run, stop):
        if isinstance(event, Step):
            steps.append(event)
        line = _line(event)
        if line:
            print(line, flush=True)
    return steps


def _line(event: Event) -> str:
    match event:
        case Step() if event.step % 100 == 0:
            return f"step {event.step}: loss {event.loss:.3f}, {event.tokens_per_second:,.0f} tokens a second"
        case Evaluated():
            return f"step {event.step}: held-out loss {event.loss:.4f}"
        case Started():
            return f"{event.trainable_parameters:,} parameters, {event.rows:,} rows, {event.total_steps:,} steps"
        case Sample(stage="after"):
            return f"{event.prompt!r}: {event.answer!r}"
        case Phase(fraction=None) | Warned() | Finished():
            return str(event)
    return ""


def publish(model: Path, run_folder: Path, out: Path) -> None:
    """The trained weights in bfloat16, beside the configuration and the tokenizer of the untrained model."""
    import mlx.core as mx

    weights = mx.load(str(run_folder / WEIGHTS))
    assert isinstance(weights, dict)
    out.mkdir(parents=True, exist_ok=True)
    stored = {name: value.astype(mx.bfloat16) for name, value in weights.items()}
    mx.save_safetensors(str(out / "model.safetensors"), stored, {"format": "pt"})
    for name in MODEL_FILES:
        if (model / name).resolve() != (out / name).resolve():
            shutil.copy(model / name, out / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of the untrained model and its tokenizer")
    parser.add_argument("--corpus", type=Path, required=True, help="train.jsonl as resources.make.corpus wrote it")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run, made anew")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trained model")
    parser.add_argument("--steps", type=int, default=STEPS)
    args = parser.parse_args()
    follow(recipe(args.model, args.corpus, args.run, args.steps))
    publish(args.model, args.run, args.out)
    print(f"written to {args.out}")


if __name__ == "__main__":
    main()
