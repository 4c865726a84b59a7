"""Tracing: the structure of a network, for every construction that real networks are made of."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from network_examples import EXAMPLES, Branches, PaddedShortcut, SharedLayer, tiny_resnet, tiny_vgg
from torch import Tensor, nn

from prunepipe.networks import NETWORKS
from prunepipe.networks.building import make_network
from prunepipe.networks.prunable import prunable
from prunepipe.networks.structure import Node, Structure
from prunepipe.networks.tracing import trace


def _trace(network: nn.Module) -> Structure:
    return trace(network, channels=2, image_size=8)


def _operations(structure: Structure) -> Counter[str]:
    return Counter(node.operation for node in structure.nodes)


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_are_the_prunable_weights_in_module_order(name: str) -> None:
    network = make_network(
        NETWORKS[name].function, channels=3, classes=10, image_size=32, options={"width": 0.1}
    )
    structure = trace(network, channels=3, image_size=32)
    expected = [(weight, tuple(tensor.shape)) for weight, tensor in prunable(network).items()]
    assert [(layer.name, layer.shape) for layer in structure.layers] == expected
    assert structure.residual == name.startswith("resnet")
    assert _operations(structure)["mix"] == 0
    assert [node.layer for node in structure.nodes if node.layer and "downsample" not in node.layer] == [
        name for name, _ in expected if "downsample" not in name
    ]
    assert Structure.from_json(json.loads(json.dumps(structure.to_json()))) == structure


def test_nodes_of_a_vgg_are_a_chain() -> None:
    nodes = _trace(tiny_vgg()).nodes
    assert [node.inputs for node in nodes] == [(), *((place,) for place in range(len(nodes) - 1))]
    kinds = [node.operation for node in nodes if node.operation != "pointwise"]
    pooled = ["conv", "window"] * 3
    assert kinds == ["input", *pooled, "conv", "channelwise", "linear", "output"]
    convolutions = [node for node in nodes if node.operation == "conv"]
    assert [node.channels for node in convolutions] == [3, 4, 4, 3]
    assert [node.map_size for node in convolutions] == [(8, 8), (4, 4), (2, 2), (1, 1)]
    # The kernel's first tap reads one before, its last one after; on a 1x1 map only the centre meets a pixel.
    assert convolutions[2].window == (((-1, 0), (0, 1), (1, -1)),) * 2
    assert convolutions[3].window == (((-1,), (0,), (-1,)),) * 2


def test_nodes_of_branches() -> None:
    structure = _trace(Branches())
    by_layer = {node.layer: node for node in structure.nodes if node.layer}
    assert by_layer["grouped.weight"].groups == 2
    assert by_layer["pointwise.weight"].window == (((0, 1, 2, 3),),) * 2
    assert by_layer["stem.weight"].window == (((-1, 1, 3, 5), (0, 2, 4, 6), (1, 3, 5, 7)),) * 2
    (join,) = [node for node in structure.nodes if node.operation == "concat"]
    assert [structure.nodes[place].channels for place in join.inputs] == [6, 2]
    (flat,) = [node for node in structure.nodes if node.operation == "reshape"]
    assert flat.shape == (8 * 2 * 2,)
    assert not structure.residual


def test_padded_shortcut_is_a_concatenation_with_channels_that_nothing_reaches() -> None:
    nodes = _trace(PaddedShortcut()).nodes
    (join,) = [node for node in nodes if node.operation == "concat"]
    empty = Node("mix", (), 1, (4, 4))
    assert [nodes[place] for place in join.inputs][::2] == [empty, empty]
    assert [node.channels for node in nodes if node.operation == "add"] == [4]


def test_layers_called_twice_or_never() -> None:
    structure = _trace(SharedLayer())
    called = Counter(node.layer for node in structure.nodes if node.layer)
    assert called == {"stem.weight": 1, "again.weight": 2, "head.weight": 1}
    assert "never.weight" in [layer.name for layer in structure.layers]
    sizes = [node.map_size for node in structure.nodes if node.layer == "again.weight"]
    assert sizes == [(8, 8), (1, 1)]


def test_linear_layers_on_tokens_are_mixed_in_and_out() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Linear(8, 5)
            self.head = nn.Linear(5, 3)

        def forward(self, images: Tensor) -> Tensor:
            return self.head(self.embed(images.flatten(1, 2)).mean(1))  # [N, 16 tokens, 8] -> [N, 3]

    nodes = _trace(Tokens()).nodes
    around = [(node.operation, node.channels) for node in nodes]
    start = around.index(("linear", 5))
    assert around[start - 1 : start + 2] == [("mix", 8), ("linear", 5), ("mix", 16)]
    assert ("linear", 3) in around


@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenet_v2", "mobilenet_v3_small", "densenet121", "googlenet"]
)
def test_networks_of_torchvision_need_no_mixing(name: str) -> None:
    import torchvision

    options = {"init_weights": False} if name == "googlenet" else {}
    with torch.device("meta"):  # spares the time of initial weights
        network = getattr(torchvision.models, name)(num_classes=10, **options)
    structure = trace(network.to_empty(device="cpu"), channels=3, image_size=32)
    called = {node.layer for node in structure.nodes if node.layer}
    unseen = [layer.name for layer in structure.layers if layer.name not in called]
    assert all(weight.startswith("aux") for weight in unseen)  # GoogLeNet's side outputs, in training only
    assert _operations(structure)["mix"] == 0
    assert structure.residual == (name in ("resnet18", "mobilenet_v2", "mobilenet_v3_small"))
    assert any(node.groups > 1 for node in structure.nodes) == name.startswith("mobilenet")


def test_flattened_maps_of_a_torchvision_vgg() -> None:
    from torchvision.models import vgg16

    with torch.device("meta"):
        network = vgg16(num_classes=10, init_weights=False)
        network.classifier[0] = nn.Linear(512 * 49, 8)  # 4,096 units would only cost time
        network.classifier[3] = nn.Linear(8, 8)
        network.classifier[6] = nn.Linear(8, 10)
    structure = trace(network.to_empty(device="cpu"), channels=3, image_size=32)
    assert [node.channels for node in structure.nodes if node.operation == "reshape"] == [512 * 49]
    assert _operations(structure) == {
        "input": 1, "conv": 13, "pointwise": 13 + 2 + 2, "window": 5 + 1, "reshape": 1, "linear": 3, "output": 1
    }  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_tracing_changes_nothing(name: str) -> None:
    network = EXAMPLES[name]().train()
    next(network.children()).eval()
    modes = [module.training for module in network.modules()]
    state = {key: value.clone() for key, value in network.state_dict().items()}
    random_state = torch.random.get_rng_state()
    _trace(network)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())
    assert torch.equal(random_state, torch.random.get_rng_state())


class Noisy(nn.Sequential):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(F.dropout(images, 0.5, training=True))


def test_random_numbers_of_the_forward_pass_are_given_back() -> None:
    network = Noisy(nn.Conv2d(2, 3, 3))
    random_state = torch.random.get_rng_state()
    _trace(network)
    assert torch.equal(random_state, torch.random.get_rng_state())


def test_optional_arguments_of_forward_keep_their_defaults() -> None:
    class Optional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = tiny_resnet()

        def forward(self, images: Tensor, targets: Tensor | None = None, plain: bool = True) -> Tensor:
            logits = self.body(images)
            return logits if plain and targets is None else logits.softmax(1)

    assert _trace(Optional()).nodes == tuple(
        Node(**{**vars(node), "layer": node.layer and f"body.{node.layer}"})
        for node in _trace(tiny_resnet()).nodes
    )


class ScaledConv(nn.Conv2d):
    """A user's own kind of convolution."""

    def forward(self, images: Tensor) -> Tensor:
        return self._conv_forward(images, 2 * self.weight, self.bias)


def test_subclasses_of_layers_are_layers() -> None:
    structure = _trace(nn.Sequential(ScaledConv(2, 3, 3), nn.Flatten(), nn.Linear(108, 2)))
    assert [node.operation for node in structure.nodes] == [
        "input",
        "channelwise",
        "conv",
        "reshape",
        "linear",
        "output",
    ]


def test_tracing_does_not_start_the_compiler() -> None:
    code = (
        "import sys, torch; from prunepipe.networks.tracing import trace;"
        "network = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1));"
        "trace(network, channels=1, image_size=2); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
