"""The contract of every mask updater: what it receives and must return.

An updater is `update(weights, gradients, mask, *, step, steps, density, generator, **options) -> mask`. It is called
after every `every`-th training step until `until`, and returns the mask of the steps after it: one bool tensor per
prunable weight, shaped like it, True = kept, with exactly round(density x N) True values over all N prunable weights.

* `weights`: by parameter name, on the network's device; zero where the mask prunes.
* `gradients`: of the loss of one training batch, for all weights, kept or pruned; None if the updater's row says that
  it reads none. The step that they come from moves no weight: its gradients move the mask instead.
* `mask`: the mask so far.
* `step`: training steps taken, counted from 1; `steps`: the step after which the mask no longer changes.
* `density`: share of the weights that the returned mask keeps.
* `generator`: a torch.Generator on the CPU, of this seed and step; draw every random number from it.
* `allocate`: the ticket's allocation, (scores, mask, number of weights to keep) -> number of weights to keep by layer;
  pruned weights are no candidates.

An updater receives the keyword arguments that it names, and must not change the tensors or keep state between calls.
Weights that it grows start at zero, and so does their state in the optimizer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

Tensors = dict[str, Tensor]
"""One tensor per prunable weight, by parameter name."""

Allocate = Callable[[Mapping[str, Tensor], Mapping[str, Tensor], int], Mapping[str, int]]
"""(scores, mask of the candidates, weights to keep) -> weights to keep by layer."""
