"""Connectivity of networks that are not a chain of convolutions on square images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from felt_weights import felt
from hypothesis import given, settings
from hypothesis import strategies as st
from network_examples import CHANNELS, CLASSES, Transformer, tiny_resnet, tiny_vgg, unpooled_vgg
from positive_twin import gradients, positive_twin
from test_connectivity import DENSITIES, SEEDS, _full, _mask
from torch import Tensor, nn

from prunepipe.networks.choice import PrunableChoice
from prunepipe.networks.connectivity import connectivity
from prunepipe.networks.prunable import choose
from prunepipe.networks.recording import record
from prunepipe.networks.tracing import trace


@pytest.mark.parametrize("build", [tiny_vgg, unpooled_vgg, tiny_resnet])
@settings(deadline=None, max_examples=30)
@given(height=st.integers(1, 9), width=st.integers(1, 9), seed=SEEDS, density=DENSITIES)
def test_height_and_width_both_count(
    build: Callable[..., nn.Module], height: int, width: int, seed: int, density: float
) -> None:
    network = build(min(height, width))
    recording = record(network, (CHANNELS, height, width))
    mask = _mask(recording, seed, density)
    felt_by, _, total = gradients(positive_twin(network, mask), height, width)
    found = connectivity(mask, recording)
    assert found.effective == {name: int(((g > 0).numpy() & mask[name]).sum()) for name, g in felt_by.items()}
    assert found.collapsed == (total == 0)


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, density=DENSITIES)
def test_no_weight_that_a_transformer_feels_is_called_cut_off(seed: int, density: float) -> None:
    network = Transformer(4)
    recording = record(network, (CHANNELS, 4, 4))
    mask = _mask(recording, seed, density)
    found = connectivity(mask, recording)
    weights, moves = felt(network, mask, (CHANNELS, 4, 4), draws=4)
    assert all(weights[name].sum() <= found.effective[name] <= mask[name].sum() for name in mask)
    assert bool(moves.any()) <= (not found.collapsed)


def test_layers_of_a_transformer_are_cut_off_where_nothing_comes_in_or_goes_out() -> None:
    recording = record(Transformer(4), (CHANNELS, 4, 4))
    mask = _full(recording)
    assert connectivity(mask, recording).effective == {name: layer.size for name, layer in mask.items()}
    mask["layer.linear2.weight"][:, 3] = False
    found = connectivity(mask, recording)
    assert found.dead_units["layer.linear1.weight"] == 1
    assert found.effective["layer.linear1.weight"] == 5 * 4
    mask["attention.out.weight"][:] = False
    assert connectivity(mask, recording).effective["attention.projection.weight"] == 0
    mask["patches.weight"][:] = False
    assert connectivity(mask, recording).collapsed


def test_classes_that_no_path_reaches_are_counted() -> None:
    recording = record(tiny_vgg(), (CHANNELS, 8, 8))
    mask = _full(recording)
    assert connectivity(mask, recording).unreachable_outputs == 0
    mask["classifier.weight"][[0, 2]] = False
    found = connectivity(mask, recording)
    assert (found.unreachable_outputs, found.collapsed) == (2, False)
    mask["classifier.weight"][1] = False
    assert connectivity(mask, recording).unreachable_outputs == CLASSES


class With(nn.Module):
    """Two convolutions, buffers of many types, and a forward pass that a test chooses."""

    def __init__(self, forward: Callable[[With, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 1)
        self.head = nn.Linear(4, 3)
        self.register_buffer("flags", torch.tensor([True, False, True, True]))
        self.register_buffer("order", torch.tensor([3, 2, 1, 0]))
        self.how = forward

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.how(self, images).mean((2, 3)))


def _plain(net: With, images: Tensor) -> Tensor:
    return net.second(net.conv(images).relu())


def _dropped(net: With, images: Tensor) -> Tensor:
    features = net.conv(images)
    features.relu_()
    return net.second(features)


def _functional(net: With, images: Tensor) -> Tensor:
    features = F.conv2d(images, net.conv.weight, net.conv.bias, padding=1).relu()
    return F.conv2d(features, 2 * net.second.weight, net.second.bias)


def _checked(net: With, images: Tensor) -> Tensor:
    if net.flags.sum().item() > 1 and net.order.tolist()[0] == 3:  # values of constants
        assert images.shape[1] == 2
        assert len(images) > 0
    return net.second(net.conv(images).relu())


@pytest.mark.parametrize("how", [_dropped, _functional, _checked])
@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, density=DENSITIES)
def test_how_a_forward_pass_is_written_does_not_matter(
    how: Callable[[With, Tensor], Tensor], seed: int, density: float
) -> None:
    recordings = [record(With(forward), (2, 5, 6)) for forward in (_plain, how)]
    mask = _mask(recordings[0], seed, density)
    assert connectivity(mask, recordings[0]) == connectivity(mask, recordings[1])
    assert trace(With(how), (2, 5, 6)).followed


def test_boolean_and_integer_buffers_choose_channels() -> None:
    network = With(lambda net, x: net.second(net.conv(x)[:, net.order] * net.flags[:, None, None]))
    recording = record(network, (2, 4, 4))
    mask = _full(recording)
    mask["conv.weight"][0] = False
    found = connectivity(mask, recording)
    assert found.effective["second.weight"] == 4 * 3  # channel 0 is the last that `second` reads


def test_weights_that_are_written_among_features_cut_nothing_off() -> None:
    def written(net: With, images: Tensor) -> Tensor:
        features = net.conv(images)
        features[:, 0] = net.head.weight[0, 0]
        return net.second(features)

    recording = record(With(written), (2, 4, 4))
    effective = connectivity(_full(recording), recording).effective
    assert effective["conv.weight"] == 3 * 2 * 9  # channel 0 is overwritten
    assert effective["second.weight"] == 4 * 3


def _by_value(net: With, images: Tensor) -> Tensor:
    return net.second(net.conv(images)) if images.sum() > 1e6 else net.conv(images)


def _by_numpy(net: With, images: Tensor) -> Tensor:
    return net.second(torch.from_numpy(np.abs(net.conv(images).detach().numpy())))


def _by_bool_index(net: With, images: Tensor) -> Tensor:
    features = net.conv(images)
    features[features > 9] = 0
    chosen = features[features.mean((1, 2, 3)) > 1e6]
    return features + net.second(chosen).sum()


@pytest.mark.parametrize("how", [_by_value, _by_numpy, _by_bool_index])
def test_where_values_of_the_image_decide_no_kept_weight_is_called_cut_off(
    how: Callable[[With, Tensor], Tensor],
) -> None:
    network = With(how)
    assert not trace(network, (2, 4, 4)).followed
    recording = record(network, (2, 4, 4))
    mask = _mask(recording, 0, 0.3)
    mask["second.weight"][1] = False
    found = connectivity(mask, recording)
    assert found.effective == {name: layer.sum() for name, layer in mask.items()}
    assert found.dead_units["second.weight"] >= 1
    assert not found.collapsed
    assert connectivity({name: layer & False for name, layer in mask.items()}, recording).collapsed


class Deep(nn.Module):
    """Sums, or means, one after the other: numbers that no float holds, at either end."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8, bias=False) for _ in range(500))
        self.between = between

    def forward(self, images: Tensor) -> Tensor:
        features = images.flatten(1)
        for layer in self.layers:
            features = self.between(layer(features))
        return features


