"""GraSP against the explicit Hessian, and its options."""

import copy
from collections.abc import Callable

import pytest
import torch
from small_networks import random_batch, score, seeded, smooth_network, stream
from torch import nn
from torch.nn.functional import cross_entropy

from prunepipe.errors import ConfigError, ScoreError
from prunepipe.networks.prunable import prunable
from prunepipe.pruning.scores.contract import Scores
from prunepipe.pruning.scores.grasp import grasp
from prunepipe.pruning.scores.snip import snip


def flat(tensors: Scores) -> torch.Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors.values()])


def explicit_grasp(network: nn.Module, parts: list, temperature: float) -> torch.Tensor:
    """Return w * H g from the whole Hessian matrix of the prunable weights."""
    weights = prunable(network)
    sizes = [weight.numel() for weight in weights.values()]

    def total(vector: torch.Tensor) -> torch.Tensor:
        pieces = zip(weights.items(), vector.split(sizes), strict=True)
        values = {name: piece.view_as(weight) for (name, weight), piece in pieces}
        moved = copy.deepcopy(network).train()
        logits = [torch.func.functional_call(moved, values, images) / temperature for images, _ in parts]
        return sum(cross_entropy(part, labels) for part, (_, labels) in zip(logits, parts, strict=True))

    vector = flat(weights)
    gradient = torch.autograd.functional.jacobian(total, vector)
    return vector * (torch.autograd.functional.hessian(total, vector) @ gradient)


@pytest.mark.parametrize("count", [2, 3])
def test_a_half_of_one_image_is_refused_where_batch_norm_cannot_use_it(count: int) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    batch = torch.rand(count, 1, 2, 2), torch.arange(count) % 2
    with pytest.raises(
        ScoreError, match=r"grasp: half of a batch is one image.*raise scoring.images_per_class"
    ):
        grasp(network, [batch], cross_entropy, generator=stream())


@pytest.mark.parametrize("halves", ["first_last", "interleaved"])
@pytest.mark.parametrize("temperature", [200.0, 1.0])
def test_grasp_is_the_weight_times_the_explicit_hessian_times_the_gradient(
    halves: str, temperature: float
) -> None:
    network = seeded(smooth_network())
    images, labels = random_batch(8, 2, 4)
    where = {
        "first_last": [slice(0, 4), slice(4, 8)],
        "interleaved": [slice(0, 8, 2), slice(1, 8, 2)],
    }[halves]
    expected = explicit_grasp(network, [(images[part], labels[part]) for part in where], temperature)
    scores = flat(score(grasp, network, [(images, labels)], halves=halves, temperature=temperature))
    torch.testing.assert_close(scores, expected, rtol=1e-9, atol=1e-12 * float(expected.abs().max()))
    assert (scores < 0).any()
    assert (scores > 0).any()


def test_grasp_sums_over_batches_before_it_multiplies() -> None:
    network = seeded(smooth_network())
    parts = [random_batch(3, 2, 4, seed=seed) for seed in range(4)]
    batches = [
        tuple(map(torch.cat, zip(*parts[:2], strict=True))),
        tuple(map(torch.cat, zip(*parts[2:], strict=True))),
    ]
    expected = explicit_grasp(network, parts, 200.0)
    torch.testing.assert_close(flat(score(grasp, network, batches)), expected, rtol=1e-9, atol=0)


def test_grasp_defaults_are_the_golden_ones_and_halves_matter() -> None:
    network, batches = seeded(smooth_network()), [random_batch(8, 2, 4)]
    default = flat(score(grasp, network, batches))
    explicit = score(grasp, network, batches, temperature=200.0, halves="first_last", redraw_linear=False)
    assert torch.equal(default, flat(explicit))
    assert not torch.allclose(
        default, flat(score(grasp, network, batches, halves="interleaved")), rtol=1e-2, atol=0
    )


@pytest.mark.parametrize("method", [grasp, snip])
def test_linear_weights_are_redrawn_from_the_generator_only_when_told(method: Callable[..., Scores]) -> None:
    network, batches = seeded(smooth_network()), [random_batch(8, 2, 4)]
    kept = [flat(score(method, network, batches, seed)) for seed in (0, 1)]
    redrawn = [flat(score(method, network, batches, seed, redraw_linear=True)) for seed in (0, 0, 1)]
    assert torch.equal(*kept)
    assert torch.equal(redrawn[0], redrawn[1])
    assert not torch.equal(redrawn[0], redrawn[2])
    by_hand = copy.deepcopy(network)
    by_hand[5].weight.data = nn.init.xavier_normal_(torch.empty(3, 12), generator=stream(0)).double()
    assert torch.equal(redrawn[0], flat(score(method, by_hand, batches)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "grasp: temperature: got 0.0; it should be greater than 0"),
        ({"halves": "interleave"}, "halves: got 'interleave'; it should be 'first_last' or 'interleaved'"),
    ],
)
def test_grasp_refuses_impossible_options(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        score(grasp, seeded(smooth_network()), [random_batch(8, 2, 4)], **options)


def test_grasp_refuses_a_batch_that_has_no_halves() -> None:
    with pytest.raises(ScoreError, match="a batch holds 1 image and cannot be halved"):
        score(grasp, seeded(smooth_network()), [random_batch(1, 2, 4)])
