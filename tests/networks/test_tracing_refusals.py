"""Networks whose connections cannot be followed are refused, and told what to change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch.nn.functional as F
from test_tracing import _trace
from torch import Tensor, nn

from prunepipe.errors import ConfigError, ScoreError


class Unfollowable(nn.Module):
    def __init__(self, forward: Callable[[nn.Conv2d, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.how = forward

    def forward(self, images: Tensor) -> Tensor:
        return self.how(self.conv, images)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda conv, x: conv(x) if x.sum() > 0 else x, r"torch.fx cannot follow .* torch.fx.wrap"),
        (lambda conv, x: F.conv2d(x, conv.weight), r"'conv.weight' is used outside .* Call the layer 'conv'"),
        (lambda conv, x: _dropped(conv(x)), r"in-place operation 'relu_' is dropped.*x = x.relu_"),
        (lambda conv, x: conv(x.view(3, 5)), r"does not take images of shape \[2, 2, 8, 8\]"),
    ],
)
def test_what_cannot_be_followed_is_refused(how: Callable[..., Tensor], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _trace(Unfollowable(how))


def _dropped(features: Tensor) -> Tensor:
    features.relu_()
    return features


def test_layers_inside_of_opaque_modules_are_refused() -> None:
    attention = nn.Sequential(nn.Flatten(2), nn.TransformerEncoderLayer(64, 2, 16, batch_first=True))
    with pytest.raises(ConfigError, match=r"'1' \(TransformerEncoderLayer\) holds prunable layers"):
        _trace(attention)


def test_computed_shared_and_missing_weights_are_refused() -> None:
    normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 3, 3))
    with pytest.raises(ConfigError, match="not a plain parameter"):
        _trace(nn.Sequential(normed))
    tied = nn.Sequential(nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3))
    tied[1].weight = tied[0].weight
    with pytest.raises(ScoreError, match="one shared weight"):
        _trace(tied)
    with pytest.raises(ScoreError, match="nothing can be pruned"):
        _trace(nn.Sequential(nn.ReLU()))