def _tenth(features: Tensor) -> Tensor:
    return torch.stack([features, *[torch.zeros_like(features)] * 9]).mean(0)


@pytest.mark.parametrize(
    ("between", "weights"), [(F.relu, np.ones((8, 8), bool)), (_tenth, np.eye(8, dtype=bool))]
)
def test_depth_neither_overflows_nor_cuts(between: Callable[[Tensor], Tensor], weights: np.ndarray) -> None:
    recording = record(Deep(between), (2, 2, 2))
    mask = {name: weights.copy() for name in recording.weights}
    kept = int(weights.sum())
    assert set(connectivity(mask, recording).effective.values()) == {kept}
    mask["layers.499.weight"][3] = False
    mask["layers.0.weight"][:, 5] = False
    found = connectivity(mask, recording)
    assert found.unreachable_outputs == (1 if kept == 64 else 2)
    assert found.effective["layers.250.weight"] == (64 if kept == 64 else 6)


class Standardised(nn.Conv2d):
    """A convolution whose weights are standardised, so that pruned ones take part again."""

    def forward(self, images: Tensor) -> Tensor:
        mean, std = self.weight.mean((1, 2, 3), keepdim=True), self.weight.std((1, 2, 3), keepdim=True)
        return F.conv2d(images, (self.weight - mean) / (std + 1e-5), self.bias)


def test_weights_that_are_computed_from_kept_ones_are_followed() -> None:
    network = nn.Sequential(Standardised(2, 4, 3), nn.Flatten(), nn.Linear(16, 3))
    recording = record(network, (2, 4, 4))
    mask = _full(recording)
    mask["0.weight"][:, 1] = False
    mask["2.weight"][:, 4:] = False  # reads the first channel only
    found = connectivity(mask, recording)
    assert found.effective["0.weight"] >= 9
    assert not found.collapsed


def test_parametrised_modules_that_are_not_pruned_are_followed() -> None:
    upsample = nn.utils.parametrizations.weight_norm(nn.ConvTranspose2d(2, 4, 2, stride=2))
    network = nn.Sequential(upsample, nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(2 * 6 * 6, 3))
    choose(network, PrunableChoice(exclude=("0",)))
    recording = record(network, (2, 4, 4))
    mask = _full(recording)
    assert connectivity(mask, recording).effective == {name: layer.size for name, layer in mask.items()}
    mask["1.weight"][:] = False
    assert connectivity(mask, recording).collapsed


def test_a_module_of_several_inputs_and_an_output_of_several_tensors() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(8, 4), nn.Linear(8, 4)
            self.join = nn.Bilinear(4, 4, 3)
            self.side = nn.Linear(4, 2)

        def forward(self, images: Tensor) -> dict[str, Tensor]:
            left, right = self.left(images.flatten(1)), self.right(images.flatten(1))
            return {"logits": self.join(left, right), "side": self.side(right)}

    recording = record(Two(), (2, 2, 2))
    mask = _full(recording)
    assert connectivity(mask, recording).effective == {name: layer.size for name, layer in mask.items()}
    mask["right.weight"][:] = False
    found = connectivity(mask, recording)
    assert (found.effective["left.weight"], found.effective["side.weight"]) == (32, 0)
    assert found.unreachable_outputs == 2
