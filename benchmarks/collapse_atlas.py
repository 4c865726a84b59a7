"""Predict layer collapse from masks alone, at every point of a published study.

Run `python collapse_atlas.py --images DIR`.

Draws the initial weights of the networks of Tanaka et al. (NeurIPS 2020), scores them by the five methods of their
study, cuts masks at their 13 compressions and follows the paths through every mask. Nothing is trained. Writes one row
per mask to docs/collapse_atlas.csv, and from it, beside the published accuracies, docs/atlas.md and its figure.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from atlas_page import COMPRESSIONS, DOCS, MASKS, write_page
from PIL import Image
from torch import nn
from torch.nn import functional as F

from prunepipe.artifacts import Arrays, atomic_path
from prunepipe.datasets.image_folder import ImageFolder, list_images
from prunepipe.networks import NETWORKS
from prunepipe.networks.building import make_network
from prunepipe.networks.connectivity import connectivity
from prunepipe.networks.initialisation import initialise
from prunepipe.networks.prunable import prunable
from prunepipe.networks.recording import Recording, record
from prunepipe.networks.structure import Structure
from prunepipe.networks.tracing import trace
from prunepipe.pruning.allocations.scored import global_
from prunepipe.pruning.masks import select
from prunepipe.pruning.rounds import blank_batches
from prunepipe.pruning.scores.contract import Batch, Scores
from prunepipe.pruning.scores.enforcing import ScoreFunction
from prunepipe.pruning.scores.grasp import grasp
from prunepipe.pruning.scores.magnitude import magnitude
from prunepipe.pruning.scores.random import random
from prunepipe.pruning.scores.snip import snip
from prunepipe.pruning.scores.synflow import synflow
from prunepipe.seeds import torch_generator

SEEDS = {"vgg11_average_pool": range(3), "vgg16_average_pool": range(3), "resnet18": range(6)}
"""Draws of initial weights. ResNet18 has six, because the published study has it twice (see docs/atlas.md)."""

ROUNDS = 100
"""Rounds of SynFlow down to the last compression, as in the published study."""

IMAGE = (3, 32, 32)
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
"""Of CIFAR-10's channels, as in the published code."""

DRAW = ["network", "seed", "score"]
"""Columns of the table that name what is measured in one go."""


def main() -> None:
    """Measure what the table lacks, and write table, page and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--images", type=Path, required=True, help="CIFAR-10 as train/CLASS/* and test/CLASS/*"
    )
    images = list_images(parser.parse_args().images)
    torch.set_num_threads(1)
    known = set(table()[DRAW].itertuples(index=False, name=None))
    for score in SCORES:  # SynFlow, which takes longest, comes last
        for network, seeds in SEEDS.items():
            for seed in seeds:
                if (network, seed, score) not in known:
                    started = time.process_time()
                    add(pd.DataFrame(measured(network, seed, score, images)))
                    seconds = time.process_time() - started
                    print(f"{network}-{seed}-{score}: {seconds:.0f} CPU seconds", flush=True)
    write_page(DOCS)


def table() -> pd.DataFrame:
    """Return the masks that are measured already; delete rows to measure them again."""
    return pd.read_csv(MASKS) if MASKS.exists() else pd.DataFrame(columns=DRAW)


def add(rows: pd.DataFrame) -> None:
    """Add masks to the table, so that a run that was stopped continues after them."""
    ordered = pd.concat([table(), rows]).sort_values([*DRAW, "log10_compression"])
    with atomic_path(MASKS) as path:
        ordered.to_csv(path, index=False, lineterminator="\n")


def measured(name: str, seed: int, score: str, images: ImageFolder) -> Iterator[dict[str, object]]:
    """Yield one row per mask of one draw of initial weights, scored by one method."""
    network = make_network(NETWORKS[name].function, channels=3, classes=10, image_size=32)
    initialise(network, generator=torch_generator(seed, "init"))
    structure, recording = trace(network, IMAGE), record(network, IMAGE)
    generator = torch_generator(seed, "score")
    for compression, mask in SCORES[score](network, structure, seed, images, generator):
        place = {"network": name, "seed": seed, "score": score, "log10_compression": compression}
        yield {**place, **described(mask, recording)}


Masks = Iterator[tuple[float, Arrays]]


def of_weights(score: ScoreFunction, network: nn.Module, structure: Structure, *rest: Any) -> Masks:
    """Yield the masks of a score that reads no images."""
    scores = score(network, blank_batches(*IMAGE), F.cross_entropy, generator=rest[-1])
    yield from cuts(scores, structure)


def of_images(
    score: ScoreFunction, network: nn.Module, structure: Structure, seed: int, images: ImageFolder, *_: Any
) -> Masks:
    """Yield the masks of a score that reads images: 10 of each class."""
    batches = scoring_images(images, seed)
    scores = score(
        without_batch_norm(network), batches, F.cross_entropy, generator=torch.Generator(), dtype="float32"
    )
    yield from cuts(scores, structure)


def of_synflow(network: nn.Module, structure: Structure, *_: Any) -> Masks:
    """Yield SynFlow's masks on its way to the last compression; each round removes the same share of the weights."""
    weights = prunable(network)
    mask = {name: np.ones(weight.shape, bool) for name, weight in weights.items()}
    reached = 0.0
    yield reached, mask
    for number in range(1, ROUNDS + 1):
        flow = synflow(network, blank_batches(*IMAGE), F.cross_entropy, generator=torch.Generator())
        scores = {name: np.where(mask[name], value.numpy(), -np.inf) for name, value in flow.items()}
        before, reached = reached, COMPRESSIONS[-1] * number / ROUNDS
        for compression in COMPRESSIONS:
            if before < compression <= reached:
                yield compression, highest(scores, structure, compression)
        mask = highest(scores, structure, reached)
        for name, weight in weights.items():
            weight.data.mul_(torch.from_numpy(mask[name]))


