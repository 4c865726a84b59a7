"""Boundaries of the usual looks: at which p-value of the t test each look spends its share of the level.

Run `python benchmarks/tabulate_boundaries.py`; it writes src/prunepipe/data/looks.csv (a minute).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from prunepipe.seeds import numpy_generator
from prunepipe.study.rows import USUAL_LOOKS
from prunepipe.verdicts.looks import sample

OUTPUT = Path(__file__).parents[1] / "src" / "prunepipe" / "data" / "looks.csv"
STUDIES, BATCH = 4_000_000, 100_000
SPENT = 0.9
"""Part of the level that the looks spend where that is more than the plain bound; the rest is kept in reserve."""


def simulated() -> np.ndarray:
    """Return p-values of nested t tests under the null hypothesis [studies, looks]."""
    generator, parts = numpy_generator(0, "looks"), []
    for _ in range(STUDIES // BATCH):
        found = sample(generator.normal(size=(BATCH, USUAL_LOOKS[-1])), USUAL_LOOKS)
        t = found.mean / found.spread * np.sqrt(found.pairs)
        parts.append(stats.t.sf(t, found.pairs - 1).astype(np.float32))
    return np.concatenate(parts)


def boundaries(p_values: np.ndarray, level: float) -> list[float]:
    """Return the boundary of each look for a level, lowered by two standard errors of the simulation."""
    share, alive, found = level / len(USUAL_LOOKS), np.ones(len(p_values), bool), []
    for look in range(len(USUAL_LOOKS)):
        count = len(p_values) * share * SPENT
        place = int(count - 2 * np.sqrt(count))
        found.append(max(float(np.partition(p_values[alive, look], place)[place]), share))
        alive &= p_values[:, look] > found[-1]
    return found


def main() -> None:
    """Write the table."""
    p_values = simulated()
    rows = [[level, *boundaries(p_values, level)] for level in np.geomspace(2e-4, 0.5, 40)]
    table = pd.DataFrame(rows, columns=["level", *(f"after_{look}" for look in USUAL_LOOKS)])
    table.to_csv(OUTPUT, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
