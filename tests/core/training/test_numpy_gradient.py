"""The gradient that NumPy computes is MLX's: for each family, layout of rows, method, and on one core and several."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten, tree_map

from core.adapters.lora import AdapterLayer
from core.adapters.numpy_weights import NumpyWeights
from core.data.batch.batches import Batch, collate
from core.data.batch.groups import Group
from core.device.parallel_plan import usable_cores
from core.events import Evaluated, Started, Step
from core.memory import rows_at_once
from core.memory.rows_at_once import CPU_ANSWERS
from core.model import packed_mask
from core.model.lm_head import LMHead, find_lm_head
from core.model.log_probs import to_mlx, token_logps
from core.model.numpy_arrays import CHUNK, Arena, Mark
from core.rollouts.rollouts import RolloutBatches
from core.run import Run
from core.train import train
from core.training import numpy_gradient, prepare
from core.training.dry_run import MIN_STEPS
from core.training.numpy_gradient import NumpyGradient
from core.training.train_step import TrainStep
from tests.core.conftest import only
from tests.core.rollouts.test_numpy_decoder import MODELS
from tests.core.rollouts.test_numpy_decoder import make as make_frozen

RNG = np.random.default_rng(3)


def make(name: str, targets: str = "all", layers: int | None = None) -> nn.Module:
    """A model whose norms, biases and adapter all count, and whose rows may be packed or share their beginnings."""
    model = make_frozen(name, targets, layers)
    assert packed_mask.can_pack(model, 256, mx.float32)[0]
    assert packed_mask.can_share_prefix(model, 256, mx.float32)[0]
    mx.eval(model.parameters())
    model.train()
    return model


def text(length: int, learned: int, beginning: Any = ()) -> Any:
    own = RNG.integers(3, 250, length - len(beginning))
    tokens = np.concatenate([beginning, own]).astype(np.int32)
    return SimpleNamespace(tokens=tokens, mask=(np.arange(length) >= length - learned).astype(np.int8))


def batches() -> dict[str, Batch]:
    """Rows of their own, packed ones, and some of groups with a common beginning, some longer than a tile."""
    texts = [text(length, length // 2) for length in (150, 30, 41, 9, 60, 20)]
    prompts = [RNG.integers(3, 250, n) for n in (7, 40)]
    groups = [Group(tuple(text(len(p) + n, n, p) for n in (5, 90, 12))) for p in prompts]
    return {
        "plain": collate(texts, range(6)),
        "packed": collate(texts, range(6), pack=True, always=True),
        "shared": collate(groups, range(2), pack=True, share=True, always=True),
        "nothing learned": collate([text(12, 0)], range(1), pack=True, always=True),
    }


def expected(model: Any, lm_head: LMHead, batch: Batch, weights: mx.array) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(log-probabilities at the targets, the gradient of their sum by `weights`) as MLX computes them."""
    arrays = to_mlx(batch)

    def loss(tensors: Any) -> Any:
        model.update(tensors)
        logps = token_logps(model, arrays, lm_head)
        return (logps.reshape(-1)[mx.array(np.flatnonzero(batch.mask))] * weights).sum(), logps

    tensors = model.trainable_parameters()
    (_, logps), gradient = mx.value_and_grad(loss)(tensors)
    mx.eval(logps, gradient)
    model.update(tensors)
    return np.array(logps)[batch.mask > 0], {name: np.array(g) for name, g in tree_flatten(gradient)}


def check(model: Any, batch: Batch, cores: int = 1, checkpointing: bool = False, temperature: float = 1.0) -> None:
    """The log-probabilities and the gradient are MLX's."""
    lm_head, _ = find_lm_head(model, mx.float32)
    assert lm_head is not None
    heated = LMHead(lm_head.body, lambda h: lm_head.logits(h) / temperature, lm_head.layer, lm_head.vocabulary)
    weights = RNG.normal(size=int(batch.mask.sum())).astype(np.float32)
    logps, gradient = expected(model, heated, batch, mx.array(weights))
    numpy = NumpyGradient(NumpyWeights(model, few_rows=False), checkpointing, cores, temperature)
    scale = next(m.scale for m in model.modules() if isinstance(m, AdapterLayer))
    for _ in range(2):  # the second time in memory that was used before
        with numpy.target_logps(batch, cores) as (own, backward):
            assert own == pytest.approx(logps, abs=3e-5)
            own_gradient = backward(weights)
        assert set(own_gradient) == set(gradient)
        (memory,) = numpy._free
        assert len(memory.saved._chunks) == 1  # asked for at once
        for name, value in own_gradient.items():  # that of B is with respect to B as it is scaled
            value = value * scale if name.endswith("lora_b") else value
            assert np.linalg.norm(value - gradient[name]) <= 2e-5 * np.linalg.norm(gradient[name]), name