SCORES: dict[str, Callable[..., Masks]] = {
    "magnitude_at_init": partial(of_weights, magnitude),
    "random": partial(of_weights, random),
    "snip": partial(of_images, snip),
    "grasp": partial(of_images, grasp),
    "synflow": of_synflow,
}
"""The methods of the published study."""


def cuts(scores: Scores, structure: Structure) -> Masks:
    """Yield the masks of one set of scores."""
    arrays = {name: value.detach().numpy() for name, value in scores.items()}
    for compression in COMPRESSIONS:
        yield compression, highest(arrays, structure, compression)


def highest(scores: Arrays, structure: Structure, compression: float) -> Arrays:
    """Keep the highest scores of the whole network: one weight in 10^compression."""
    kept = round(structure.size / 10**compression)
    return select(scores, global_(scores, structure, kept))


def without_batch_norm(network: nn.Module) -> nn.Module:
    """Return a copy that scores as in eval mode before any training, as the published code does.

    BatchNorm then divides by sqrt(1 + 1e-5), which changes no ranking by more than rounding.
    """
    plain = deepcopy(network)
    for name, module in list(plain.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            plain.set_submodule(name, nn.Identity())
    return plain


def scoring_images(images: ImageFolder, seed: int) -> list[Batch]:
    """Draw 10 training images of each class, normalised."""
    generator = torch_generator(seed, "score images")
    labels = np.array(images.train_labels)
    order = torch.randperm(len(labels), generator=generator).numpy()
    drawn = np.concatenate([order[labels[order] == label][:10] for label in range(len(images.classes))])
    pixels = np.stack([np.asarray(Image.open(images.root / images.train[place])) for place in drawn])
    values = (pixels / 255 - np.array(MEAN)) / np.array(STD)  # [N, H, W, C]
    return [(torch.from_numpy(values).permute(0, 3, 1, 2).float(), torch.from_numpy(labels[drawn]))]


def described(mask: Arrays, recording: Recording) -> dict[str, object]:
    """Return what a mask leaves of a network."""
    paths = connectivity(mask, recording)
    kept = {name: int(layer.sum()) for name, layer in mask.items()}
    living = {name: len(layer) - paths.dead_units[name] for name, layer in mask.items()}
    return {
        "kept": sum(kept.values()),
        "effective": sum(paths.effective.values()),
        "collapsed": paths.collapsed,
        "unreachable_classes": paths.unreachable_outputs,
        "kept_by_layer": " ".join(map(str, kept.values())),
        "living_channels_by_layer": " ".join(map(str, living.values())),
    }


if __name__ == "__main__":
    main()
