"""What rounding does to masks: scores in float32 are the reference's, in float64 they are those of every processor."""

from functools import partial

import numpy as np
import pytest
import torch
from test_golden import RATIOS, golden_network
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from prunepipe.artifacts import Arrays
from prunepipe.networks import NETWORKS
from prunepipe.networks.building import make_network
from prunepipe.networks.initialisation import initialise
from prunepipe.networks.prunable import prunable
from prunepipe.plugins import load_function
from prunepipe.pruning.masks import kept_total
from prunepipe.pruning.rounds import score_network
from prunepipe.pruning.scores import SCORES
from prunepipe.pruning.scores.contract import Batch
from prunepipe.pruning.scores.enforcing import Scorer

OTHERS = {"vgg11": 0.25, "vgg13": 0.125, "resnet8": 0.5, "resnet20": 0.25}
"""Networks by name, with their width."""


def drawn(name: str) -> tuple[nn.Module, Batch]:
    network = make_network(
        NETWORKS[name].function, channels=3, classes=10, image_size=32, options={"width": OTHERS[name]}
    )
    stream = torch.Generator().manual_seed(0)
    initialise(network, generator=stream)
    return network, (torch.randn(40, 3, 32, 32, generator=stream), torch.arange(40) // 4)


def reference_snip(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """The slope of the loss over masks of ones that multiply the weights, in float32."""
    masks = {name: torch.ones_like(weight, requires_grad=True) for name, weight in prunable(network).items()}
    masked = {name: prunable(network)[name].detach() * mask for name, mask in masks.items()}
    loss = cross_entropy(functional_call(network.train(), masked, (batch[0],)), batch[1])
    return dict(zip(masks, (slope.abs() for slope in torch.autograd.grad(loss, masks.values())), strict=True))


def reference_grasp(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Gradients of both halves, then one backward pass through each half's gradient, in float32."""
    weights, halves = prunable(network.train()), zip(*(part.chunk(2) for part in batch), strict=True)
    losses = [cross_entropy(network(images) / 200, labels) for images, labels in halves]
    slopes = [torch.autograd.grad(loss, weights.values(), create_graph=True) for loss in losses]
    totals = [sum(parts).detach() for parts in zip(*slopes, strict=True)]
    for weight in weights.values():
        weight.grad = None
    for half in slopes:
        sum((total * slope).sum() for total, slope in zip(totals, half, strict=True)).backward()
    return {name: weight.detach() * weight.grad for name, weight in weights.items()}


def scores_of(name: str, network: nn.Module, batch: Batch, **options: str) -> Arrays:
    scorer = Scorer(load_function(SCORES[name].function), name, options)
    return score_network(network, scorer, [batch], cross_entropy, generator=torch.Generator())


def kept(scores: Arrays, prune_ratio: float) -> set[int]:
    flat = np.concatenate([layer.ravel() for layer in scores.values()])
    return set(np.argsort(-flat, kind="stable")[: kept_total(flat.size, prune_ratio)].tolist())


def differing(first: Arrays, second: Arrays) -> list[int]:
    """Weights that only one of two global masks keeps, at each ratio."""
    return [len(kept(first, ratio) - kept(second, ratio)) for ratio in RATIOS]


@pytest.mark.parametrize("network", OTHERS)
@pytest.mark.parametrize(
    ("name", "reference", "most"), [("snip", reference_snip, 1), ("grasp", reference_grasp, 2)]
)
def test_float32_keeps_the_weights_of_the_reference(name: str, reference, most: int, network: str) -> None:
    built, batch = drawn(network)
    ours = scores_of(name, built, batch, dtype="float32")
    theirs = {layer: scores.detach().numpy() for layer, scores in reference(built, batch).items()}
    assert max(differing(ours, theirs)) <= most


def round_otherwise(network: nn.Module, seed: int) -> nn.Module:
    """Let every result and every slope differ by the last digit, as another processor's would."""
    stream = torch.Generator().manual_seed(seed)

    def blur(values: Tensor) -> Tensor:
        steps = torch.randint(-1, 2, values.shape, generator=stream)
        return values * (1 + torch.finfo(values.dtype).eps * steps)

    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        blurred = blur(output)
        if blurred.requires_grad:
            blurred.register_hook(blur)
        return blurred

    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(hook)
    return network


def golden_images() -> tuple[nn.Module, Batch]:
    network, (images, labels) = golden_network("init")
    return network, (images[::2], labels[::2])


@pytest.mark.parametrize(
    ("name", "build"),
    [("snip", golden_images), ("snip", partial(drawn, "resnet20")), ("grasp", partial(drawn, "resnet20"))],
    ids=["snip-golden", "snip-resnet20", "grasp-resnet20"],
)
def test_float64_masks_do_not_depend_on_how_a_processor_rounds(name: str, build) -> None:
    (network, batch), (twin, _) = build(), build()
    round_otherwise(twin, seed=1)
    assert differing(*(scores_of(name, each, batch) for each in (network, twin))) == [0, 0, 0]
    single = differing(*(scores_of(name, each, batch, dtype="float32") for each in (network, twin)))
    assert sum(single) > 0  # or the rounding would be too small to matter