@pytest.mark.parametrize("name", MODELS)
def test_each_family(name: str) -> None:
    check(make(name), batches()["packed"])


@pytest.mark.parametrize("layout", ["plain", "shared", "nothing learned"])
@pytest.mark.parametrize("cores", [1, 2])
def test_each_layout(layout: str, cores: int) -> None:
    check(make("qwen3"), batches()[layout], cores)


def test_some_layers_alone_have_an_adapter() -> None:
    check(make("llama", "q_proj,v_proj,mlp.down_proj"), batches()["packed"])


@pytest.mark.parametrize("checkpointing", [False, True])
def test_blocks_below_the_first_with_an_adapter_have_no_gradient(
    checkpointing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, differentiated = make("qwen3", "v_proj,mlp.down_proj", layers=1), list[int]()
    assert len(model.layers) > 1
    backward = numpy_gradient.backward

    def counted(*arguments: Any, **options: Any) -> Any:
        differentiated.append(1)
        return backward(*arguments, **options)

    monkeypatch.setattr(numpy_gradient, "backward", counted)
    check(model, batches()["packed"], checkpointing=checkpointing)
    assert len(differentiated) == 2  # in both passes of check()


def test_blocks_computed_again_and_a_temperature() -> None:
    check(make("qwen2"), batches()["packed"], checkpointing=True, temperature=0.7)


@pytest.mark.parametrize("cores", [1, 2])
def test_what_is_no_number_comes_out_as_such_without_a_warning(cores: int) -> None:
    model = make("qwen3")
    model.update({"model": {"embed_tokens": {"weight": model.model.embed_tokens.weight * float("nan")}}})
    numpy = NumpyGradient(NumpyWeights(model, few_rows=False), checkpointing=False)
    with numpy.target_logps(batches()["packed"], cores) as (logps, backward):
        assert np.isnan(logps).all()
        assert np.isnan(backward(np.ones_like(logps))["model.layers.0.self_attn.q_proj.lora_a"]).all()


def test_adapters_that_grew_too_large_give_no_warning() -> None:
    model = make("qwen3")
    model.update(tree_map(lambda w: w + 1e30, model.trainable_parameters()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        numpy = NumpyGradient(NumpyWeights(model, few_rows=False), checkpointing=False)
        with numpy.target_logps(batches()["packed"]) as (logps, _):
            assert not np.isfinite(logps).any()


def test_an_arena_holds_no_more_than_was_in_use_at_a_time() -> None:
    arena = Arena()
    for sizes in ((CHUNK, CHUNK // 2), (CHUNK // 2, 3 * CHUNK), (3 * CHUNK, CHUNK // 2)):
        start = arena.mark()
        first, mark = arena.take(sizes[0]), arena.mark()
        second = arena.take(sizes[1] // 4, 4)
        second[:] = 1
        first[:] = 2
        assert (second == 1).all()
        arena.release(mark)
        assert not np.shares_memory(first, arena.take(sizes[1]))
        arena.release(start)
        assert sum(len(chunk) for chunk in arena._chunks) <= sum(sizes)


def test_an_arena_asks_once_for_what_is_expected_and_again_for_what_it_let_go() -> None:
    arena = Arena()
    arena.take(2 * CHUNK)
    arena.release(Mark(0, 0, 0))
    for _ in range(2):
        arena.expect(5 * CHUNK)
        start = arena.mark()
        first, second = arena.take(CHUNK), arena.take(4 * CHUNK)
        assert not np.shares_memory(first, second)
        assert [len(chunk) for chunk in arena._chunks] == [5 * CHUNK]
        arena.release(start)
        arena.clear()
        assert not arena._chunks


class Counted:
    """How often a step's gradient was computed with NumPy."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, make_gradient = 0, prepare.make_numpy_gradient
        self.model: NumpyGradient | None = None  # the last that did
        original = NumpyGradient.target_logps

        def counted(model: NumpyGradient, *arguments: Any) -> Any:
            self.calls, self.model = self.calls + 1, model
            return original(model, *arguments)

        monkeypatch.setattr(NumpyGradient, "target_logps", counted)
        self.switch_off: Callable[[], None] = lambda: monkeypatch.setattr(
            prepare, "make_numpy_gradient", lambda *_: (None, "")
        )
        self.switch_on: Callable[[], None] = lambda: monkeypatch.setattr(prepare, "make_numpy_gradient", make_gradient)

    @property
    def held(self) -> int:
        """Numbers that its memory between two steps has room for."""
        memories = self.model._free if self.model else []
        arenas = [arena for memory in memories for arena in (memory.saved, *memory.scratch)]
        return sum(len(chunk) for arena in arenas for chunk in arena._chunks)


def grpo_run(make_run: Callable[..., Run], folder: Path, options: dict[str, Any], steps: int) -> Run:
    """A run whose answers of a few tokens get a reward for their length."""
    questions = folder / "questions.jsonl"
    questions.write_text("".join(json.dumps({"question": f"{n}+1?", "answer": str(n)}) + "\n" for n in range(8)))
    options = {"rewards": ["length"], "reward_length": 2, "max_completion_length": 3} | options
    train = {"steps": steps, "batch_size": 1}
    return make_run(method="grpo", data={"path": str(questions)}, options=options, train=train)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"train": {"batch_size": 1, "gradient_checkpointing": "on"}},
        {"data": {"packing": False}},
    ],
)
def test_whole_runs_learn_the_same(
    options: dict[str, Any], make_run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)

    def numbers(output: str) -> list[tuple[float, float]]:
        events = list(train(make_run(output=output, **options)))
        losses = [(e.loss, e.tokens) for e in only(Evaluated, events)]
        return [(e.loss, e.grad_norm) for e in only(Step, events)] + losses

    own = numbers("numpy")
    assert counted.calls and json.loads((tmp_path / "numpy" / "resolved.json").read_text())["numpy"]["used"]
    counted.calls = 0
    counted.switch_off()
    assert np.allclose(own, numbers("mlx"), rtol=2e-5)
    assert not counted.calls


def test_a_step_leaves_no_memory_to_an_evaluation(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, held = Counted(monkeypatch), set()
    monkeypatch.setattr(TrainStep, "loss", None)  # MLX's
    for event in train(make_run()):
        if counted.model and isinstance(event, Step | Evaluated):
            held.add((type(event), counted.held > 0))
    assert held == {(Step, True), (Evaluated, False)}


def test_a_dry_run_leaves_no_memory_to_what_comes_before_the_first_step(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    run = train(make_run(train={"steps": MIN_STEPS}))
    assert any(isinstance(event, Started) for event in run)
    assert counted.calls and not counted.held
    run.close()


def test_answers_are_written_without_the_memory_of_a_step_and_learned_in_small_batches(
    make_run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, held = Counted(monkeypatch), []
    monkeypatch.setattr(rows_at_once, "CPU_TOKENS", 1)
    collect = RolloutBatches._collect

    def collected(batches: RolloutBatches, *arguments: Any) -> Any:
        held.append(counted.held)
        return collect(batches, *arguments)

    monkeypatch.setattr(RolloutBatches, "_collect", collected)
    options = {"group_size": 16, "beta": 0.1}
    steps = only(Step, list(train(grpo_run(make_run, tmp_path, options, steps=2))))
    assert counted.calls == len(steps) * 16 / (CPU_ANSWERS / usable_cores())
    assert held == [0, 0]


def test_adapters_of_other_layers_go_through_mlx(make_run: Callable[..., Run], tmp_path: Path) -> None:
    assert only(Step, list(train(make_run(adapter={"targets": "all,embeddings"}))))
    reason = "the adapter's layers are not all LoRA of linear layers with one scale"
    assert json.loads((tmp_path / "run" / "resolved.json").read_text())["numpy"] == {"used": False, "reason": reason}


def test_answers_that_were_all_cut_off_teach_nothing(
    make_run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    options = {"group_size": 4, "overlong_filter": True, "beta": 0.1}
    (step,) = only(Step, list(train(grpo_run(make_run, tmp_path, options, steps=1))))
    assert counted.calls and (step.loss, step.grad_norm, step.trained_tokens) == (0, 0, 0)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"adapter": {"dropout": 0.1}}, "it is for LoRA without dropout"),
        ({"adapter": {"type": "dora"}}, "it is for LoRA without dropout"),
        ({"model": {"quantization": "int8"}}, "only the blocks of Llama, Mistral, Qwen 2 and Qwen 3 are computed so"),
        ({"model": {"dtype": "bfloat16"}}, "it is for 32 bit"),
    ],
)
def test_other_runs_go_through_mlx(
    options: dict[str, Any],
    reason: str,
    make_run: Callable[..., Run],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Counted(monkeypatch)
    assert only(Step, list(train(make_run(**options))))
    assert not counted.calls
    assert json.loads((tmp_path / "run" / "resolved.json").read_text())["numpy"] == {"used": False, "reason": reason}
