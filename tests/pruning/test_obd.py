"""OBD against a loop over single samples."""

import copy

import pytest
import torch
from small_networks import NETWORKS, random_batch, score
from torch import nn
from torch.nn.functional import cross_entropy

from prunepipe.networks.prunable import prunable
from prunepipe.pruning.scores.obd import obd


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_obd_squares_the_gradient_of_each_sample_by_itself(network) -> None:
    built, batches = network(), [random_batch(4), random_batch(3, seed=1)]
    scores = score(obd, built.train(), batches)
    alone = copy.deepcopy(built).eval()
    weights = prunable(alone)
    squares = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for images, labels in batches:
        for i in range(len(labels)):
            loss = cross_entropy(alone(images[i : i + 1]), labels[i : i + 1])
            for name, slope in zip(weights, torch.autograd.grad(loss, weights.values()), strict=True):
                squares[name] += slope**2
    for name, weight in weights.items():
        torch.testing.assert_close(scores[name], squares[name] / 7 * weight.detach() ** 2 / 2)


def test_obd_does_not_depend_on_how_samples_are_batched() -> None:
    network, (images, labels) = NETWORKS["mixed"](), random_batch(6)
    whole = score(obd, network, [(images, labels)])
    parts = score(obd, network, [(images[:1], labels[:1]), (images[1:], labels[1:])])
    for name in whole:
        torch.testing.assert_close(whole[name], parts[name])


def test_obd_sums_over_places_of_a_linear_layer_before_it_squares() -> None:
    torch.manual_seed(0)
    tokens = nn.Sequential(nn.Flatten(2), nn.Linear(4, 3), nn.Flatten(), nn.Linear(6, 3)).double()
    images, labels = random_batch(5, 2, 2)
    scores = score(obd, tokens, [(images, labels)])
    slopes = []
    for i in range(5):
        loss = cross_entropy(tokens(images[i : i + 1]), labels[i : i + 1])
        slopes.append(torch.autograd.grad(loss, tokens[1].weight)[0])
    expected = torch.stack(slopes).square().mean(0) * tokens[1].weight.detach() ** 2 / 2
    torch.testing.assert_close(scores["1.weight"], expected)


def test_obd_gives_zero_to_a_layer_that_is_not_used() -> None:
    network = NETWORKS["mixed"]()
    network.spare = nn.Linear(2, 2).double()
    scores = score(obd, network, [random_batch(3)])
    assert not scores["spare.weight"].any()
    assert scores["head.weight"].any()
