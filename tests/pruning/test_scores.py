"""Scores: the battery over every one, the prunable weights, and the scores that need no oracle of their own."""

import copy
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_networks import NETWORKS, Mixed, random_batch, score, seeded, smooth_network, stream
from torch import nn
from torch.nn.functional import cross_entropy

from prunepipe.errors import ScoreError
from prunepipe.networks.prunable import prunable
from prunepipe.plugins import load_function
from prunepipe.pruning.rounds import score_network
from prunepipe.pruning.scores import SCORES
from prunepipe.pruning.scores.enforcing import Scorer
from prunepipe.pruning.scores.random import random
from prunepipe.pruning.scores.snip import snip

# The battery


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("name", SCORES)
def test_every_score_keeps_the_contract(name: str, network) -> None:
    built = network()
    first, *parameters = built.parameters()
    first.grad = torch.ones_like(first)  # a score must neither use nor lose gradients
    parameters[-1].requires_grad_(False)
    scorer = Scorer(load_function(SCORES[name].function), name)
    batches = [random_batch(6), random_batch(6, seed=1)]

    def scores(seed: int) -> dict[str, np.ndarray]:  # score_network refuses a changed network and wrong forms
        return score_network(built.eval(), scorer, batches, cross_entropy, generator=stream(seed))

    once = scores(0)
    assert list(once) == list(prunable(built))
    assert all(np.array_equal(once[layer], again) for layer, again in scores(0).items())
    assert all(layer.std() > 0 for layer in once.values())
    assert not any(np.shares_memory(once[n], w.detach().numpy()) for n, w in prunable(built).items())
    follows_seed = any(not np.array_equal(once[layer], other) for layer, other in scores(1).items())
    assert follows_seed == (name == "random")


@pytest.mark.parametrize("name", SCORES)
def test_every_score_names_the_data_it_reads_truly(name: str) -> None:
    row = SCORES[name]
    assert row.reads in ("none", "balanced", "training_set")
    assert row.rounds >= 1
    function, network = load_function(row.function), NETWORKS["mixed"]()
    first, second = (score(function, network, [random_batch(6, seed=seed)]) for seed in (0, 1))
    reads_data = any(not torch.equal(first[layer], second[layer]) for layer in first)
    assert reads_data == (row.reads != "none")


@pytest.mark.parametrize("name", [name for name, row in SCORES.items() if row.reads != "none"])
def test_scores_that_read_data_refuse_to_see_none(name: str) -> None:
    with pytest.raises(ScoreError, match="was given no batch of data"):
        score(load_function(SCORES[name].function), NETWORKS["mixed"](), [])


def test_scores_do_not_import_the_compiler() -> None:
    # torch._dynamo costs 4 CPU-seconds, in every one of hundreds of short jobs
    program = """
import sys
from dataclasses import replace
import prunepipe.pruning.scores, prunepipe.pruning.allocations, prunepipe.pruning.masks, prunepipe.pruning.checks
assert "torch" not in sys.modules
import torch
from torch.nn.functional import cross_entropy
from small_networks import Mixed, random_batch, seeded
from prunepipe.plugins import load_function
from prunepipe.pruning.rounds import score_network
from prunepipe.pruning.scores.enforcing import Scorer
for name, row in prunepipe.pruning.scores.SCORES.items():
    scorer = Scorer(load_function(row.function), name)
    score_network(seeded(Mixed()), scorer, [random_batch(4)], cross_entropy, generator=torch.Generator())
assert "torch._dynamo" not in sys.modules
"""
    folders = [path for path in sys.path if path]
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path += {folders!r}\n{program}"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr


# Prunable weights


def test_prunable_weights_come_in_module_order_without_biases_and_norms() -> None:
    assert list(prunable(Mixed())) == [
        "first.weight", "grouped.weight", "twice.weight", "pointwise.weight", "head.weight",
    ]  # fmt: skip
    assert list(prunable(nn.Linear(2, 3))) == ["weight"]


def test_networks_that_cannot_be_counted_are_refused() -> None:
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    with pytest.raises(ScoreError, match=r"'1.weight' and '0.weight' are one shared weight"):
        prunable(tied)
    with pytest.raises(ScoreError, match="BatchNorm2d has no weight of a convolution"):
        prunable(nn.BatchNorm2d(3))


# Random


def test_random_scores_are_uniform_without_ties() -> None:
    values = score(random, nn.Linear(300, 300), [])["weight"].flatten()
    assert values.unique().numel() == values.numel()
    edges = torch.histc(values, 10, 0, 1)
    assert (edges - 9000).abs().max() < 500  # 5 standard deviations are 450


# SNIP


def test_snip_is_the_slope_of_the_summed_loss_by_finite_differences() -> None:
    network, batches = seeded(smooth_network()), [random_batch(6, 2, 4), random_batch(5, 2, 4, seed=1)]
    scores = score(snip, network.eval(), batches)

    def loss_at(name: str, place: int, change: float) -> torch.Tensor:
        moved = copy.deepcopy(network).train()
        with torch.no_grad():
            prunable(moved)[name].view(-1)[place] += change
            return sum(cross_entropy(moved(images), labels) for images, labels in batches)

    for name, weight in prunable(network).items():
        for place in range(0, weight.numel(), 5):
            slope = (loss_at(name, place, 1e-5) - loss_at(name, place, -1e-5)) / 2e-5
            expected = (weight.detach().view(-1)[place] * slope).abs()
            assert scores[name].view(-1)[place] == pytest.approx(float(expected), rel=1e-5, abs=1e-9)


class Single(nn.Module):
    """Casts its images to float32, whatever its weights are."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(108, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(images.flatten(1).float())


@pytest.mark.parametrize("name", ["snip", "obd"])
def test_a_network_that_does_not_compute_in_float64_is_refused_with_the_way_out(name: str) -> None:
    scorer, batches = Scorer(load_function(SCORES[name].function), name), [random_batch(4)]
    with pytest.raises(ScoreError, match=r"does not compute in float64 .*score_options: \{dtype: float32\}"):
        score_network(Single(), scorer, batches, cross_entropy, generator=stream())
    single = replace(scorer, options={"dtype": "float32"})
    assert score_network(Single(), single, batches, cross_entropy, generator=stream())
