"""Valid files of every kind that Hone reads, as bytes."""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from core.events import Evaluated, Event, Finished, Phase, Sample, Saved, Step, Warned, to_json
from core.rollouts.samples_file import Rollout, RolloutGroup
from core.run import Run
from tests.reliability.runs import MODEL

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def run_toml() -> tuple[bytes, ...]:
    asked = [
        Run(),
        Run(method="grpo").replace("options.rewards", ["numeric=1", "format=0.2"]),
        Run(method="dpo").replace("train.steps", 3).replace("data.columns", ["question=q"]),
    ]
    return tuple(run.to_toml().encode() for run in asked)


def events() -> bytes:
    told: tuple[Event, ...] = (
        Phase("Training"),
        Warned("code", "A sentence."),
        Step(1, 2.5, 1e-4, 1.0, 100, 50, 10.0, 1 << 20, 0.5, 1.0, {"reward": 0.5}),
        Evaluated(1, 2.0, True, 30, {"solved": 0.5}),
        Sample(1, "during", 0, "Käse?", "Ja ☃"),
        Saved(2, "checkpoints/step-0000002", "checkpoint"),
        Finished("done", 2, "The verdict.", 3.0),
    )
    return "".join(to_json(event) + "\n" for event in told).encode()


def samples() -> bytes:
    answers = (Rollout((1, 2), 0.5, (-0.1, -2.0), "a", scores={"length": 1.0}), Rollout((3,), float("nan"), text="b"))
    groups = (RolloutGroup(step, (4, 5), answers, "What?", "That.") for step in (1, 2, 3))
    return "".join(group.to_json() + "\n" for group in groups).encode()


def resolved() -> bytes:
    inputs = {"dataset": "a", "held_out": "b", "chat_template": "c", "model": "d", "adapter": None}
    return json.dumps({"compiled": {"steps": 1}, "inputs": inputs, "data": {"rows": 3}}, indent=2).encode()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "rows.json", Path(folder) / "rows.parquet"
        source.write_text(json.dumps(rows))
        with duckdb.connect() as connection:
            connection.execute(f"COPY (SELECT * FROM read_json('{source}')) TO '{target}' (FORMAT parquet)")
        return target.read_bytes()


def arrow(rows: list[dict[str, str]]) -> bytes:
    import nanoarrow
    from nanoarrow.ipc import StreamWriter

    schema = nanoarrow.struct({name: nanoarrow.string() for name in rows[0]})
    columns = [nanoarrow.c_array([row[name] for row in rows], nanoarrow.string()) for name in rows[0]]
    batch = nanoarrow.c_array_from_buffers(schema, len(rows), [None], children=columns)
    file = io.BytesIO()
    with StreamWriter.from_writable(file) as writer:
        writer.write_array(batch)
    return file.getvalue()


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.jsonl", data)
    return file.getvalue()


def adapter_config() -> tuple[bytes, ...]:
    mlx_lm = {
        "model": "m", "fine_tune_type": "lora", "num_layers": 1, "lora_alpha": 4.0, "use_rslora": False,
        "lora_parameters": {"rank": 2, "scale": 2.0, "dropout": 0.0, "keys": ["self_attn.q_proj"]},
        "base_precision": {"quantization": "none", "double_quantization": False},
    }  # fmt: skip
    peft = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "base_model_name_or_path": "m"}
    return tuple(json.dumps(config, indent=2).encode() for config in (mlx_lm, peft))


def adapter_tensors(peft: bool = False) -> bytes:
    config = json.loads((MODEL / "config.json").read_text())
    into, out = config["hidden_size"], config["num_attention_heads"] * config["head_dim"]
    name = f"model.layers.{config['num_hidden_layers'] - 1}.self_attn.q_proj"
    if peft:
        shapes = {f"base_model.model.{name}.lora_{s}.weight": shape for s, shape in (("A", [2, into]), ("B", [out, 2]))}
    else:
        shapes = {f"{name}.lora_a": [into, 2], f"{name}.lora_b": [2, out]}
    header, body = {}, b""
    for key, shape in shapes.items():
        data = bytes(4 * shape[0] * shape[1])
        header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body
