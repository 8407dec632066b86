"""DPO, SimPO, ORPO, KTO and distillation with numbers worked by hand, and the losses that are known before training."""

import math
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from core.data.batch.batches import Batch, collate
from core.data.batch.groups import Group
from core.data.tokenize.encode import Encoded
from core.errors import BadOption
from core.methods import distill, dpo, kto, orpo, simpo
from core.run import Run

LN2 = math.log(2)


def batch(mask: list[list[int]], rows: int, **extra: list[float]) -> Batch:
    values = {name: mx.array(value) for name, value in extra.items()}
    return Batch(None, mx.array(mask, mx.float32), (), tuple(range(rows)), extra=values)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# One pair. Chosen: two tokens, -1 and -2; rejected: three tokens, -1, -1 and -4. The reference gives -2 and -2, and
# -1, -2 and -1: the chosen answer has gained 1 over it, the rejected one has lost 2.
LOGPS = mx.array([[0.0, -1.0, -2.0, 0.0], [0.0, -1.0, -1.0, -4.0]])
REF = mx.array([[0.0, -2.0, -2.0, 0.0], [0.0, -1.0, -2.0, -1.0]])
PAIR = batch([[0, 1, 1, 0], [0, 1, 1, 1]], 1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, -math.log(sigmoid(0.1 * 3))),
        ({"beta": 0.5}, -math.log(sigmoid(1.5))),
        ({"label_smoothing": 0.2}, -0.8 * math.log(sigmoid(0.3)) - 0.2 * math.log(sigmoid(-0.3))),
        ({"loss_type": "hinge"}, 1 - 0.3),
        ({"loss_type": "hinge", "beta": 0.5}, 0.0),  # the lead of 3 is more than 1 / beta
        ({"loss_type": "ipo"}, (1 / 2 + 2 / 3 - 1 / 0.2) ** 2),
        (
            {"loss_type": "robust", "label_smoothing": 0.2},
            (-0.8 * math.log(sigmoid(0.3)) + 0.2 * math.log(sigmoid(-0.3))) / 0.6,
        ),
        ({"sft_weight": 2.0}, -math.log(sigmoid(0.3)) + 2 * 1.5),
    ],
)
def test_dpo(options: dict[str, Any], expected: float) -> None:
    value, metrics = dpo.loss(LOGPS, REF, PAIR, dpo.Options(**options))
    assert float(value) == pytest.approx(expected, rel=1e-6, abs=1e-7)
    beta = options.get("beta", 0.1)
    values = {name: float(number) for name, number in metrics.items()}
    assert values == pytest.approx(
        {"chosen_reward": beta, "rejected_reward": -2 * beta, "margin": 3 * beta, "accuracy": 1.0, "preferred": 1.0}
    )


def test_dpo_before_training() -> None:
    value, metrics = dpo.loss(REF, REF, PAIR, dpo.Options())
    assert float(value) == pytest.approx(LN2)
    # Together both answers have -4; by the word the worse one is the likelier, with -4/3 against -2.
    assert float(metrics["accuracy"]) == 0.5 and float(metrics["preferred"]) == 0.0


def test_an_option_that_does_nothing_is_refused() -> None:
    with pytest.raises(BadOption, match="label_smoothing does nothing with ipo"):
        Run.from_dict({"method": "dpo", "options": {"loss_type": "ipo", "label_smoothing": 0.1}})
    with pytest.raises(BadOption, match="jsd_weight does nothing with forward"):
        Run.from_dict({"method": "distill", "options": {"jsd_weight": 0.1}})
    # Set one after the other, as flags are, what belongs together is judged together.
    Run(method="distill").replace("options.jsd_weight", 0.1).replace("options.divergence", "jsd").check()
    Run(method="dpo").replace("options.loss_type", "robust").replace("options.label_smoothing", 0.1).check()


