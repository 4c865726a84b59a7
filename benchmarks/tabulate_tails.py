"""How often a sample of a skewed distribution gives a large t statistic, with its own spread or that of its peers.

Run `python benchmarks/tabulate_tails.py`; it writes tails.csv, peers.csv and skewness.csv in src/prunepipe/data
(minutes). The skewed distribution is the exponential one, which misleads a t test badly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special, stats

from prunepipe.seeds import numpy_generator

DATA = Path(__file__).parents[1] / "src" / "prunepipe" / "data"
PAIRS = (*range(3, 13), 14, 16, 18, 20, 24, 30, 40)
STATISTICS = np.geomspace(0.1, 1000.0, 64)
CONCENTRATIONS = 4.0 ** np.arange(7)
"""Dirichlet distributions from which samples are drawn: the higher, the more equal the values, the larger t."""
DRAWS = 20_000
SPREADS = (1.0, 1.25, 1.6, 2.0, 2.5, 3.2, 4.0, 6.0, 10.0, 20.0, 60.0)
"""True spreads, in typical ones."""
DISTANCES = np.geomspace(0.5, 400.0, 33)
"""Of the mean, in typical spreads of a mean."""
PEER_DRAWS = 1_500


def spreads(pairs: int, draws: int = DRAWS) -> tuple[np.ndarray, np.ndarray]:
    """Return standard deviations of exponential samples, divided by the samples' sums, and a weight for each.

    A sample divided by its sum is uniform on the simplex, independent of the sum. Equal values are rare there, and they
    make the large t: they are drawn more often, and weigh less (multiple importance sampling, balance heuristic).
    """
    generator, found, weights = numpy_generator(0, "tails", pairs), [], []
    for concentration in CONCENTRATIONS:
        parts = generator.gamma(concentration, size=(draws, pairs))
        parts /= parts.sum(axis=1, keepdims=True)
        logs = np.log(np.maximum(parts, 1e-300)).sum(axis=1)
        densities = [
            special.gammaln(pairs * c) - pairs * special.gammaln(c) + (c - 1) * logs for c in CONCENTRATIONS
        ]
        found.append(parts.std(axis=1, ddof=1))
        weights.append(np.exp(special.gammaln(pairs) - special.logsumexp(densities, axis=0)) / draws)
    return np.concatenate(found), np.concatenate(weights)


def tails(pairs: int) -> list[float]:
    """Return P(T < -t) for every t in STATISTICS, for values E - 1 with E exponential of mean 1.

    With the sum S, which has a gamma distribution, and the standard deviation q S: T < -t exactly if
    S < n / (1 + sqrt(n) t q).
    """
    spread, weight = spreads(pairs)
    bound = [pairs / (1 + np.sqrt(pairs) * t * spread) for t in STATISTICS]
    return [float((weight * special.gammainc(pairs, limit)).sum()) for limit in bound]


def exponential_peer(
    pairs: int, spread: float, distance: float, sample: tuple[np.ndarray, np.ndarray]
) -> float:
    """Return the larger of P(D < -x) and P(D > x) for spread * (E - 1), D being the cautious distance of the mean.

    D = mean * sqrt(n) / max(1, s)^2. Both events are bounds on the sum S of the E, because the mean is
    spread * (S / n - 1) and s = spread * q S.

    Args:
        pairs: number of values, n.
        spread: of the distribution.
        distance: x.
        sample: q and its weights, from `spreads`.
    """
    (q, weight), root = sample, np.sqrt(pairs)
    square = distance * (spread * q) ** 2
    turn = np.sqrt(spread**2 / pairs + 4 * square * spread * root)
    below = np.minimum(
        (turn - spread / root) / (2 * square), max(pairs * (1 - distance / (spread * root)), 0.0)
    )
    inside = spread**2 / pairs - 4 * square * spread * root
    turn = np.sqrt(np.maximum(inside, 0.0))
    first = np.maximum((spread / root - turn) / (2 * square), pairs * (1 + distance / (spread * root)))
    last = np.maximum((spread / root + turn) / (2 * square), first)
    above = np.where(inside > 0, special.gammainc(pairs, last) - special.gammainc(pairs, first), 0.0)
    return float(max((weight * special.gammainc(pairs, below)).sum(), (weight * above).sum()))


def normal_peer(pairs: int, spread: float, distance: float) -> float:
    """Return P(D > x) for normal values with mean 0 and this spread."""
    steps = np.concatenate(
        [[0.0], np.geomspace(1e-12, 0.5, 300), 1 - np.geomspace(0.5, 1e-9, 300)[1:], [1.0]]
    )
    found = spread * np.sqrt(stats.chi2.ppf((steps[1:] + steps[:-1]) / 2, pairs - 1) / (pairs - 1))
    return float((np.diff(steps) * special.ndtr(-distance * np.maximum(1.0, found) ** 2 / spread)).sum())


def peers(pairs: int) -> pd.DataFrame:
    """Return the chances of D > x for one number of pairs: a row per distance, a column per distribution and spread."""
    sample, rows = spreads(pairs, PEER_DRAWS), []
    for x in DISTANCES:
        normal = [normal_peer(pairs, spread, x) for spread in SPREADS]
        skewed = [exponential_peer(pairs, spread, x, sample) for spread in SPREADS]
        worst = [max(chances) for chances in zip(normal, skewed, strict=True)]
        rows.append([pairs, x, *worst, *normal, max(normal)])
    names = [f"{distribution}_{spread:g}" for distribution in ("skewed", "normal") for spread in SPREADS]
    return pd.DataFrame(rows, columns=["pairs", "distance", *names, "worst_normal"])


def skewness(pairs: int) -> dict[str, float]:
    """Return mean and mean square of the skewness of exponential samples, and the mean square of normal ones."""
    values = numpy_generator(0, "skewness", pairs).exponential(size=(200_000, pairs))
    found = stats.skew(values, axis=1)
    normal = 6 * (pairs - 2) / ((pairs + 1) * (pairs + 3))
    return {
        "pairs": pairs, "mean": found.mean(), "square": (found**2).mean(), "normal_square": normal
    }  # fmt: skip


def main() -> None:
    """Write the tables."""
    table = pd.DataFrame({"statistic": STATISTICS, **{f"of_{pairs}": tails(pairs) for pairs in PAIRS}})
    table.to_csv(DATA / "tails.csv", index=False, float_format="%.6g")
    pd.DataFrame([skewness(pairs) for pairs in PAIRS]).to_csv(
        DATA / "skewness.csv", index=False, float_format="%.4g"
    )
    pd.concat([peers(pairs) for pairs in PAIRS]).to_csv(DATA / "peers.csv", index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
