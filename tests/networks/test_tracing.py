"""Tracing: what is known of a network without torch, and which networks are refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from network_examples import EXAMPLES, tiny_resnet, tiny_vgg
from torch import Tensor, nn

from prunepipe.errors import ConfigError, ScoreError
from prunepipe.networks import NETWORKS
from prunepipe.networks.building import make_network
from prunepipe.networks.prunable import prunable
from prunepipe.networks.structure import Structure
from prunepipe.networks.tracing import trace

IMAGE = (2, 8, 8)


class Plain(nn.Module):
    """A convolution to four channels, whatever a test does to them, and a Linear layer."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.between = between
        self.head = nn.Linear(4, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.between(self.conv(images)).mean((2, 3)))


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_are_the_prunable_weights_in_module_order(name: str) -> None:
    network = make_network(
        NETWORKS[name].function, channels=3, classes=10, image_size=32, options={"width": 0.1}
    )
    structure = trace(network, (3, 32, 32))
    expected = [(weight, tuple(tensor.shape)) for weight, tensor in prunable(network).items()]
    assert [(layer.name, layer.shape) for layer in structure.layers] == expected
    assert structure.residual == name.startswith(("resnet", "vit_small"))
    assert structure.followed
    assert Structure.from_json(json.loads(json.dumps(structure.to_json()))) == structure


@pytest.mark.parametrize(
    "join", [torch.add, lambda x, y: x + y, lambda x, y: x.add_(y), lambda x, y: x - y, torch.maximum]
)
def test_sums_of_two_paths_are_residual(join: Callable[[Tensor, Tensor], Tensor]) -> None:
    assert trace(Plain(lambda x: join(x.relu(), x.sigmoid())), IMAGE).residual


@pytest.mark.parametrize("between", [lambda x: x * x.sigmoid(), lambda x: x + 1, lambda x: x + x])
def test_products_and_constants_are_not_residual(between: Callable[[Tensor], Tensor]) -> None:
    assert not trace(Plain(between), IMAGE).residual


@pytest.mark.parametrize("name", EXAMPLES)
def test_tracing_changes_nothing(name: str) -> None:
    network = EXAMPLES[name]().train()
    next(network.children()).eval()
    modes = [module.training for module in network.modules()]
    state = {key: value.clone() for key, value in network.state_dict().items()}
    random_state = torch.random.get_rng_state()
    trace(network, IMAGE)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())
    assert torch.equal(random_state, torch.random.get_rng_state())


def test_random_numbers_of_the_forward_pass_are_given_back() -> None:
    network = Plain(lambda x: F.dropout(x, 0.5, training=True))
    random_state = torch.random.get_rng_state()
    trace(network, IMAGE)
    assert torch.equal(random_state, torch.random.get_rng_state())


def test_optional_arguments_of_forward_keep_their_defaults() -> None:
    class Optional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = tiny_vgg()

        def forward(self, images: Tensor, targets: Tensor | None = None, plain: bool = True) -> Tensor:
            logits = self.body(images)
            return logits if plain and targets is None else logits + logits.softmax(1)

    assert not trace(Optional(), IMAGE).residual


def test_a_network_that_does_not_take_the_images_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"ResNet does not accept images of shape \[2, 3, 8, 8\]"):
        trace(tiny_resnet(), (3, 8, 8))


def test_a_network_whose_output_ignores_the_images_is_refused() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 1)

        def forward(self, images: Tensor) -> Tensor:
            self.conv(images)
            return torch.zeros(len(images), 3)

    with pytest.raises(ConfigError, match="no path leads from the images to the output of Fixed"):
        trace(Fixed(), IMAGE)


def test_computed_shared_and_missing_weights_are_refused() -> None:
    normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 3, 3))
    with pytest.raises(ConfigError, match="not a plain parameter"):
        trace(nn.Sequential(normed), IMAGE)
    tied = nn.Sequential(nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3))
    tied[1].weight = tied[0].weight
    with pytest.raises(ScoreError, match="one shared weight"):
        trace(tied, IMAGE)
    with pytest.raises(ScoreError, match="nothing can be pruned"):
        trace(nn.Sequential(nn.ReLU()), IMAGE)


def test_tracing_does_not_start_the_compiler() -> None:
    code = (
        "import sys, torch; from prunepipe.networks.tracing import trace;"
        "network = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Softmax(1));"
        "trace(network, (1, 2, 2)); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_structure_does_not_depend_on_the_type_of_the_weights(dtype: torch.dtype) -> None:
    network = tiny_resnet()
    expected = trace(network, IMAGE)
    assert trace(network.to(dtype), IMAGE) == expected
