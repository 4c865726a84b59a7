"""Weights of the reference code of Su et al. under our names, and ours under theirs.

Our VGG and ResNet carry the reference's own names, so nothing is renamed but the wrappings:

| reference                                   | ours                                     |
|---------------------------------------------|------------------------------------------|
| `module.NAME` (saved from DataParallel)     | `NAME`                                   |
| `feature.N.*` (GraSP's VGG)                 | `features.N.*`                           |
| `features.N.*`, `classifier.*`              | the same                                 |
| `conv1`, `bn1`, `layerS.B.conv1`, ..., `fc` | the same                                 |
| `layerS.0.downsample.0` (conv), `.1` (BN)   | the same                                 |
| no `num_batches_tracked` (torch 0.3)        | `num_batches_tracked` 0: nothing reads it |
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from prunepipe.errors import ArtifactError

PREFIXES = (("module.", ""), ("feature.", "features."))
"""(reference's prefix, ours), applied one after the other."""

TRACKED = "num_batches_tracked"


def our_name(name: str) -> str:
    """Return our name of a parameter or buffer of the reference."""
    for theirs, ours in PREFIXES:
        if name.startswith(theirs):
            name = ours + name.removeprefix(theirs)
    return name


def load_reference(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename a state dict of the reference so that `network.load_state_dict` takes it, strictly.

    Args:
        state: tensors by the reference's names.
    Returns:
        The same tensors by our names, with a batch counter of 0 wherever the reference has none.
    Raises:
        ArtifactError: two names of the reference become one.
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if our_name(name) in renamed:
            raise ArtifactError(
                f"reference state: '{name}' appears twice, with and without a prefix. Remove one."
            )
        renamed[our_name(name)] = tensor
    owners = [name.removesuffix("running_var") for name in renamed if name.endswith("running_var")]
    counters = {owner + TRACKED: torch.tensor(0) for owner in owners}
    return {**counters, **renamed}


def save_reference(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return our state dict as the reference reads it: the same names, without the batch counters."""
    return {name: tensor for name, tensor in state.items() if not name.endswith(TRACKED)}
