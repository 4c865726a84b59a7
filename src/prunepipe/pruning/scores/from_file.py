"""The mask in a file of the user's, as `prunepipe audit` reads it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from prunepipe.networks.prunable import prunable_layers
from prunepipe.networks.structure import Structure
from prunepipe.pruning.given import read_given
from prunepipe.pruning.scores.contract import Batches, Loss


def from_file(
    network: nn.Module,
    batches: Batches,
    loss: Loss,
    *,
    generator: torch.Generator,
    file: str,
    content: str = "",
) -> dict[str, torch.Tensor]:
    """Return the mask in a file, the same for every seed; for the allocation `constructed`.

    Args:
        network: says which weights the mask must have, by name and shape.
        batches, loss, generator: not used.
        file: path of masks or pruned weights; see `prunepipe.pruning.given`.
        content: checksum of the file; it is not used here, but makes the mask stale when the file changes.
    Returns:
        Bool, True = kept, by parameter name.
    Raises:
        ArtifactError: the file cannot be read, does not fit the network, or its mask cannot be judged.
    """
    given = read_given(Path(file), Structure(prunable_layers(network)))
    return {name: torch.from_numpy(kept) for name, kept in given.mask.items()}
