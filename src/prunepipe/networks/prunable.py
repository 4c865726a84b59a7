"""Which weights are prunable: one definition for networks, scores and masks."""

from __future__ import annotations

from torch import nn

from prunepipe.errors import ScoreError


def prunable(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weight of every Conv2d and Linear module, by parameter name, in `modules()` order.

    Args:
        network: any module; biases and BatchNorm are never prunable.
    Returns:
        Parameters, for example {"features.0.weight": [64, 3, 3, 3], ...}.
    Raises:
        ScoreError: the network has none, or shares one with another module: it would count twice, or be masked here
            and not there.
    """
    weights: dict[str, nn.Parameter] = {}
    owners: dict[int, str] = {}
    named = dict(network.named_parameters(remove_duplicate=False))
    for prefix, module in network.named_modules():
        if not isinstance(module, (nn.Conv2d, nn.Linear)):
            continue
        name = f"{prefix}.weight" if prefix else "weight"
        first = owners.setdefault(id(module.weight), name)
        if first != name:
            raise ScoreError(
                f"'{name}' and '{first}' are one shared weight, which prune ratios would count twice; "
                "share the module instead of its weight."
            )
        weights[name] = named[name]
    for name, parameter in named.items():
        first = owners.get(id(parameter), name)
        if first != name:
            raise ScoreError(
                f"'{first}' is one weight with '{name}', which is not pruned: a mask cannot hold for one of them; "
                "untie them."
            )
    if not weights:
        raise ScoreError(
            f"{type(network).__name__} has no Conv2d or Linear weight, so nothing can be pruned."
        )
    return weights
