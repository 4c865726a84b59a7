"""Bound the memory that jobs need, from the shapes of data set and network, so that no cluster kills them for it.

The bounds lie above the measured peaks in docs/benchmarks.md, "Memory of scores". Where shapes are unknown, as those
of the user's own network, and where the bound is lower, jobs ask for a default.
"""

from __future__ import annotations

from math import ceil, prod

from prunepipe.datasets.memory import COPIES
from prunepipe.datasets.rows import Facts
from prunepipe.networks.structure import Layer
from prunepipe.planning.storage import dataset_bytes
from prunepipe.study.feasibility import facts_of, given_facts, layers_of
from prunepipe.study.study import Study
from prunepipe.study.ticket import Ticket

DEFAULT, DEFAULT_PREPARING, DEFAULT_INITIALISING = 4000, 3000, 2000
"""Megabytes of a job that scores or trains, prepares a data set, or draws initial weights; no job asks for less."""

PROCESS = 1_300_000_000
"""Bytes of a process with torch, and of temporary results whose size has a limit."""
CUDA = 3_000_000_000
"""Bytes of CUDA's libraries in the memory of the host. Assumed, not measured."""
PLAIN_PROCESS = 300_000_000
"""Bytes of a process without torch."""

PER_WEIGHT = 80
"""Bytes for each weight: copies of the network, gradients, the optimizer's state, scores, the file to write."""
PER_SNAPSHOT = 8
"""Bytes for each weight and epoch to rewind to: kept, and written to the checkpoint."""
KEPT = 5
"""Numbers for each output of a layer that are held at once for an image of a batch; GraSP, which differentiates twice,
holds up to 4.7 (ResNet32)."""
TESTED, TESTED_KEPT = 500, 3
"""Images that are tested at once, and numbers held for each output of the widest layer."""
READ = 2
"""Times that a data set is in memory: as mapped file and as arrays, later as arrays and as copies that a check made."""


def score_megabytes(study: Study, device: str, dataset: str, network: str, ticket: str) -> int:
    """Return the memory to ask for to score a network, in megabytes.

    A batch passes through the network as a whole, since BatchNorm takes its statistics from it, so memory grows with
    the images of a batch: images per class x classes.

    Args:
        study: a validated study.
        device: of the site: "auto", "cpu" or "cuda".
        dataset, network, ticket: keys of the study.
    """
    known = _shapes(study, dataset, network)
    if known is None:
        return DEFAULT
    facts, maps = known
    # In float64 on a CPU, a convolution first copies what each of its positions reads.
    numbers = KEPT * sum(_outputs(*layer) for layer in maps) + max(_patches(*layer) for layer in maps)
    images = 8 * numbers * _images_at_once(study, network, study.tickets[ticket], facts.classes)
    return _megabytes(DEFAULT, PROCESS, _held(study, *known), _on(device, images))


def training_megabytes(study: Study, device: str, dataset: str, network: str) -> int:
    """Return the memory to ask for to train or retrain a network, in megabytes; the arguments are those of scoring."""
    known = _shapes(study, dataset, network)
    if known is None:
        return DEFAULT
    _, maps = known
    outputs = [_outputs(*layer) for layer in maps]
    images = 4 * max(study.recipe.batch_size * KEPT * sum(outputs), TESTED * TESTED_KEPT * max(outputs))
    snapshots = PER_SNAPSHOT * len(study.rewind_epochs) * _weights(maps)
    return _megabytes(DEFAULT, PROCESS, _held(study, *known), snapshots, _on(device, images))


def initialising_megabytes(study: Study, dataset: str, network: str) -> int:
    """Return the memory to ask for to draw the initial weights, in megabytes."""
    known = _shapes(study, dataset, network)
    if known is None:
        return DEFAULT_INITIALISING
    facts, maps = known
    return _megabytes(DEFAULT_INITIALISING, PROCESS, READ * _size(facts), PER_WEIGHT // 2 * _weights(maps))


def preparing_megabytes(study: Study, dataset: str) -> int:
    """Return the memory to ask for to prepare a data set, in megabytes; all of it is read before it is reduced."""
    facts = given_facts(study, dataset)
    return _megabytes(DEFAULT_PREPARING, PLAIN_PROCESS, 0 if facts is None else COPIES * _size(facts))


def _shapes(study: Study, dataset: str, network: str) -> tuple[Facts, list[tuple[Layer, int]]] | None:
    facts, maps = facts_of(study, dataset), layers_of(study, dataset, network)
    return None if facts is None or maps is None else (facts, maps)


def _images_at_once(study: Study, network: str, ticket: Ticket, classes: int) -> int:
    """Return the number of images that pass through the network together."""
    scoring, batch_size = study.scoring_of(network), study.recipe.batch_size
    by_reading = {"none": 1, "balanced": scoring.images_per_class * classes, "training_set": batch_size}
    return max(by_reading[ticket.reading], batch_size if "scoring" in ticket.refresh_batch_norm else 0)


def _held(study: Study, facts: Facts, maps: list[tuple[Layer, int]]) -> int:
    """Return the bytes of the data set, of its padded images, and of the network."""
    side = facts.image_size + 2 * study.recipe.augmentation.crop_padding
    padded = dataset_bytes(facts.channels, side, facts.train_images)
    return READ * _size(facts) + padded + PER_WEIGHT * _weights(maps)


def _size(facts: Facts) -> int:
    return dataset_bytes(facts.channels, facts.image_size, facts.train_images + facts.test_images)


def _weights(maps: list[tuple[Layer, int]]) -> int:
    return sum(layer.size for layer, _ in maps)


def _outputs(layer: Layer, side: int) -> int:
    return layer.shape[0] * side**2


def _patches(layer: Layer, side: int) -> int:
    return prod(layer.shape[1:]) * side**2 if layer.kind == "conv" else 0


def _on(device: str, images: int) -> int:
    """Return the bytes that differ between devices: a GPU holds the images itself, but needs CUDA's libraries."""
    return {"cpu": images, "cuda": CUDA}.get(device, max(images, CUDA))


def _megabytes(least: int, *parts: int) -> int:
    """Return a sum of bytes in megabytes, rounded up to hundreds, or the least if it is more."""
    return max(least, 100 * ceil(sum(parts) / 10**8))
