"""Compare predicted with published layer collapse: write docs/atlas.md and its figure from docs/collapse_atlas.csv."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from prunepipe.reports.plots.style import BLUE, VERMILLION, YELLOW, save_figure, styled
from prunepipe.results.labels import ticket_label

COMPRESSIONS = tuple(quarter / 4 for quarter in range(13))
"""Base-10 logarithms of size / kept weights."""

AT_CHANCE = 10.9
"""Percent. Chance is 10 %; with 10,000 test images, three standard errors above it are 10.9 %."""

DOCS = Path(__file__).parents[1] / "docs"
MASKS = DOCS / "collapse_atlas.csv"
FIGURE = DOCS / "images" / "collapse_atlas.png"


class Twin(NamedTuple):
    """A network of the published study, and what stands for it here."""

    published: str
    label: str
    network: str
    seeds: tuple[int, ...]


TWINS = (
    Twin("lottery_vgg11_bn", "VGG11", "vgg11_average_pool", (0, 1, 2)),
    Twin("lottery_vgg16_bn", "VGG16", "vgg16_average_pool", (0, 1, 2)),
    Twin("tiny_resnet18", "ResNet18", "resnet18", (0, 1, 2)),
    Twin("tiny_wide_resnet18", "“Wide” ResNet18", "resnet18", (3, 4, 5)),
)
SCORES = ("magnitude_at_init", "random", "snip", "grasp", "synflow")
KINDS = {
    "sound": ("path left, above chance", "#DDDDDD"),
    "predicted": ("no path, at chance", BLUE),
    "missed": ("path left, but at chance", VERMILLION),
    "false": ("no path, but above chance", YELLOW),
}


def published() -> pd.DataFrame:
    """Return the published accuracies on CIFAR-10: one row per network, score and compression."""
    with (files("prunepipe") / "data" / "published_synflow.csv").open(encoding="utf-8") as file:
        numbers = pd.read_csv(file)
    return numbers[numbers["dataset"] == "cifar10"].rename(columns={"pruner": "score"})


def cells(masks: pd.DataFrame) -> pd.DataFrame:
    """Count, per published cell, the runs of each kind.

    Seeds are not shared with the published study, so runs are matched by number: of three runs at chance and two masks
    without a path, two are predicted and one is missed.

    Args:
        masks: one row per mask, from collapse_atlas.csv.
    Returns:
        One row per network, score and compression: the counts KINDS, the published accuracies, and the smallest number
        of living channels, of weights on a path and of reachable classes among the masks that have a path.
    """
    rows = []
    by_cell = dict(list(masks.groupby(["network", "score", "log10_compression"])))
    for row in published().itertuples():
        twin = next(twin for twin in TWINS if twin.published == row.network)
        here = by_cell.get((twin.network, row.score, row.log10_compression), masks[:0])
        here = here[here["seed"].isin(twin.seeds)]
        if len(here) < len(twin.seeds):
            continue  # not measured yet
        accuracies = (row.accuracy_1, row.accuracy_2, row.accuracy_3)
        rows.append(
            {
                "label": twin.label,
                "score": row.score,
                "log10_compression": row.log10_compression,
                **kinds(int(here["collapsed"].sum()), sum(value <= AT_CHANCE for value in accuracies)),
                "accuracies": accuracies,
                "left": _left(here[~here["collapsed"]]),
            }
        )
    return pd.DataFrame(rows)


def kinds(cut: int, at_chance: int, runs: int = 3) -> dict[str, int]:
    """Return how many runs of a cell are of each kind, of as many masks without a path and runs at chance."""
    predicted = min(cut, at_chance)
    missed, false = at_chance - predicted, cut - predicted
    return {
        "sound": runs - predicted - missed - false,
        "predicted": predicted,
        "missed": missed,
        "false": false,
    }


def _left(masks: pd.DataFrame) -> str:
    """Say what is left of masks that have a path: living channels of the narrowest layer, weights, classes."""
    narrowest = [min(map(int, text.split())) for text in masks["living_channels_by_layer"]]
    reachable = [10 - count for count in masks["unreachable_classes"]]
    texts = [
        f"{width} / {weights:,} / {classes}"
        for width, weights, classes in zip(narrowest, masks["effective"], reachable, strict=True)
    ]
    return "; ".join(texts)


def write_page(folder: Path = DOCS) -> None:
    """Write the page and its figure."""
    masks = pd.read_csv(MASKS)
    found = cells(masks)
    (folder / "atlas.md").write_text(page(found, masks), encoding="utf-8")
    save_figure(plot(found), FIGURE)


@styled
def plot(found: pd.DataFrame) -> Figure:
    """Draw every published run as a square: one row per network and score, three squares per compression."""
    measured = set(zip(found["label"], found["score"], strict=True))
    blocks = [(twin.label, [score for score in SCORES if (twin.label, score) in measured]) for twin in TWINS]
    bottom, step = 0.8, 0.145  # inches
    lines = sum(len(scores) for _, scores in blocks) + 0.9 * len(blocks)
    figure = Figure(figsize=(3.4, bottom + step * (lines + 1)))
    axis: Axes = figure.add_axes(
        (0.25, bottom / figure.get_figheight(), 0.74, 0.99 - bottom / figure.get_figheight())
    )
    height = 0.0
    for label, scores in blocks:
        height += 0.9
        axis.text(-0.5, height - 0.62, label, ha="left", va="bottom", fontsize=6.5, weight="bold")
        for score in scores:
            _squares(axis, found[(found["label"] == label) & (found["score"] == score)], height)
            axis.text(-0.7, height, ticket_label(score), ha="right", va="center", fontsize=6)
            height += 1
    axis.set_xlim(-0.6, len(COMPRESSIONS) - 0.4)
    axis.set_ylim(height, -0.6)
    axis.set_yticks([])
    axis.set_xticks(range(0, len(COMPRESSIONS), 4), ["1", "10", "100", "1000"])
    axis.set_xlabel("prunable weights / kept weights")
    axis.grid(False)
    axis.spines["left"].set_visible(False)
    handles = [Rectangle((0, 0), 1, 1, color=colour) for _, colour in KINDS.values()]
    figure.legend(handles, [text for text, _ in KINDS.values()], loc="lower center", ncol=2)
    return figure


def _squares(axis: Axes, line: pd.DataFrame, height: float) -> None:
    order = ("predicted", "missed", "false", "sound")
    for position, (_, cell) in enumerate(line.sort_values("log10_compression").iterrows()):
        runs = [kind for kind in order for _ in range(cell[kind])]
        for number, kind in enumerate(runs):
            left = position - 0.42 + 0.28 * number
            axis.add_patch(Rectangle((left, height - 0.36), 0.25, 0.72, color=KINDS[kind][1], linewidth=0))


def page(found: pd.DataFrame, masks: pd.DataFrame) -> str:
    """Return the page in Markdown, of the cells and of the masks they follow from."""
    totals = {kind: int(found[kind].sum()) for kind in KINDS}
    different = found[(found["missed"] > 0) | (found["false"] > 0)]
    fills = {
        "runs": "all 780" if len(found) == len(published()) else f"{sum(totals.values())} of the 780",
        "scope": _scope(found),
        **totals,
        "at_chance": totals["predicted"] + totals["missed"],
        "onsets": "\n".join(_onsets(found)),
        "different": "\n".join(_different(different)),
        "synflow": "\n".join(_by_layer(masks[masks["score"] == "synflow"])),
        "same": _same(),
    }
    return (Path(__file__).with_name("atlas.md.template")).read_text(encoding="utf-8").format(**fills)


def _scope(found: pd.DataFrame) -> str:
    """Name what is not measured, if anything."""
    measured = set(zip(found["label"], found["score"], strict=True))
    absent = {
        score: [twin.label for twin in TWINS if (twin.label, score) not in measured] for score in SCORES
    }
    texts = [
        ticket_label(score) + ("" if len(labels) == len(TWINS) else f" on {', '.join(labels)}")
        for score, labels in absent.items()
        if labels
    ]
    return f" (not yet: {'; '.join(texts)})" if texts else ""


def _onsets(found: pd.DataFrame) -> Iterable[str]:
    """Yield a line per network and score that collapses: at which compressions, predicted and published."""
    collapse = found.assign(cut=found["predicted"] + found["false"], low=found["predicted"] + found["missed"])
    for (label, score), line in collapse.groupby(["label", "score"], sort=False):
        if line[["cut", "low"]].to_numpy().any():
            texts = [_counts(line, column) for column in ("cut", "low")]
            yield f"| {label} | {ticket_label(str(score))} | {texts[0]} | {texts[1]} |"


def _counts(line: pd.DataFrame, column: str) -> str:
    """Return "1/3 at 10^2.5, all from 10^2.75"."""
    line = line.sort_values("log10_compression")
    some = line[(line[column] > 0) & (line[column] < 3)]
    texts = [f"{row[column]}/3 at {_power(row['log10_compression'])}" for _, row in some.iterrows()]
    full = line[line[column] == 3]
    texts += [f"all from {_power(full['log10_compression'].iloc[0])}"] if len(full) else []
    return ", ".join(texts) or "never"


def _different(cells_: pd.DataFrame) -> Iterable[str]:
    for _, cell in cells_.iterrows():
        accuracies = ", ".join(f"{value:.1f}" for value in cell["accuracies"])
        kind = "missed" if cell["missed"] else "false"
        yield (
            f"| {cell['label']} | {ticket_label(cell['score'])} | {_power(cell['log10_compression'])} | {accuracies} | "
            f"{cell[kind]} {kind} | {cell['left'] or '-'} |"
        )


def _by_layer(masks: pd.DataFrame) -> Iterable[str]:
    """Yield a line per network: what the masks of one score leave of each layer at the last compression."""
    last = masks[masks["log10_compression"] == COMPRESSIONS[-1]]
    for twin in TWINS:
        here = last[(last["network"] == twin.network) & last["seed"].isin(twin.seeds)]
        if len(here) == len(twin.seeds):
            kept = _counted(here["kept_by_layer"])
            channels = _counted(
                here["living_channels_by_layer"].str.rsplit(n=1).str[0]
            )  # without the classes
            cut_off = 1 - here["effective"].sum() / here["kept"].sum()
            classes = 10 - here["unreachable_classes"].max()
            yield (
                f"| {twin.label} | {min(kept):,} to {max(kept):,} | {min(channels)} | {classes} | "
                f"{100 * cut_off:.2f} % |"
            )


def _counted(texts: Iterable[str]) -> list[int]:
    return [int(count) for text in texts for count in text.split()]


def _power(exponent: float) -> str:
    return f"10^{exponent:g}"


def _same() -> str:
    """Compare the published means of ResNet18 and its "wide" form where neither is near collapse."""
    numbers = published()
    means = numbers.assign(mean=numbers[["accuracy_1", "accuracy_2", "accuracy_3"]].mean(axis=1))
    table = means[means["log10_compression"] <= 2].pivot_table(
        index=["score", "log10_compression"], columns="network", values="mean"
    )
    gaps = table["tiny_wide_resnet18"] - table["tiny_resnet18"]
    text = (
        f"{gaps.mean():+.2f} ± {gaps.std():.2f} points (mean ± standard deviation over the {len(gaps)} cells"
    )
    return text.replace("-", "−")


if __name__ == "__main__":
    write_page()
