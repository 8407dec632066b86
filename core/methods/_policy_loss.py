"""The clipped policy loss of GRPO and DAPO.

It makes the tokens of answers with a positive advantage likelier and those with a negative one less likely, as long
as the model has not moved too far from the policy that sampled them.
"""

from typing import Any

from core.methods._policy import Options


def loss(logps: Any, ref: Any, batch: Any, o: Options) -> tuple[Any, dict[str, Any]]:
    """-min(ρA, clip(ρ, 1 - ε, 1 + ε_high) A) + β KL per token, with ρ the probability ratio to the sampling policy.

    logps, ref [N, T-1] in nats, zero where batch.mask is zero. batch.extra holds
        sampled      [N, T-1]  the tokens' log-probabilities when they were sampled
        advantage    [N]
        kept         [N]       the same in every row: share of the step's answers that are in its batches (answers
                               without a gradient need no pass)
        mean_length  [N]       the same in every row: the step's answer tokens for each answer in its batches

    KL is e^d - d - 1 with d = ref - logps, times ρ unless `use_bias_correction_kl` is off. A step's batches count by
    their rows, and together give what TRL's GRPOTrainer gives for the step. `clipped` is the share of clipped tokens.
    """
    import mlx.core as mx

    advantage, mask = batch.extra["advantage"][:, None], batch.mask
    ratio = mx.exp(logps - batch.extra["sampled"])  # [N, T-1]
    clipped_ratio = mx.clip(ratio, 1 - o.epsilon, 1 + o.upper)
    token_loss = -mx.minimum(ratio * advantage, clipped_ratio * advantage)
    count = mx.maximum(mask.sum(), 1.0)
    clipped_tokens = ((ratio < 1 - o.epsilon) & (advantage < 0)) | ((ratio > 1 + o.upper) & (advantage > 0))
    metrics = {"clipped": ((clipped_tokens * mask).sum(), mask.sum())}
    if o.beta:
        d = ref - logps
        kl = (mx.exp(d) - d - 1) * (ratio if o.use_bias_correction_kl else 1.0)
        token_loss = token_loss + o.beta * kl
        metrics["kl"] = ((kl * mask).sum(), mask.sum())
    token_loss, rows = token_loss * mask, len(mask)
    kept_share = batch.extra["kept"][0]
    if o.loss_type == "grpo":
        value = (token_loss.sum(-1) / mx.maximum(mask.sum(-1), 1.0)).mean() * kept_share
    elif o.loss_type == "bnpo":
        value = token_loss.sum() / count
    elif o.loss_type == "dr_grpo":
        value = token_loss.sum() / (rows * o.max_completion_length) * kept_share
    else:
        value = token_loss.sum() / (rows * batch.extra["mean_length"][0])
    return value, metrics
