"""Tail probabilities of the t statistic under exponential noise, and of the smallest p-value over the usual looks.

Run `python benchmarks/tabulate_boundaries.py`; it writes src/prunepipe/data/skewed_t.csv and looks.csv (minutes).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from prunepipe.seeds import numpy_generator
from prunepipe.verdicts.looks import USUAL_LOOKS
from prunepipe.verdicts.skewed_t import tail_probability

DATA = Path(__file__).parents[1] / "src" / "prunepipe" / "data"
BATCH = 100_000
PASSES = {20: 10_000_000, 100: 1_500_000}
"""Simulated studies for the numbers of pairs up to each key."""
SIZES = {20: tuple(range(3, 21)), 100: (25, 30, 40, 50, 70, 100)}
GRID = np.concatenate([[-np.inf], np.geomspace(0.02, 1e5, 1500), [np.inf]])
LEVELS = {20: np.geomspace(1e-5, 0.5, 45), 100: np.geomspace(1e-4, 0.5, 36)}
SPENT = 0.9
"""Part of the level that later looks spend beyond the plain bound; the rest is kept for laws a little worse."""


def t_statistics(noise: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Return the one-sample t statistics [studies, sizes] of the first pairs of every study [studies, pairs]."""
    numbers = np.array(sizes)
    total, squares = np.cumsum(noise, axis=1)[:, numbers - 1], np.cumsum(noise**2, axis=1)[:, numbers - 1]
    mean = total / numbers
    variance = np.maximum(squares - numbers * mean**2, 1e-300) / (numbers - 1)
    return mean / np.sqrt(variance / numbers)


def skewed_t(pairs: int) -> pd.DataFrame:
    """Return the critical t values of the sizes of one pass, each raised by two standard errors of the simulation."""
    generator, sizes, studies = numpy_generator(0, "skewed t", pairs), SIZES[pairs], PASSES[pairs]
    counts = np.zeros((len(sizes), len(GRID) - 1))
    for _ in range(studies // BATCH):
        t = t_statistics(1 - generator.exponential(size=(BATCH, pairs)), sizes)
        for k in range(len(sizes)):
            counts[k] += np.histogram(t[:, k], GRID)[0]
    above = counts[:, ::-1].cumsum(axis=1)[:, ::-1][
        :, 1:
    ]  # [sizes, grid]: how many lie above each grid point
    share = (above + 2 * np.sqrt(above + 1)) / studies
    return pd.concat(
        pd.DataFrame({"pairs": size, "level": LEVELS[pairs], "t": _inverse(share[k], LEVELS[pairs])})
        for k, size in enumerate(sizes)
    )


def _inverse(share: np.ndarray, levels: np.ndarray) -> np.ndarray:
    falling = np.minimum.accumulate(share)[::-1]
    return np.exp(np.interp(np.log(levels), np.log(falling), np.log(GRID[1:-1][::-1])))


def looks_table(studies: int = 4_000_000) -> pd.DataFrame:
    """Return, for every level, the p-value at which each usual look spends its share of the level."""
    generator, parts = numpy_generator(0, "looks"), []
    for _ in range(studies // BATCH):
        t = t_statistics(1 - generator.exponential(size=(BATCH, USUAL_LOOKS[-1])), USUAL_LOOKS)
        parts.append(tail_probability(t, np.broadcast_to(USUAL_LOOKS, t.shape)).astype(np.float32))
    p_values = np.concatenate(parts)
    rows = [[level, *_spending(p_values, level)] for level in np.geomspace(2e-4, 0.5, 40)]
    return pd.DataFrame(rows, columns=["level", *(f"after_{look}" for look in USUAL_LOOKS)])


def _spending(p_values: np.ndarray, level: float) -> list[float]:
    """Boundaries of the looks, each lowered by two standard errors of the simulation and by the reserve."""
    share, alive, boundaries = level / len(USUAL_LOOKS), np.ones(len(p_values), bool), []
    for look in range(len(USUAL_LOOKS)):
        count = len(p_values) * share * SPENT
        own = p_values[alive, look]
        found = float(np.partition(own, int(count - 2 * np.sqrt(count)))[int(count - 2 * np.sqrt(count))])
        boundaries.append(max(found, share))
        alive &= p_values[:, look] > boundaries[-1]
    return boundaries


def main() -> None:
    """Write both tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--looks-only", action="store_true", help="keep skewed_t.csv as it is")
    if not arguments.parse_args().looks_only:
        table = pd.concat([skewed_t(pairs) for pairs in PASSES])
        table.to_csv(DATA / "skewed_t.csv", index=False, float_format="%.6g")
    looks_table().to_csv(DATA / "looks.csv", index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
