"""A plug-in as an installed package: one row each for a score, an allocation, a check, a network and a data set."""

from pathlib import Path

ROWS = """
from pydantic import Field

from prunepipe.api import (
    AllocationRow, CheckRow, DatasetRow, Facts, Layer, NetworkRow, Options, Reading, ScoreRow,
)


class PowerOptions(Options):
    power: float = Field(1.0, gt=0)


POWER = ScoreRow("plug.functions:power", PowerOptions, reads="none", dtype="float32")
HALVES = AllocationRow("plug.rows:halves", Options, reads_scores=False)
BLACKEN = CheckRow(
    "data", "plug.functions:blacken",
    {"initial": Reading("the pictures", "it uses the pictures", "it does not use the pictures", veto=True)},
    battery=True,
)
DOTS = NetworkRow("plug.functions:dots", layers="plug.rows:dots_layers", label="Dots")
SQUARES = DatasetRow("plug.functions:squares", Facts(1, 8, 2, 40, 20, 20, 10), label="Bright squares")


def dots_layers(name, channels, classes, image_size, width):
    filters = round(4 * width)
    convolution = Layer("convolution", "conv", (filters, channels, 3, 3))
    return [(convolution, image_size - 2), (Layer("linear", "linear", (classes, filters)), 1)]


def halves(scores, structure, kept_total):
    kept, left = {}, kept_total
    for number, layer in enumerate(structure.layers):
        rest = sum(other.size for other in structure.layers[number + 1 :])
        kept[layer.name] = max(min(layer.size, left // 2 if rest else left), left - rest)
        left -= kept[layer.name]
    return kept
"""
FUNCTIONS = """
import numpy as np
from torch import nn

from prunepipe.api import Dataset, prunable


def power(network, batches, loss, *, generator, power=1.0):
    return {name: weight.detach().abs() ** power for name, weight in prunable(network).items()}


def blacken(images, labels, classes, *, generator):
    return np.zeros_like(images), labels


def dots(*, channels, classes, image_size, width=1.0):
    filters = round(4 * width)
    return nn.Sequential(
        nn.Conv2d(channels, filters, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(filters, classes),
    )


def squares(folder):
    labels = np.arange(40) % 2
    images = np.repeat(labels.astype(np.uint8) * 200, 64).reshape(40, 1, 8, 8)
    return Dataset(images, labels, images[:20], labels[:20], 2, (0.4,), (0.4,))
"""
ENTRY_POINTS = """
[prunepipe.scores]
power = plug.rows:POWER
[prunepipe.allocations]
halves = plug.rows:HALVES
[prunepipe.checks]
blacken = plug.rows:BLACKEN
[prunepipe.networks]
dots = plug.rows:DOTS
[prunepipe.datasets]
squares = plug.rows:SQUARES
"""
STUDY = """
datasets: [squares]
networks: [dots]
recipe: {epochs: 2, learning_rate: 0.05}
tickets:
  mine: {scored: final, score: power, score_options: {power: 2}, allocation: halves, start: init}
checks: {initial: [blacken]}
prune_ratios: [0.5]
seeds: [0, 1]
tables: [initial_checks]
"""


def install(folder: Path) -> Path:
    """Write the package and its entry points, and return the folder that is to be searched for it."""
    package, metadata = folder / "plug", folder / "plug-1.0.dist-info"
    for made in (package, metadata):
        made.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "rows.py").write_text(ROWS)
    (package / "functions.py").write_text(FUNCTIONS)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder
