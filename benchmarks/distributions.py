"""The noise distributions of simulated studies: how their seeds scatter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import resources
from typing import NamedTuple

import numpy as np
import pandas as pd

SPREADS = np.array([0.15, 0.25, 0.5])
"""Standard deviations of a run at the three prune ratios, where a row says so."""

Noise = Callable[[tuple[int, ...], np.random.Generator], np.ndarray]
"""From a shape [studies, comparisons, prune ratios, seeds] to differences of mean 0, in points."""


def _published_table() -> pd.DataFrame:
    with (resources.files("prunepipe") / "data" / "published_numbers.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False, na_values=[""])


def published_spreads() -> np.ndarray:
    """Return the published standard deviations between seeds, in points; those of collapsed networks are 0."""
    runs = _published_table().drop_duplicates(["dataset", "network", "prune_ratio", "ticket", "check"])
    spreads = runs["accuracy_std"].dropna().to_numpy(float)
    return spreads[spreads > 0]


def published_cells(
    ticket: str, checks: Sequence[str]
) -> tuple[list[tuple[str, str]], Callable[[tuple[int, int], np.random.Generator], np.ndarray]]:
    """Return the published comparisons of a partially trained ticket, and what draws their runs.

    Args:
        ticket: its name.
        checks: which of its checks.
    Returns:
        (network, check) of every comparison; a function of (studies, seeds) and a generator that draws accuracies
        [without and with the check, studies, comparisons, prune ratios, seeds] with the published means and spreads.
    """
    table = _published_table().query("table == 'partial_checks' and ticket == @ticket")
    cell = table.set_index(["network", "check", "prune_ratio"])[["accuracy_mean", "accuracy_std"]].astype(
        float
    )
    places = [(network, check) for network in ("vgg19", "resnet32") for check in checks]
    ratios = sorted(table["prune_ratio"].unique())
    values = np.array(
        [
            [
                [cell.loc[(network, name, ratio)] for ratio in ratios]
                for network, check in places
                for name in [side or check]
            ]
            for side in ("none", "")
        ]
    )  # [sides, comparisons, prune ratios, mean and spread]

    def draw(shape: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
        mean, spread = (values[:, None, ..., None, k] for k in (0, 1))
        studies, seeds = shape
        luck = generator.normal(size=(2, studies, len(places), len(ratios), seeds))
        return np.asarray(mean + spread * luck)

    return places, draw


def pair_spread(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Draw the spread of every comparison and prune ratio: two runs with published spreads and independent luck."""
    runs = generator.choice(published_spreads(), (2, *shape[:-1], 1))
    return np.sqrt((runs**2).sum(axis=0))


def correlated(draw: Callable[..., np.ndarray], share: float = 0.5) -> Noise:
    """Return noise of which a share of the variance is common to the prune ratios of a seed."""

    def noise(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        common = draw(generator, (*shape[:-2], 1, shape[-1]))
        return np.sqrt(share) * common + np.sqrt(1 - share) * draw(generator, shape)

    return noise


def _normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return generator.normal(size=shape)


def _published(draw: Callable[..., np.ndarray], share: float = 0.5) -> Noise:
    noise = correlated(draw, share)
    return lambda shape, generator: pair_spread(shape, generator) * noise(shape, generator)


def _by_ratio(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    return np.sqrt(2) * SPREADS[:, None] * correlated(_normal)(shape, generator)


def _alike(draw: Callable[..., np.ndarray]) -> Noise:
    """Return noise with spreads of 0.4 to 0.8 points, half of its variance common to the prune ratios."""
    noise = correlated(draw)
    return lambda shape, generator: generator.uniform(0.4, 0.8, (*shape[:-1], 1)) * noise(shape, generator)


def _quarter(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Draw normal noise, but exponential noise with the tail up for every fourth comparison."""
    skewed = (np.arange(shape[-3]) % 4 == 0)[:, None, None]
    noise = np.where(skewed, generator.exponential(size=shape) - 1, correlated(_normal)(shape, generator))
    return pair_spread(shape, generator) * noise


def _failing(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    sides = [_published(_normal)(shape, generator) / np.sqrt(2) for _ in range(2)]
    failed = [30.0 * (generator.random(shape) < 0.1) for _ in range(2)]
    return (sides[0] - failed[0]) - (sides[1] - failed[1])


def _collapsing(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    return _published(_normal)(shape, generator)


def _coarse(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    return 0.5 * (generator.normal(size=shape) - generator.normal(size=shape))


class Distribution(NamedTuple):
    """A noise distribution: how the seeds of a simulated study scatter."""

    noise: Noise
    """Of the difference of a pair, mean 0, in points."""
    step: float = 0.0
    """Of the accuracy, in points."""
    collapse: float = 0.0
    """Probability that a run collapses, with the check or without."""


BY_RATIO = Distribution(_by_ratio)
"""The spread grows with the prune ratio."""
DISTRIBUTIONS = {
    "normal, published spreads": Distribution(_published(_normal)),
    "normal, prune ratios independent": Distribution(_published(_normal, 0.0)),
    "normal, prune ratios 90 % common": Distribution(_published(_normal, 0.9)),
    "normal, deviations .15/.25/.5": BY_RATIO,
    "exponential, tail up": Distribution(_published(lambda g, shape: g.exponential(size=shape) - 1, 0.0)),
    "exponential, tail down": Distribution(_published(lambda g, shape: 1 - g.exponential(size=shape), 0.0)),
    "exponential, a quarter of them": Distribution(_quarter),
    "t with 2 degrees": Distribution(_published(lambda g, shape: g.standard_t(2, size=shape))),
    "30 points lost in 10 % of runs": Distribution(_failing),
    "collapse in 20 % of runs": Distribution(_collapsing, collapse=0.2),
    "360 test images": Distribution(_coarse, step=100 / 360),
}
ALIKE = {
    "spreads alike, normal": Distribution(_alike(_normal)),
    "spreads alike, exponential, tail up": Distribution(
        _alike(lambda g, shape: g.exponential(size=shape) - 1)
    ),
    "spreads alike, exponential, tail down": Distribution(
        _alike(lambda g, shape: 1 - g.exponential(size=shape))
    ),
}
"""A study like that on CIFAR-10 in docs/evidence.md."""
