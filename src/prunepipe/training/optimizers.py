"""The optimizers: the updates of torch.optim, term by term, on lists of tensors.

They are written out so that a CUDA graph can contain the whole update, and because torch.optim imports torch._dynamo
(4 s). Gradients may share memory with each other and are never changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from prunepipe.plugins import load_function
from prunepipe.study.recipe import OPTIMIZERS, Recipe

Gradients = list[Tensor] | tuple[Tensor, ...]


class Optimizer(Protocol):
    """The interface of an optimizer.

    Attributes:
        state: every tensor that an update changes apart from the parameters, by its name in checkpoints.
        masked_gradients: whether the gradients of pruned weights must be zero, so that their state stays zero too.
    """

    state: dict[str, Tensor]
    masked_gradients: bool

    def update(self, gradients: Gradients, learning_rate: float) -> None:
        """Change the parameters by one step."""


def make_optimizer(recipe: Recipe, parameters: Mapping[str, Tensor]) -> Optimizer:
    """Return the optimizer of a recipe.

    Args:
        recipe: gives its name and constants.
        parameters: by name; updated in place.
    """
    make = load_function(OPTIMIZERS[recipe.optimizer].function)
    optimizer: Optimizer = make(parameters, **recipe.constants("optimizer"))
    return optimizer


class Sgd:
    """Stochastic gradient descent with momentum and an L2 penalty.

    Args:
        parameters: by name; updated in place.
        momentum: share of the previous direction that is kept.
        nesterov: whether to look ahead along the momentum.
        weight_decay: factor of the L2 penalty.
    Source: Sutskever et al., "On the importance of initialization and momentum", ICML 2013; as torch.optim.SGD.
    """

    # A pruned weight is set to zero after the step whatever its momentum, and nothing else reads the momentum.
    masked_gradients = False

    def __init__(
        self, parameters: Mapping[str, Tensor], *, momentum: float, nesterov: bool, weight_decay: float
    ) -> None:
        self._parameters = list(parameters.values())
        self._momentum, self._nesterov, self._weight_decay = momentum, nesterov, weight_decay
        moving = _zeros("momentum", parameters)
        self._moving = list(moving.values())
        self.state = moving

    def update(self, gradients: Gradients, learning_rate: float) -> None:
        """Change the parameters by one step."""
        slopes = torch._foreach_add(gradients, self._parameters, alpha=self._weight_decay)
        torch._foreach_mul_(self._moving, self._momentum)
        torch._foreach_add_(self._moving, slopes)
        if self._nesterov:
            torch._foreach_add_(slopes, self._moving, alpha=self._momentum)
        direction = slopes if self._nesterov else self._moving
        torch._foreach_add_(self._parameters, direction, alpha=-learning_rate)


class Adam:
    """Adam with an L2 penalty.

    Args:
        parameters: by name; updated in place.
        betas: decay of the mean gradient and of the mean square.
        epsilon: added to the root of the mean square.
        weight_decay: factor of the L2 penalty.
    Source: Kingma, Ba, "Adam", ICLR 2015, algorithm 1; as torch.optim.Adam.
    """

    masked_gradients = True
    decoupled = False

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        *,
        betas: tuple[float, float],
        epsilon: float,
        weight_decay: float,
    ) -> None:
        self._parameters = list(parameters.values())
        self._betas, self._epsilon, self._weight_decay = betas, epsilon, weight_decay
        means, squares = _zeros("mean", parameters), _zeros("square", parameters)
        self._means, self._squares = list(means.values()), list(squares.values())
        # On the device, so that a captured step counts too.
        self._count = torch.zeros((), dtype=torch.float64, device=self._parameters[0].device)
        self.state = {**means, **squares, "count": self._count}

    def update(self, gradients: Gradients, learning_rate: float) -> None:
        """Change the parameters by one step."""
        slopes = self._decayed(gradients, learning_rate)
        first, second = self._betas
        torch._foreach_lerp_(self._means, slopes, 1 - first)
        torch._foreach_mul_(self._squares, second)
        torch._foreach_addcmul_(self._squares, slopes, slopes, 1 - second)
        self._count += 1
        size = (-learning_rate / (1 - first**self._count)).float()
        correction = (1 - second**self._count).sqrt().float()
        scales = torch._foreach_sqrt(self._squares)
        torch._foreach_div_(scales, correction)
        torch._foreach_add_(scales, self._epsilon)
        torch._foreach_addcdiv_(self._parameters, torch._foreach_mul(self._means, size), scales)

    def _decayed(self, gradients: Gradients, learning_rate: float) -> Gradients:
        if self._weight_decay == 0:
            return gradients
        if not self.decoupled:
            return torch._foreach_add(gradients, self._parameters, alpha=self._weight_decay)
        torch._foreach_mul_(self._parameters, 1 - learning_rate * self._weight_decay)
        return gradients


class AdamW(Adam):
    """Adam with decoupled weight decay: parameters shrink by the learning rate times the decay.

    Source: Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2; as torch.optim.AdamW.
    """

    decoupled = True


def _zeros(group: str, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a tensor of zeros for each parameter, with its memory layout, by "group/name"."""
    return {f"{group}/{name}": torch.zeros_like(value) for name, value in parameters.items()}
