"""How often a forward pass multiplies by each weight, read from the operations that were carried out."""

from __future__ import annotations

from prunepipe.networks.reach import memory_of
from prunepipe.networks.recording import BATCH, Recording

_PRODUCTS = frozenset({"convolution", "mm", "addmm", "bmm", "baddbmm"})


def uses_per_weight(recording: Recording) -> dict[str, int]:
    """Return how many products one image takes with each number of a prunable weight.

    Args:
        recording: of the network.
    Returns:
        Per parameter name, over all calls: positions of the output map (convolutions; where they read padding, too) or
        rows (Linear); 0 where the pass never multiplies by the weight itself.
    """
    names = {memory_of(weight): name for name, weight in recording.weights.items()}
    uses = dict.fromkeys(recording.weights, 0)
    for call in recording.calls:
        if call.name not in _PRODUCTS:
            continue
        for name in {names[place] for place in map(memory_of, call.given) if place in names}:
            uses[name] += call.result.numel() // (BATCH * recording.weights[name].shape[0])
    return uses
