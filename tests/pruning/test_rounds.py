"""Scoring a network: the contract enforced, and iterative rounds."""

from math import floor

import numpy as np
import pytest
import torch
from small_networks import Mixed, make_structure, random_batch, seeded
from torch import nn
from torch.nn.functional import cross_entropy

from prunepipe.artifacts import Arrays
from prunepipe.errors import ScoreError
from prunepipe.networks.prunable import prunable
from prunepipe.pruning.allocations.scored import global_
from prunepipe.pruning.masks import select
from prunepipe.pruning.rounds import Rounds, blank_batches, score_network
from prunepipe.pruning.scores.enforcing import Scorer
from prunepipe.pruning.scores.magnitude import magnitude
from prunepipe.pruning.scores.snip import snip
from prunepipe.pruning.scores.synflow import synflow

BATCHES = [random_batch(4)]


def run(function, network: nn.Module, batches=BATCHES, seed: int = 0, options=None, **arguments) -> Arrays:
    generator = torch.Generator().manual_seed(seed)
    scorer = Scorer(function, "score of the test", options or {})
    return score_network(network, scorer, batches, cross_entropy, generator=generator, **arguments)


def altered(change):
    """Return a magnitude score whose result is changed before it is handed over."""

    def score(network, batches, loss, *, generator):
        scores = magnitude(network, batches, loss, generator=generator)
        change(scores)
        return scores

    return score


# The contract


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("twice.weight"), "no scores for layer 'twice.weight'"),
        (
            lambda s: s.update({"nowhere.weight": torch.ones(6)}),
            "scores for 'nowhere.weight', which is not a prunable weight",
        ),
        (
            lambda s: s.update({"head.weight": torch.ones(5, 3)}),
            r"'head.weight' has shape \(5, 3\), must be \(3, 5\)",
        ),
        (
            lambda s: s.update({"head.weight": torch.ones(3, 5) + 0j}),
            "'head.weight' has type torch.complex64, must be",
        ),
        (
            lambda s: s["head.weight"][0].fill_(torch.nan),
            "'head.weight' has 5 scores that are NaN or infinite",
        ),
        (
            lambda s: s["head.weight"][0, 0].fill_(-torch.inf),
            "'head.weight' has 1 scores that are NaN or infinite",
        ),
    ],
)
def test_scores_that_break_the_contract_are_refused_by_name(change, message: str) -> None:
    with pytest.raises(ScoreError, match=rf"score of the test: .*{message}"):
        run(altered(change), Mixed())


@pytest.mark.parametrize("external", [False, True])
def test_a_score_may_change_its_network_in_any_way_and_ours_stays(external: bool) -> None:
    def meddling(network, batches, loss, *, generator):
        scores = magnitude(network, batches, loss, generator=generator)
        network(batches[0][0]).sum().backward()
        network.head.weight.data.mul_(2)
        network.norm.eval()
        network.head.requires_grad_(False)
        network.add_module("more", nn.Linear(1, 1))
        return scores

    network = seeded(Mixed()).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    scorer = Scorer(meddling, "meddling", external=external, check_determinism=True)
    score_network(network, scorer, BATCHES, cross_entropy, generator=torch.Generator())
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
    assert network.norm.training


def test_scores_come_in_module_order_whatever_the_order_of_the_score() -> None:
    def backwards(network, batches, loss, *, generator):
        scores = magnitude(network, batches, loss, generator=generator)
        return dict(reversed(scores.items()))

    assert list(run(backwards, Mixed())) == list(prunable(Mixed()))


def test_options_reach_the_score() -> None:
    def scaled(network, batches, loss, *, generator, factor=1.0):
        return {
            name: layer * factor
            for name, layer in magnitude(network, batches, loss, generator=generator).items()
        }

    network = Mixed()
    assert np.array_equal(
        run(scaled, network, options={"factor": 3.0})["head.weight"],
        3 * run(magnitude, network)["head.weight"],
    )


