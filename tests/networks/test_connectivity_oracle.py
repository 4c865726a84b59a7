"""Effective weights where channels are shuffled or scaled: against derivatives, which know nothing of paths."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from felt_weights import felt
from hypothesis import given, settings
from hypothesis import strategies as st
from test_connectivity import SEEDS, _mask
from torch import nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.shufflenetv2 import ShuffleNetV2

from prunepipe.networks.connectivity import connectivity
from prunepipe.networks.recording import record

SHAPE = (3, 16, 16)


def _shufflenet() -> nn.Module:
    """Split channels, shuffles, depthwise convolutions."""
    return ShuffleNetV2([1, 2, 1], [4, 8, 8, 16, 12], num_classes=3)


def _convnext() -> nn.Module:
    """Depthwise convolutions, LayerNorm over channels, layer scales, shortcuts."""
    return ConvNeXt([CNBlockConfig(4, 6, 1), CNBlockConfig(6, None, 1)], num_classes=3)


@pytest.mark.parametrize("build", [_shufflenet, _convnext])
@settings(deadline=None, max_examples=15)
@given(seed=SEEDS, density=st.sampled_from([0.05, 0.1, 0.3, 0.6]))
def test_weights_that_count_as_effective_are_those_with_a_derivative(
    build: Callable[[], nn.Module], seed: int, density: float
) -> None:
    network = build()
    recording = record(network, SHAPE)
    mask = _mask(recording, seed, density)
    found = connectivity(mask, recording)
    weights, moves = felt(network, mask, SHAPE, draws=12)
    assert found.effective == {name: int(layer.sum()) for name, layer in weights.items()}
    assert (found.collapsed, found.unreachable_outputs) == (not moves.any(), int((~moves).sum()))
