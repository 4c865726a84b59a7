"""Memory of a training step: against sizes worked out by hand, and on images of torchvision's own size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from prunepipe.networks.building import make_network
from prunepipe.networks.state import arrays_of
from prunepipe.study.names import network_row
from prunepipe.training.memory import activation_bytes


def test_activations_are_what_the_backward_pass_reads() -> None:
    network = nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=1), nn.Sigmoid(), nn.Flatten(), nn.Linear(8 * 6 * 5, 3)
    )
    # The convolution keeps its input, Sigmoid its output, which the Linear layer reads as well.
    assert activation_bytes(network, (4, 6, 5), "float32") == 4 * (4 * 30 + 8 * 30)


def test_measuring_changes_neither_the_network_nor_the_random_state() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), nn.Flatten(), nn.Linear(8, 2)
    )
    before, state = arrays_of(network), torch.get_rng_state()
    activation_bytes(network.eval(), (1, 4, 4), "float32")
    assert not network.training
    assert all((before[name] == value).all() for name, value in arrays_of(network).items())
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("shape", [(3, 224, 224), (4, 224, 160)])
def test_networks_of_torchvision_take_images_of_their_own_size_and_four_channels(
    shape: tuple[int, ...],
) -> None:
    channels, height, width = shape
    network = make_network(
        network_row("torchvision:mobilenet_v3_small").function,
        channels=channels,
        classes=3,
        image_size=height if height == width else (height, width),
    )
    per_image = activation_bytes(network, shape, "float32")
    assert 10e6 < per_image * 224 * 224 / (height * width) < 60e6