def test_dropout_follows_the_generator_and_the_global_stream_is_as_it_was() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(108, 40), nn.Dropout(), nn.Linear(40, 3)).double()
    before = torch.get_rng_state()
    first, again, other = (run(snip, network, seed=seed)["1.weight"] for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


# Rounds


def allocate(network: nn.Module):
    layers = [("conv", tuple(weight.shape)) for weight in prunable(network).values()]
    structure = make_structure(*layers)
    names = dict(zip([layer.name for layer in structure.layers], prunable(network), strict=True))

    def by_layer(scores: Arrays, kept: int) -> dict[str, int]:
        renamed = {short: scores[name] for short, name in names.items()}
        return {names[short]: count for short, count in global_(renamed, structure, kept).items()}

    return by_layer


def test_rounds_follow_an_exponential_schedule_and_leave_the_last_cut_to_selection() -> None:
    network, seen = seeded(Mixed()), []

    def counting(network, batches, loss, *, generator):
        seen.append(sum(int(weight.count_nonzero()) for weight in prunable(network).values()))
        return magnitude(network, batches, loss, generator=generator)

    size = sum(weight.numel() for weight in prunable(network).values())
    scores = run(counting, network, rounds=Rounds(5, 0.1, allocate(network)))
    schedule = [floor(size * 0.1 ** (r / 5)) for r in range(5)]
    assert seen == schedule
    assert sum(int(np.isfinite(layer).sum()) for layer in scores.values()) == schedule[-1]
    assert all(np.isneginf(layer[~np.isfinite(layer)]).all() for layer in scores.values())
    assert all(
        bool(weight.all()) for weight in prunable(network).values()
    )  # the network itself is not pruned


def test_rounds_change_nothing_for_a_score_that_does_not_see_what_was_pruned() -> None:
    network = seeded(Mixed())
    once = run(magnitude, network)
    rounds = run(magnitude, network, rounds=Rounds(7, 0.2, allocate(network)))
    kept = allocate(network)(once, 100)
    assert allocate(network)(rounds, 100) == kept
    for name, layer in select(rounds, kept).items():
        assert np.array_equal(layer, select(once, kept)[name])


def test_a_share_that_rounds_down_and_up_again_does_not_end_the_rounds() -> None:
    network = seeded(Mixed())
    first, *_ = prunable(network)

    def wavering(
        scores: Arrays, kept: int
    ) -> dict[str, int]:  # of 117 weights 4 in the first layer, before only 3
        return dict.fromkeys(scores, 0) | {first: 4 if kept == 117 else 3}

    scores = run(magnitude, network, rounds=Rounds(3, 0.2, wavering))
    assert select(scores, wavering(scores, 117))[first].sum() == 4


def test_a_weight_once_pruned_never_returns() -> None:
    def fickle(network, batches, loss, *, generator):  # likes best what was pruned
        return {name: -weight.detach().abs() for name, weight in prunable(network).items()}

    network = seeded(Mixed())
    scores = run(fickle, network, rounds=Rounds(2, 0.25, allocate(network)))
    cut = np.concatenate([weight.detach().abs().numpy().ravel() for weight in prunable(network).values()])
    pruned = np.concatenate([np.isneginf(layer).ravel() for layer in scores.values()])
    assert cut[pruned].min() > cut[~pruned].max()


def test_synflow_in_rounds_keeps_a_path_where_one_round_breaks_it() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.Conv2d(16, 64, 3), nn.Conv2d(64, 4, 3), nn.Flatten(), nn.Linear(16, 3)
    ).requires_grad_(True)
    batches, kept = blank_batches(3, 8, 8), 60
    density = kept / sum(weight.numel() for weight in prunable(network).values())
    spread = [
        allocate(network)(
            run(synflow, network, batches, rounds=Rounds(number, density, allocate(network))), kept
        )
        for number in (1, 100)
    ]
    assert min(spread[0].values()) == 0
    assert min(spread[1].values()) > 0
