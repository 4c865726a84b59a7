"""Connectivity: against gradients of a positive twin network, and properties of any mask."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from network_examples import (
    CHANNELS,
    CLASSES,
    EXAMPLES,
    FOLLOWED,
    IMAGE_SIZE,
    tiny_resnet,
    tiny_vgg,
    unpooled_vgg,
)
from positive_twin import gradients, positive_twin
from torch import nn

from prunepipe.artifacts import Arrays
from prunepipe.networks.connectivity import Connectivity, connectivity
from prunepipe.networks.initialisation import draw_normal
from prunepipe.networks.prunable import prunable
from prunepipe.networks.recording import Recording, record
from prunepipe.seeds import torch_generator

RECORDINGS = {name: record(build(), (CHANNELS, IMAGE_SIZE, IMAGE_SIZE)) for name, build in EXAMPLES.items()}
SEEDS = st.integers(0, 2**32 - 1)
DENSITIES = st.floats(0.02, 0.7)
SIZES = st.integers(1, 8)


@cache
def _example(name: str, size: int) -> tuple[nn.Module, Recording]:
    network = EXAMPLES[name](size)
    return network, record(network, (CHANNELS, size, size))


def _mask(recording: Recording, seed: int, density: float) -> Arrays:
    rng = np.random.default_rng(seed)
    return {name: rng.random(weight.shape) < density for name, weight in recording.weights.items()}


def _one_tap_mask(recording: Recording, seed: int, density: float) -> Arrays:
    """A mask that keeps weights at a single, random position of each layer's kernel."""
    rng = np.random.default_rng(seed)
    mask = {}
    for name, weight in recording.weights.items():
        taps = np.arange(np.prod(weight.shape[2:], dtype=int)).reshape(weight.shape[2:])
        mask[name] = (rng.random(weight.shape) < density) & (taps == rng.integers(taps.size))
    return mask


MASKS = st.sampled_from([_mask, _one_tap_mask])
MakeMask = Callable[[Recording, int, float], Arrays]


def _full(recording: Recording) -> Arrays:
    return {name: np.ones(weight.shape, dtype=bool) for name, weight in recording.weights.items()}


@pytest.mark.parametrize("name", FOLLOWED)
@settings(deadline=None, max_examples=50)
@given(size=SIZES, make_mask=MASKS, seed=SEEDS, density=DENSITIES)
def test_a_kept_weight_is_effective_if_and_only_if_the_output_feels_it(
    name: str, size: int, make_mask: MakeMask, seed: int, density: float
) -> None:
    network, recording = _example(name, size)
    mask = make_mask(recording, seed, density)
    found = connectivity(mask, recording)
    felt_by, alive, total = gradients(positive_twin(network, mask), size, size)
    felt = {layer: int(((felt_by[layer] > 0).numpy() & mask[layer]).sum()) for layer in felt_by}
    units = {name: len(weight) for name, weight in recording.weights.items()}
    assert found.effective == dict.fromkeys(mask, 0) | felt
    assert found.dead_units == units | {layer: int((~alive[layer]).sum()) for layer in alive}
    assert found.collapsed == (total == 0)


@settings(deadline=None, max_examples=100)
@given(size=SIZES, make_mask=MASKS, seed=SEEDS, density=DENSITIES)
def test_no_weight_that_the_output_feels_is_called_cut_off(
    size: int, make_mask: MakeMask, seed: int, density: float
) -> None:
    network, recording = _example("unfollowed", size)
    mask = make_mask(recording, seed, density)
    found = connectivity(mask, recording)
    felt_by, _, total = gradients(positive_twin(network, mask), size, size)
    for layer, gradient in felt_by.items():
        assert ((gradient > 0).numpy() & mask[layer]).sum() <= found.effective[layer] <= mask[layer].sum()
    assert total == 0 or not found.collapsed


@pytest.mark.parametrize("name", EXAMPLES)
@settings(deadline=None, max_examples=40)
@given(seed=SEEDS, density=DENSITIES, further=st.floats(0.3, 1.0))
def test_pruning_more_never_opens_a_path(name: str, seed: int, density: float, further: float) -> None:
    mask = _mask(RECORDINGS[name], seed, density)
    other = _mask(RECORDINGS[name], seed + 1, further)
    more = connectivity(mask, RECORDINGS[name])
    less = connectivity({layer: mask[layer] & other[layer] for layer in mask}, RECORDINGS[name])
    assert all(less.effective[layer] <= more.effective[layer] for layer in mask)
    assert all(less.dead_units[layer] >= more.dead_units[layer] for layer in mask)
    assert less.collapsed or not more.collapsed


