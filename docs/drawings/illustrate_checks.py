"""Draw what each check does, on real digits, a real layer and its real SNIP mask; writes docs/images/*.png.

Run `python docs/drawings/illustrate_checks.py` in the root of the repository; it takes seconds and trains nothing.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from prunepipe.artifacts import Arrays, write_json
from prunepipe.datasets import write_dataset
from prunepipe.datasets.corruptions import corrupted_data
from prunepipe.datasets.dataset import Dataset
from prunepipe.datasets.digits import load
from prunepipe.networks.structure import Structure
from prunepipe.pruning.allocations.scored import global_
from prunepipe.pruning.checks import apply_mask, invert, rearrange, reinit, shuffle_weights
from prunepipe.pruning.masks import kept_total, select
from prunepipe.results.layout import ANY_RATIO
from prunepipe.seeds import numpy_generator
from prunepipe.stages import settings as stage_settings
from prunepipe.stages.execution import Execution
from prunepipe.stages.initialising import initialise
from prunepipe.stages.scoring import score
from prunepipe.study.loading import load_study

IMAGES = Path(__file__).parent.parent / "images"
SEED = 0
PRUNE_RATIO = 0.95
KERNELS = "features.0.weight"
"""The first convolution: 16 kernels of 3 x 3, small enough to show every weight."""
MATRIX = "features.4.weight"
"""The second convolution: 32 x 16 kernels of 3 x 3, large enough to show a pattern."""
ABSENT = "#DADADA"
STYLE = {"font.family": "DejaVu Sans", "font.size": 8, "axes.titlesize": 8}


def main() -> None:
    """Compute the ticket once, and draw each figure from it."""
    dataset = load(Path())
    weights, fresh, scores, structure = quickstart_ticket(dataset)
    figures = {
        "data_check": draw_data(dataset),
        "kernels": draw_kernels(weights, fresh, scores, structure),
        "rearrange": draw_rearranged(scores, structure),
    }
    for name, figure in figures.items():
        FigureCanvasAgg(figure)
        # No software version in the file: the same drawing is the same bytes.
        figure.savefig(IMAGES / f"{name}.png", dpi=200, metadata={"Software": None})
        print(f"wrote docs/images/{name}.png")


def quickstart_ticket(dataset: Dataset) -> tuple[Arrays, Arrays, Arrays, Structure]:
    """Return initial weights, a second draw of them, the SNIP scores of the first, and the structure.

    They are those of the ticket `snip` in the quickstart study, made by the same stages.
    """
    study = load_study(Path("config/quickstart.yaml"))
    settings = stage_settings.score_settings(study, "vgg_digits", "snip", "clean", ANY_RATIO, SEED)
    with TemporaryDirectory() as folder:
        data, structure = Path(folder) / "digits.safetensors", Path(folder) / "structure.json"
        write_dataset(data, dataset, "digits")
        drawn = partial(stage_settings.initial_settings, study, "vgg_digits")
        weights, layers = initialise(str(data), drawn("init", SEED))
        fresh, _ = initialise(str(data), drawn("reinit", SEED))
        write_json(structure, layers.to_json())
        scores = score(str(data), str(structure), weights, settings, Execution())
    return weights, fresh, scores, layers


def mask_of(scores: Arrays, structure: Structure) -> Arrays:
    """Return the mask of a `snip` ticket: the globally highest scores."""
    return select(scores, global_(scores, structure, kept_total(structure.size, PRUNE_RATIO)))


def draw_kernels(weights: Arrays, fresh: Arrays, scores: Arrays, structure: Structure) -> Figure:
    """Draw the first layer's kernels under every check of mask, weights and scores."""
    mask = mask_of(scores, structure)
    moved = rearrange(mask, generator=numpy_generator(SEED, "check", "rearrange"))
    lowest = mask_of(invert(scores), structure)
    shuffled = shuffle_weights(
        weights, mask, fresh, generator=numpy_generator(SEED, "check", "shuffle_weights")
    )
    redrawn = reinit(weights, mask, fresh, generator=numpy_generator(SEED, "check", "reinit"))
    panels = {
        "no check": (weights, mask),
        "rearrange": (weights, moved),
        "shuffle_weights": (shuffled, mask),
        "reinit": (redrawn, mask),
        "invert": (weights, lowest),
    }
    explained = {
        "no check": "the ticket",
        "rearrange": "other places,\nthe weights there",
        "shuffle_weights": "same places,\nsame values, permuted",
        "reinit": "same places,\nvalues drawn anew",
        "invert": "the places with\nthe lowest scores",
    }
    limit = max(float(np.abs(state[KERNELS]).max()) for state, _ in panels.values())
    colours = Normalize(-limit, limit)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 2.45), facecolor="white")
        axes = figure.subplots(1, len(panels))
        figure.subplots_adjust(left=0.01, right=0.91, top=0.78, bottom=0.1, wspace=0.07)
        for axis, (name, (state, kept)) in zip(axes, panels.items(), strict=True):
            show_kernels(axis, apply_mask(state, kept)[KERNELS], kept[KERNELS], colours)
            axis.set_title(f"{explained[name]}", color="#444444", fontsize=7.5, pad=4)
            axis.text(0.5, 1.26, name, transform=axis.transAxes, ha="center", weight="bold", fontsize=8.5)
            axis.set_xlabel(f"{int(kept[KERNELS].sum())} of {kept[KERNELS].size} weights kept", fontsize=7.5)
        scale = figure.add_axes((0.925, 0.16, 0.011, 0.56))
        bar = figure.colorbar(ScalarMappable(colours, "PuOr"), cax=scale)
        bar.set_label("weight", fontsize=7.5)
        bar.ax.tick_params(labelsize=6.5)
    return figure