def test_simpo() -> None:
    # Means per token: -1.5 and -2.
    value, metrics = simpo.loss(LOGPS, None, PAIR, simpo.Options())
    assert float(value) == pytest.approx(-math.log(sigmoid(2 * 0.5 - 0.5)), rel=1e-6)
    assert float(metrics["chosen_reward"]) == -3.0 and float(metrics["margin"]) == 1.0
    value, _ = simpo.loss(LOGPS, None, PAIR, simpo.Options(gamma=1.0, nll_weight=2.0))
    assert float(value) == pytest.approx(LN2 + 2 * 1.5, rel=1e-6)


def test_orpo() -> None:
    # The chosen text is learned whole: its question costs 3, its answer 1 + 2. The answer starts at token 2.
    logps = mx.array([[-3.0, -1.0, -2.0, 0.0], [0.0, -1.0, -1.0, -4.0]])
    pair_batch = batch([[1, 1, 1, 0], [0, 1, 1, 1]], 1, answer=[2.0])
    value, metrics = orpo.loss(logps, None, pair_batch, orpo.Options(beta=0.5))
    p, q = math.exp(-1.5), math.exp(-2)
    lead = math.log(p / (1 - p)) - math.log(q / (1 - q))
    assert float(value) == pytest.approx(2.0 - 0.5 * math.log(sigmoid(lead)), rel=1e-6)
    assert float(metrics["nll"]) == 2.0 and float(metrics["chosen_reward"]) == -0.75


def test_orpo_near_certainty_keeps_its_digits() -> None:
    for logp in (-1e-5, -0.1, -0.69, -0.7, -30.0):
        exact = logp - math.log(-math.expm1(logp))
        assert float(orpo._log_odds(mx.array(logp))) == pytest.approx(exact, rel=1e-5)
    assert math.isfinite(float(mx.grad(orpo._log_odds)(mx.array(0.0))))


def test_orpo_learns_the_whole_better_text() -> None:
    chosen, rejected = text([1, 2, 3, 4], 2), text([1, 2, 9], 2)
    (pair,) = orpo.arrange([Group((chosen, rejected))], 4, 99, None)
    assert pair.texts[0].mask.tolist() == [0, 1, 1, 1] and pair.texts[1].mask.tolist() == [0, 0, 1]
    assert pair.values == {"answer": 2.0}
    assert chosen.mask.tolist() == [0, 0, 1, 1]  # the row itself is as it was


def test_kto() -> None:
    # Gains over the reference: good 2, bad -1, mismatched 0.5 and 1.5, so z0 is 1.
    logps, ref = mx.array([[2.0], [-1.0], [0.5], [1.5]]), mx.zeros((4, 1))
    labelled_batch = batch([[1]] * 4, 2, label=[1.0, 0.0])
    o = kto.Options(beta=0.5, desirable_weight=2.0, undesirable_weight=3.0)
    value, metrics = kto.loss(logps, ref, labelled_batch, o)
    expected = (2 * (1 - sigmoid(0.5 * (2 - 1))) + 3 * (1 - sigmoid(0.5 * (1 + 1)))) / 2
    assert float(value) == pytest.approx(expected, rel=1e-6)
    assert float(metrics["kl"]) == 1.0 and float(metrics["accuracy"]) == 1.0
    assert [float(v) for v in metrics["chosen_reward"]] == [1.0, 1.0]  # (sum, count)
    assert [float(v) for v in metrics["rejected_reward"]] == [-0.5, 1.0]


def test_kto_before_training_and_its_distance_is_never_negative() -> None:
    labelled_batch = batch([[1]] * 4, 2, label=[1.0, 0.0])
    value, metrics = kto.loss(mx.zeros((4, 1)), mx.zeros((4, 1)), labelled_batch, kto.Options())
    assert float(value) == 0.5 and float(metrics["accuracy"]) == 0.5
    _, metrics = kto.loss(mx.array([[0.0], [0.0], [-9.0], [-9.0]]), mx.zeros((4, 1)), labelled_batch, kto.Options())
    assert float(metrics["kl"]) == 0.0


def test_the_mismatched_answers_of_kto_carry_no_gradient() -> None:
    labelled_batch = batch([[1]] * 4, 2, label=[1.0, 0.0])
    gradient = mx.grad(lambda x: kto.loss(x, mx.zeros((4, 1)), labelled_batch, kto.Options())[0])(mx.ones((4, 1)))
    assert mx.abs(gradient[:2]).min() > 0 and mx.abs(gradient[2:]).max() == 0


def test_kto_puts_each_question_beside_the_answer_of_the_row_before() -> None:
    groups = [Group((text([10 + n, 20 + n, 30 + n], 1 + n % 2),), {"label": 1.0}) for n in range(5)]
    arranged = kto.arrange(groups, 2, 99, None)
    # Circles of rows 0 and 1, and 2, 3 and 4: a single row would be beside itself.
    assert [m.texts[1].tokens.tolist() for m in arranged] == [
        [10, 31],
        [11, 21, 20, 30],
        [12, 24, 34],
        [13, 23, 22, 32],
        [14, 33],
    ]
    assert arranged[1].texts[1].mask.tolist() == [0, 0, 1, 1]
    assert all(m.texts[0] is g.texts[0] for m, g in zip(arranged, groups, strict=True))
    mixed = [kto.arrange(groups, 2, 99, seed) for seed in (1, 1, 2)]
    tokens = [[m.texts[1].tokens.tolist() for m in rows] for rows in mixed]
    assert tokens[0] == tokens[1] != tokens[2]
    assert len(kto.arrange(groups, 2, 2, None)[1].texts[1].tokens) == 2


def test_distillation() -> None:
    student, teacher = mx.log(mx.array([[0.5, 0.5]])), mx.log(mx.array([[0.8, 0.2]]))
    forward = 0.8 * math.log(0.8 / 0.5) + 0.2 * math.log(0.2 / 0.5)
    reverse = 0.5 * math.log(0.5 / 0.8) + 0.5 * math.log(0.5 / 0.2)
    mix = [0.25 * 0.8 + 0.75 * 0.5, 0.25 * 0.2 + 0.75 * 0.5]
    jsd = 0.25 * sum(p * math.log(p / m) for p, m in zip((0.8, 0.2), mix, strict=True))
    jsd += 0.75 * sum(0.5 * math.log(0.5 / m) for m in mix)
    for options, expected in (
        (distill.Options(), forward),
        (distill.Options(divergence="reverse"), reverse),
        (distill.Options(divergence="jsd", jsd_weight=0.25), jsd),
        (distill.Options(temperature=2.0), 4 * forward),
    ):
        assert float(distill.divergence(student, teacher, options)[0]) == pytest.approx(expected, rel=1e-5)
        assert float(distill.divergence(student, student, options)[0]) == pytest.approx(0.0, abs=1e-6)


def test_distillation_mixes_with_the_answers() -> None:
    logps, far = mx.array([[0.0, -2.0, -4.0]]), mx.array([[0.0, 1.0, 2.0]])
    value, metrics = distill.loss(logps, far, batch([[0, 1, 1]], 1), distill.Options(hard_weight=0.25))
    assert float(value) == 0.75 * 1.5 + 0.25 * 3.0
    assert float(metrics["kl"]) == 1.5 and float(metrics["hard_loss"]) == 3.0


def text(tokens: list[int], answer: int) -> Encoded:
    mask = np.zeros(len(tokens), np.int8)
    mask[answer:] = 1
    return Encoded(1, np.array(tokens, np.int32), mask, 0)


def test_a_batch_of_pairs_has_the_better_answers_first() -> None:
    groups = [Group((text([1, 2, 3], 2), text([1, 5], 1)), {"x": float(n)}) for n in range(2)]
    collated = collate(groups, [1, 0])
    assert collated.rows == (1, 0) and collated.lengths == (3, 3, 2, 2) and collated.extra["x"].tolist() == [1.0, 0.0]
    assert collated.tokens[:, :3].tolist() == [[1, 2, 3], [1, 2, 3], [1, 5, 0], [1, 5, 0]]
    assert collated.mask[:, :2].tolist() == [[0, 1], [0, 1], [1, 0], [1, 0]]
