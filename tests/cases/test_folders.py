"""Model and adapter folders as people have them: files that do not belong together, and what is done about them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from core import adapters
from core.chat import Chat
from core.data.tokenize.tokenizer import load_tokenizer
from core.errors import BadData, BadModel
from core.evaluation.evaluate import evaluate
from core.events import Warned
from core.export import fuse
from core.model.hub import find_moved, locate
from core.model.load import load
from core.run import Run
from core.train import resume, train
from tests.cases.adapter_folders import MLX_FOLDERS, PEFT_FOLDERS
from tests.cases.folders import FOLDERS
from tests.core.conftest import TEMPLATE, write_model, write_rows

REFERENCE = Path(__file__).parents[1] / "reference"
QUESTION = [{"role": "user", "content": "What is 3?"}]
PEFT = REFERENCE / "adapters" / "llama-tiny-peft"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"init_lora_weights": "pissa"}, "started as pissa"),
        ({"init_lora_weights": "pissa_niter_16"}, "started as pissa"),
        ({"init_lora_weights": "olora"}, "started as olora"),
        ({"init_lora_weights": "corda"}, "started as corda"),
        ({"init_lora_weights": "loftq"}, "started as loftq"),
        ({"use_qalora": True}, "QA-LoRA"),
        ({"alora_invocation_tokens": [5, 6]}, "aLoRA"),
        ({"trainable_token_indices": [1, 2]}, "single tokens"),
        ({"peft_type": "VERA"}, "VERA"),
        ({"peft_type": "XLORA"}, "XLORA"),
        ({"peft_type": "IA3"}, "IA3"),
        ({"bias": "all"}, "biases"),
        ({"modules_to_save": ["lm_head"]}, "lm_head"),
        ({"target_parameters": ["mlp.experts"]}, "bare parameters"),
        ({"layer_replication": [[0, 1]]}, "replicated layers"),
    ],
)
def test_an_adapter_that_needs_another_base_is_refused(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    shutil.copytree(PEFT, folder)
    config = folder / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    with pytest.raises(BadModel, match=says):
        adapters.read(folder)


@pytest.mark.parametrize("init", [True, False, "gaussian", "eva"])
def test_an_adapter_on_the_plain_base_is_read(init: Any, tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    shutil.copytree(PEFT, folder)
    config = folder / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"init_lora_weights": init}))
    assert adapters.read(folder)[1]


def test_the_template_of_chat_template_json_is_used(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    config = folder / "tokenizer_config.json"
    settings = json.loads(config.read_text())
    settings.pop("chat_template", None)
    config.write_text(json.dumps(settings))
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    assert load_tokenizer(folder).chat_template is None
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    assert load_tokenizer(folder).chat_template == TEMPLATE


def test_a_tokenizer_that_knows_more_tokens_than_the_model(
    make_run: Callable[..., Run], tmp_path: Path, model_folder: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    tokenizer = load_tokenizer(folder)
    size = len(tokenizer)
    tokenizer.add_tokens(["zebra", "giraffe"])
    tokenizer.save_pretrained(folder)
    rows = write_rows(tmp_path / "plain.jsonl", 8)
    run = make_run(model={"path": str(folder)}, data={"path": str(rows)}, train={"steps": 1})
    list(train(run))  # no row uses them
    with rows.open("a") as file:
        file.write(
            json.dumps(
                {"messages": [{"role": "user", "content": "A zebra?"}, {"role": "assistant", "content": "giraffe"}]}
            )
        )
    with pytest.raises(BadModel, match=f"knows {size + 2} tokens, but the model has embeddings for {size} only"):
        list(train(make_run("other", model={"path": str(folder)}, data={"path": str(rows)}, train={"steps": 1})))
    assert not (tmp_path / "other").exists()


def test_relative_paths_are_written_down_whole(
    make_run: Callable[..., Run], tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(model_folder, tmp_path / "here-model")
    write_rows(tmp_path / "rows.jsonl", 8)
    (tmp_path / "more").mkdir()
    write_rows(tmp_path / "more" / "held.jsonl", 4)
    monkeypatch.chdir(tmp_path)
    data = {"path": "rows.jsonl", "eval_path": "./more/held.jsonl"}
    run = make_run(model={"path": "./here-model"}, data=data, train={"steps": 2, "save_every": 1})
    list(train(run))
    folder = Path(str(run.output))
    written = Run.read(folder / "run.toml")
    assert (written.model.path, written.data.path) == (str(tmp_path / "here-model"), str(tmp_path / "rows.jsonl"))
    assert written.data.eval_path == str(tmp_path / "more" / "held.jsonl")
    assert json.loads((folder / "adapter_config.json").read_text())["model"] == str(tmp_path / "here-model")
    monkeypatch.chdir(tmp_path / "more")
    assert list(resume(folder, changes={"train.steps": 3}))[-1]


def test_several_files_and_names_that_are_no_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.jsonl", "b.jsonl", "demo", "starter"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert Run().with_absolute_paths() == Run()
    run = Run().replace("data.path", "a.jsonl\nowner/name\nb.jsonl").with_absolute_paths()
    assert run.data.path == f"{tmp_path / 'a.jsonl'}\nowner/name\n{tmp_path / 'b.jsonl'}"
    assert Run().replace("model.path", "owner/name").with_absolute_paths().model.path == "owner/name"


def test_further_templates_go_with_a_fused_model(
    make_run: Callable[..., Run], tmp_path: Path, model_folder: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tool_use.jinja").write_text(TEMPLATE)
    run = make_run(model={"path": str(folder)}, train={"steps": 1})
    list(train(run))
    list(fuse(str(run.output), tmp_path / "fused"))
    assert (tmp_path / "fused" / "additional_chat_templates" / "tool_use.jinja").read_text() == TEMPLATE


@pytest.mark.parametrize("name", FOLDERS)
def test_a_model_folder_is_loaded_or_refused_in_a_sentence(name: str, model_folder: Path, tmp_path: Path) -> None:
    change, says = FOLDERS[name]
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    change(folder)
    if not says:
        load(folder, device="cpu")
        return
    with pytest.raises(BadModel, match=says) as error:
        load(folder, device="cpu")
    sentence = str(error.value)
    assert str(folder) in sentence and sentence.endswith(".") and "\n" not in sentence
    assert len(sentence.replace(str(tmp_path), "")) < 300


def change_weights(folder: Path, change: Callable[[dict[str, mx.array]], dict[str, mx.array]]) -> None:
    file = folder / "model.safetensors"
    mx.save_safetensors(str(file), change({name: value + 0 for name, value in mx.load(str(file)).items()}))


@pytest.mark.parametrize("adapter", [{"type": "full"}, {"targets": "all,embeddings"}])
def test_a_head_beside_tied_embeddings_is_left_out_of_a_fused_model(
    adapter: dict[str, Any], make_run: Callable[..., Run], tmp_path: Path, model_folder: Path
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    change_weights(folder, lambda weights: weights | {"lm_head.weight": weights["model.embed_tokens.weight"] * 1})
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": {"lm_head.weight": "x.bin"}}))
    run = make_run(model={"path": str(folder)}, adapter=adapter, train={"steps": 1})
    list(train(run))
    list(fuse(str(run.output), tmp_path / "fused"))
    before, after = (mx.load(str(f / "model.safetensors")) for f in (folder, tmp_path / "fused"))
    assert before.keys() - after.keys() == {"lm_head.weight"}
    assert not mx.array_equal(before["model.embed_tokens.weight"], after["model.embed_tokens.weight"])
    assert not list((tmp_path / "fused").glob("*.index.json"))


def test_a_run_that_was_moved_goes_on_with_its_model_beside_it(
    make_run: Callable[..., Run], tmp_path: Path, model_folder: Path, data_file: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(model_folder, project / "models" / "tiny one")
    run = make_run("project/runs/first", model={"path": str(project / "models" / "tiny one")}, train={"steps": 1})
    list(train(run))
    (tmp_path / "elsewhere").mkdir()
    moved = project.rename(tmp_path / "elsewhere" / "Проект 2") / "runs" / "first"
    place = str(moved.parents[1] / "models" / "tiny one")
    list(resume(moved, changes={"train.steps": 2}))
    assert not project.exists()
    assert Run.read(moved / "run.toml").model.path == place and Run.read(moved / "run.toml").output == str(moved)
    list(fuse(moved, tmp_path / "fused"))
    config = json.loads((moved / "adapter_config.json").read_text())
    (moved / "adapter_config.json").write_text(json.dumps(config | {"model": str(project / "models" / "tiny one")}))
    assert "".join(Chat(str(project / "models" / "tiny one"), moved, backend_name="cpu").answer(QUESTION, max_tokens=2))
    evaluated = list(evaluate(find_moved(str(config["model"]), moved), str(moved), str(data_file), answers=0))
    assert evaluated
    shutil.rmtree(place)
    for use in (lambda: list(resume(moved, changes={"train.steps": 3})), lambda: list(fuse(moved, tmp_path / "f"))):
        with pytest.raises(BadModel, match=r"There is no folder .*tiny one, the base of .*; say with --model where it"):
            use()


def test_a_folder_of_the_hubs_cache_is_the_revision_in_it(tmp_path: Path, model_folder: Path) -> None:
    folder = tmp_path / "models--owner--tiny"
    shutil.copytree(model_folder, folder / "snapshots" / "a1b2")
    assert locate(str(folder)) == folder / "snapshots" / "a1b2"
    shutil.copytree(model_folder, folder / "snapshots" / "c3d4")
    with pytest.raises(BadModel, match="holds 2 revisions of a model, and none is named main"):
        locate(str(folder))
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("c3d4\n")
    assert locate(str(folder)) == folder / "snapshots" / "c3d4"
    load(locate(str(folder)) or tmp_path, device="cpu")


def test_a_base_in_another_machines_cache_is_found_in_this_ones(
    tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    here = tmp_path / "hub" / "models--owner--tiny" / "snapshots" / ("a" * 40)
    shutil.copytree(model_folder, here)
    there = f"/other/.cache/huggingface/hub/models--owner--tiny/snapshots/{'a' * 40}"
    assert find_moved(there, tmp_path / "run") == str(here)
    with pytest.raises(BadModel, match="There is no folder"):
        find_moved(there[:-1] + "b", tmp_path / "run")
    with pytest.raises(BadModel, match="There is no folder"):
        find_moved("/gone\0/model", tmp_path / "run")


def test_the_reward_file_is_written_down_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reward.py").write_text("def reward(prompt, completion, row): return 1.0\n")
    monkeypatch.chdir(tmp_path)
    run = Run(method="grpo").replace("options.reward_file", "reward.py").with_absolute_paths()
    assert run.options.reward_file == str(tmp_path / "reward.py")


@pytest.mark.parametrize("name", [f"peft, {name}" for name in PEFT_FOLDERS] + [f"mlx, {name}" for name in MLX_FOLDERS])
def test_an_adapter_folder_is_loaded_or_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    kind, _, case = name.partition(", ")
    change, says = (PEFT_FOLDERS if kind == "peft" else MLX_FOLDERS)[case]
    folder = Path(shutil.copytree(REFERENCE / "adapters" / f"llama-tiny-{kind}", tmp_path / "adapter"))
    change(folder)
    model = load(REFERENCE / "models" / "llama-tiny", device="cpu").model
    if not says:
        adapters.load(model, folder)
        return
    with pytest.raises(BadModel, match=says) as error:
        adapters.load(model, folder)
    sentence = str(error.value)
    assert str(folder) in sentence and sentence.endswith(".") and "\n" not in sentence
    assert len(sentence.replace(str(tmp_path), "")) < 300


@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16])
def test_layers_of_the_base_in_an_adapter_are_compared_with_the_base(dtype: mx.Dtype, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(REFERENCE / "adapters" / "llama-tiny-peft", tmp_path / "adapter"))
    base = REFERENCE / "models" / "llama-tiny"
    (q_proj,) = (v for f in base.glob("*.safetensors") for k, v in mx.load(str(f)).items() if "0.self_attn.q_proj" in k)
    file, key = (
        folder / "adapter_model.safetensors",
        "base_model.model.model.layers.0.self_attn.q_proj.base_layer.weight",
    )
    tensors = {name: value + 0 for name, value in mx.load(str(file)).items()}
    mx.save_safetensors(str(file), tensors | {key: q_proj.astype(dtype)})
    adapters.load(load(base, device="cpu").model, folder)
    mx.save_safetensors(str(file), tensors | {key: q_proj.astype(dtype) * 1.5})
    with pytest.raises(BadModel, match=r"base_layer\.weight, which differs from the base's"):
        adapters.load(load(base, device="cpu").model, folder)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "chat_template.json"])
def test_a_tokenizer_of_absurd_size_is_not_read(name: str, tmp_path: Path, model_folder: Path) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    with (folder / name).open("wb") as file:
        file.truncate(5 << 30)  # a file with a hole, which takes no room
    with pytest.raises(BadModel) as error:
        load_tokenizer(folder)
    assert str(error.value) == f"{folder / name} cannot be read as JSON: it is larger than 128 MB."


def test_a_head_that_differs_from_the_embeddings_it_is_tied_to_is_told(
    make_run: Callable[..., Run], tmp_path: Path, model_folder: Path
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    change_weights(folder, lambda weights: weights | {"lm_head.weight": weights["model.embed_tokens.weight"] * 1})
    assert load(folder, device="cpu").notes == load(model_folder, device="cpu").notes
    change_weights(folder, lambda weights: weights | {"lm_head.weight": weights["model.embed_tokens.weight"] * 2})
    (note,) = load(folder, device="cpu").notes
    assert note == (
        f"{folder} holds an output layer of its own (lm_head.weight) that differs from its embeddings, but config.json "
        "says that they are one (tie_word_embeddings): the embeddings are used, as in transformers and mlx-lm."
    )
    run = make_run(model={"path": str(folder)}, train={"steps": 1})
    assert note in [event.message for event in train(run) if isinstance(event, Warned)]
    assert note in Chat(str(folder), backend_name="cpu").note
    fused = fuse(run.output, tmp_path / "fused", backend_name="cpu")
    assert note in [event.message for event in fused if isinstance(event, Warned)]


def test_a_question_with_tokens_that_the_model_has_no_embedding_for(tmp_path: Path, model_folder: Path) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    tokenizer = load_tokenizer(folder)
    size = len(tokenizer)
    tokenizer.add_tokens(["zebra"])
    tokenizer.save_pretrained(folder)
    chat = Chat(str(folder), backend_name="cpu")
    assert "".join(chat.answer(QUESTION, max_tokens=2))
    with pytest.raises(BadModel, match=f"embeddings for {size} only, and token {size} is used"):
        list(chat.answer([{"role": "user", "content": "A zebra?"}], max_tokens=2))


def test_more_tokens_than_embeddings_is_told_with_an_adapter_on_these(
    make_run: Callable[..., Run], tmp_path: Path, model_folder: Path
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    tokenizer = load_tokenizer(folder)
    tokenizer.add_tokens(["Really"])
    tokenizer.save_pretrained(folder)
    run = make_run(model={"path": str(folder)}, adapter={"targets": "all,embeddings"}, train={"steps": 1})
    with pytest.raises(BadModel, match="the files of the folder do not belong together"):
        list(train(run))


@pytest.mark.parametrize("template", ["{{ 1/0 }}", "{% for m in messages %}"])
def test_a_template_that_fails_is_no_bug_of_hones(
    template: str, make_run: Callable[..., Run], tmp_path: Path, model_folder: Path
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(BadData, match="no row has anything to learn from"):
        list(train(make_run(model={"path": str(folder)}, train={"steps": 1})))