@pytest.mark.parametrize("name", EXAMPLES)
@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, density=st.floats(0.02, 0.3))
def test_collapse_means_that_nothing_is_effective(name: str, seed: int, density: float) -> None:
    found = connectivity(_mask(RECORDINGS[name], seed, density), RECORDINGS[name])
    assert found.collapsed == (sum(found.effective.values()) == 0)


def _wipe(layer: str) -> Callable[[Arrays], None]:
    return lambda mask: mask[layer].fill(False)


def _only_corners(*layers: str) -> Callable[[Arrays], None]:
    """Keep the first tap of these layers: after two of them on a 2x2 map all that arrives is padding."""

    def prune(mask: Arrays) -> None:
        for layer in layers:
            mask[layer].reshape(*mask[layer].shape[:2], -1)[:, :, 1:] = False

    return prune


COLLAPSES = {
    "vgg without a layer": (tiny_vgg, 8, _wipe("features.8.weight")),
    "resnet without a layer": (tiny_resnet, 8, _wipe("conv1.weight")),
    "vgg that leads into padding": (unpooled_vgg, 2, _only_corners("features.3.weight", "features.6.weight")),
    "resnet that leads into padding": (
        tiny_resnet, 2, _only_corners("conv1.weight", "layer1.0.conv1.weight", "layer2.0.conv1.weight")
    ),
}  # fmt: skip


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", COLLAPSES)
def test_a_collapsed_network_is_a_constant(case: str, training: bool) -> None:
    build, size, prune = COLLAPSES[case]
    network = build(size)
    draw_normal(network, fan="fan_in", generator=torch_generator(0, "init"))
    recording = record(network, (CHANNELS, size, size))
    for parameter in network.parameters():  # biases and shifts too, which start no path
        parameter.data.add_(0.1)
    mask = _full(recording)
    assert not connectivity(mask, recording).collapsed
    prune(mask)
    with torch.no_grad():
        for layer, weight in prunable(network).items():
            weight.mul_(torch.from_numpy(mask[layer]))
    logits = network.train(training)(torch.randn(6, CHANNELS, size, size, generator=torch_generator(1)))
    assert connectivity(mask, recording).collapsed
    torch.testing.assert_close(logits, logits[:1].expand_as(logits), rtol=0, atol=0)


def test_weights_that_lead_into_padding_only_are_not_effective() -> None:
    """The first of two corners reads the image; the second passes on nothing but the border."""
    recording = record(unpooled_vgg(2), (CHANNELS, 2, 2))
    mask = _full(recording)
    _only_corners("features.3.weight", "features.6.weight")(mask)
    found = connectivity(mask, recording)
    assert set(found.effective.values()) == {0}
    mask["features.6.weight"][0, 1, 2, 2] = True  # from channel 1, back to where the image was
    found = connectivity(mask, recording)
    assert found.effective == {
        "features.0.weight": 4 * 3 * CHANNELS,  # of nine taps, four meet pixels around pixel (0, 0)
        "features.3.weight": 3,
        "features.6.weight": 1,
        "classifier.weight": CLASSES,
    }
    assert found.dead_units["features.3.weight"] == 3


@pytest.mark.parametrize("name", EXAMPLES)
def test_empty_masks_leave_nothing(name: str) -> None:
    recording = RECORDINGS[name]
    found = connectivity({layer: ~array for layer, array in _full(recording).items()}, recording)
    dead = {name: len(weight) for name, weight in recording.weights.items()}
    assert found == Connectivity(dict.fromkeys(dead, 0), dead, collapsed=True, unreachable_outputs=CLASSES)


def test_shortcuts_bridge_a_wiped_block_and_nothing_else_does() -> None:
    recording = RECORDINGS["resnet"]
    mask = _full(recording)
    mask["layer2.0.conv1.weight"][:] = False
    found = connectivity(mask, recording)
    assert not found.collapsed
    assert found.effective["layer2.0.conv2.weight"] == 0
    assert found.dead_units["layer2.0.conv1.weight"] == 3
    mask["layer2.0.downsample.0.weight"][:] = False
    assert connectivity(mask, recording).collapsed


def test_layer_called_twice_is_effective_where_either_call_is() -> None:
    recording = RECORDINGS["shared layer"]
    mask = _full(recording)
    mask["stem.weight"][1:] = False  # the first call reads channel 0 only
    mask["again.weight"][1:] = False  # and leads to channel 0 only, which is what the second call reads
    mask["head.weight"][:, 1:] = False
    found = connectivity(mask, recording)
    assert found.effective["again.weight"] == 9  # channel 0 to channel 0: nine taps at the first call
    assert found.dead_units["again.weight"] == 2
    assert (found.effective["never.weight"], found.dead_units["never.weight"]) == (0, 3)
