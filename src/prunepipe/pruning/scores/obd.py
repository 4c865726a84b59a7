"""OBD: the second-order cost of removing a weight, from the diagonal of a curvature matrix."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from prunepipe.networks.prunable import prunable
from prunepipe.pruning.options import checked
from prunepipe.pruning.scores.contract import Batches, Loss, Scores, scoring_copy
from prunepipe.pruning.scores.options import ObdOptions
from prunepipe.pruning.scores.squared_gradients import mean_squared_gradients

EXACT_CLASSES = 20
"""Up to this many classes the Gauss-Newton diagonal is computed exactly, with one backward pass per class."""


def obd(
    network: torch.nn.Module,
    batches: Batches,
    loss: Loss,
    *,
    generator: torch.Generator,
    curvature: str | None = None,
    draws: int = 20,
    dtype: str = "float64",
) -> Scores:
    """Saliency 1/2 * h * w^2, where h is the diagonal of a curvature matrix of the loss over the training images.

    h is the mean over images x of sum_k q_k (dL(x, k)/dw)^2, where L(x, k) is the loss of x alone if its label were k,
    and q a distribution over labels:

    * "gauss_newton": the network's own distribution p = softmax(logits). For cross-entropy this is exactly the
      diagonal of the Gauss-Newton matrix.
    * "sampled_fisher": the shares of `draws` labels drawn from p for every image; the same in expectation.
    * "empirical_fisher": only the true label. Its gradients vanish on images that the network fits, so the scores of
      a trained network are mostly noise.

    Args:
        network: scored in eval mode (BatchNorm uses running statistics, so images do not mix); not changed.
        batches: images [B, C, H, W] and labels [B]; the result does not depend on the batching.
        loss: (logits [B, K], labels [B]) -> mean loss.
        generator: draws labels, in the order of the images.
        curvature: one of the above; default "gauss_newton" up to 20 classes, "sampled_fisher" beyond.
        draws: labels that "sampled_fisher" draws per image.
        dtype: "float64" or "float32", for all arithmetic.
    Returns:
        One float64 tensor per prunable weight, shaped like it; higher means keep.
    Raises:
        ConfigError: an option has an impossible value.
        ScoreError: there is no batch.
    Source: LeCun, Denker, Solla, "Optimal brain damage", NeurIPS 1989, eq. 5; Kunstner, Balles, Hennig, "Limitations of
        the empirical Fisher approximation", NeurIPS 2019, for the three curvatures.
    """
    checked(ObdOptions, "obd: ", {"curvature": curvature, "draws": draws, "dtype": dtype})
    scored = scoring_copy(network, training=False, dtype=dtype)
    weights = prunable(scored)

    def vectors(logits: Tensor, labels: Tensor) -> Tensor:
        usual = "gauss_newton" if logits.shape[1] <= EXACT_CLASSES else "sampled_fisher"
        chosen = curvature or usual
        return _slopes(loss, logits, _label_shares(chosen, logits, labels, draws, generator))

    squares = mean_squared_gradients(scored, weights, batches, vectors)
    return {name: 0.5 * squares[name] * weight.detach() ** 2 for name, weight in weights.items()}


def _label_shares(
    curvature: str, logits: Tensor, labels: Tensor, draws: int, generator: torch.Generator
) -> Tensor:
    """Return the distribution over labels [B, K] that a curvature averages squared gradients over."""
    classes = logits.shape[1]
    if curvature == "empirical_fisher":
        return functional.one_hot(labels, classes).to(logits)
    chances = logits.softmax(1)
    if curvature == "gauss_newton":
        return chances
    # One uniform number per draw, image by image, so that the batching does not matter.
    heights = torch.rand(
        len(logits), draws, generator=generator, dtype=torch.float64, device=generator.device
    )
    drawn = torch.searchsorted(chances.double().cumsum(1), heights.to(logits.device), right=True)
    # Probabilities may sum to slightly less than 1.
    return functional.one_hot(drawn.clamp(max=classes - 1), classes).to(logits).mean(1)


def _slopes(loss: Loss, logits: Tensor, shares: Tensor) -> Tensor:
    """Return the gradients of the loss with respect to the logits, one per label, times sqrt(share): [V, B, K]."""
    most = int((shares > 0).sum(1).max())
    parts, labels = (part.T for part in shares.topk(most, dim=1))  # [V, B]
    rows = logits.expand(most, *logits.shape).flatten(0, 1).requires_grad_()
    # The loss is a mean over images; multiplying by their number gives the loss of each image alone.
    (slopes,) = torch.autograd.grad(loss(rows, labels.flatten()) * len(rows), rows)
    return parts.sqrt().unsqueeze(-1) * slopes.view(most, *logits.shape)