def show_kernels(axis: Axes, weights: np.ndarray, kept: np.ndarray, colours: Normalize) -> None:
    """Show 16 kernels of 3 x 3 as a 4 x 4 grid; pruned places are grey."""
    picture = np.ones((4 * 4 - 1, 4 * 4 - 1, 4))
    shades = mpl.colormaps["PuOr"](colours(weights))
    shades[~kept] = mpl.colors.to_rgba(ABSENT)
    for number, kernel in enumerate(shades[:, 0]):
        row, column = divmod(number, 4)
        picture[4 * row : 4 * row + 3, 4 * column : 4 * column + 3] = kernel
        corner = (4 * column - 0.5, 4 * row - 0.5)
        axis.add_patch(Rectangle(corner, 3, 3, fill=False, edgecolor="#777777", linewidth=0.5))
    axis.imshow(picture, interpolation="nearest")
    axis.set(xlim=(-0.7, 14.7), ylim=(14.7, -0.7))  # or the frames at the edge would be cut
    bare(axis)


def draw_rearranged(scores: Arrays, structure: Structure) -> Figure:
    """Draw the second layer's mask as a matrix, before and after rearrange, with the sums of its rows."""
    mask = mask_of(scores, structure)
    moved = rearrange(mask, generator=numpy_generator(SEED, "check", "rearrange"))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 4.1), facecolor="white")
        axes = figure.subplots(2, 2, width_ratios=(7, 1))
        figure.subplots_adjust(left=0.06, right=0.985, top=0.93, bottom=0.1, wspace=0.04, hspace=0.3)
        for row, name, layer in zip(
            axes, ("no check", "rearrange"), (mask[MATRIX], moved[MATRIX]), strict=True
        ):
            show_matrix(row[0], row[1], layer)
            row[0].set_title(
                f"{name}: {int(layer.sum())} of {layer.size:,} weights kept", loc="left", weight="bold"
            )
        axes[1][0].set_xlabel("input channel (9 weights of its kernel side by side)")
        axes[1][1].set_xlabel("kept in the row")
    return figure


def show_matrix(left: Axes, right: Axes, layer: np.ndarray) -> None:
    """Show a mask [out, in, 3, 3] as [out, 9 in] and the kept weights of each output channel."""
    outputs, inputs = layer.shape[:2]
    left.imshow(layer.reshape(outputs, -1), cmap=ListedColormap([ABSENT, "#0072B2"]), aspect="auto",
                interpolation="nearest")  # fmt: skip
    left.set_xticks(np.arange(inputs) * 9 + 4, np.arange(inputs) + 1, fontsize=6.5)
    left.set_yticks([0, outputs - 1], [1, outputs], fontsize=6.5)
    left.set_ylabel("output channel")
    for edge in range(1, inputs):
        left.axvline(9 * edge - 0.5, color="white", linewidth=0.8)
    right.barh(np.arange(outputs), layer.reshape(outputs, -1).sum(1), color="#0072B2", height=0.8)
    right.set(ylim=(outputs - 0.5, -0.5), yticks=[], xlim=(0, 80))
    right.spines[["top", "right"]].set_visible(False)
    right.tick_params(labelsize=6.5)


def draw_data(dataset: Dataset) -> Figure:
    """Draw ten training images, one a class, as they are and under corrupted_data."""
    images, labels = corrupted_data(
        dataset.train_images,
        dataset.train_labels,
        dataset.classes,
        generator=numpy_generator(SEED, "data check"),
    )
    rows = [int(np.flatnonzero(dataset.train_labels == label)[0]) for label in range(dataset.classes)]
    variants = {"clean": (dataset.train_images, dataset.train_labels), "corrupted_data": (images, labels)}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 2.15), facecolor="white")
        axes = figure.subplots(2, len(rows))
        figure.subplots_adjust(left=0.135, right=0.99, top=0.88, bottom=0.03, wspace=0.12, hspace=0.32)
        for line, (name, (shown, told)) in zip(axes, variants.items(), strict=True):
            for axis, row in zip(line, rows, strict=True):
                axis.imshow(shown[row, 0], cmap="gray_r", interpolation="nearest")
                axis.set_title(f"label {told[row]}", pad=2.5, fontsize=7.5)
                bare(axis)
            line[0].text(
                -0.25, 0.5, name, transform=line[0].transAxes, ha="right", va="center", weight="bold"
            )
    return figure


def bare(axis: Axes) -> None:
    """Take ticks and frame away."""
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


if __name__ == "__main__":
    sys.exit(main())
