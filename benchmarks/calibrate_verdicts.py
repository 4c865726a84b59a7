"""How often is a verdict wrong? Simulated studies with a known truth, judged by prunepipe.verdicts.verdicts.

Run `python benchmarks/calibrate_verdicts.py`; it prints the table and writes docs/calibration.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import resources
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from prunepipe.seeds import numpy_generator
from prunepipe.verdicts.verdicts import verdicts

MARGIN = 0.5
SEEDS = (3, 5, 10)
PRUNE_RATIOS = (0.9, 0.95, 0.98)
SHARED = 0.5
"""Share of a difference's variance that the prune ratios of one seed have in common (they share a dense run)."""
MIXED_SPREAD = 5.0
"""Published spreads above this many points mix collapsed with trained seeds; a pair like that is set aside."""


class Scenario(NamedTuple):
    """Truth and size of a simulated study."""

    name: str
    losses: tuple[float, ...]
    """True loss under the check in points (below 0: a gain), one a comparison, repeated over the family."""
    seeds: int
    family: int = 12
    """Comparisons in the study; the paper's initial checks have 12 a data set."""
    resolution: float = 0.0
    """Step of the accuracy in points: 100 / number of test images (0 = fine)."""


def published_spreads() -> np.ndarray:
    """Return the published standard deviations between seeds of runs that are not collapsed, in points."""
    with (resources.files("prunepipe") / "data" / "published_numbers.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, keep_default_na=False, na_values=[""])
    runs = table.drop_duplicates(["dataset", "network", "prune_ratio", "ticket", "check"])
    spreads = runs["accuracy_std"].dropna().to_numpy(float)
    return spreads[(spreads > 0) & (spreads < MIXED_SPREAD)]


def simulate(scenario: Scenario, studies: int, *, generator: np.random.Generator) -> pd.DataFrame:
    """Draw the results of many studies.

    Every comparison is a method of its own with one check. The two runs of a pair have independent noise (the worst
    case for a paired test) with published spreads, drawn anew for each comparison and prune ratio.

    Args:
        scenario: truth and size.
        studies: how many to draw.
        generator: source of all randomness.
    Returns:
        One row a run, in the form of results.csv.
    """
    shape = (studies, scenario.family, 2, len(PRUNE_RATIOS), scenario.seeds)  # 2 = none, check
    spread = generator.choice(published_spreads(), (*shape[:4], 1))
    shared, own = generator.normal(size=(*shape[:3], 1, shape[4])), generator.normal(size=shape)
    accuracy = 80 + spread * (np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own)
    losses = np.resize(scenario.losses, scenario.family)
    accuracy[:, :, 1] -= losses[:, None, None]
    if scenario.resolution:
        accuracy = np.round(accuracy / scenario.resolution) * scenario.resolution
    methods = [f"method {k}" for k in range(scenario.family)]
    axes = [range(studies), methods, ["none", "check"], PRUNE_RATIOS, range(scenario.seeds)]
    keys = pd.MultiIndex.from_product(axes, names=["study", "ticket", "check", "prune_ratio", "seed"])
    runs = pd.DataFrame({"accuracy": accuracy.ravel(), "loss": generator.random(accuracy.size)}, index=keys)
    return runs.reset_index().assign(
        dataset="simulated", network="simulated", collapsed=False, status="done", cause=""
    )


def calibrate(scenario: Scenario, studies: int, *, generator: np.random.Generator) -> dict[str, object]:
    """Judge simulated studies and count words, wrong words, and studies with at least one wrong word.

    Wrong are `uses` where the true loss is 0 or a gain, and `ignores` where loss or gain is the margin or more.

    Args:
        scenario: truth and size.
        studies: how many to draw.
        generator: source of all randomness.
    Returns:
        Shares: of each word among all comparisons, of wrong words among the comparisons where they would be wrong,
        and of studies with a wrong word of either kind.
    """
    table = verdicts(simulate(scenario, studies, generator=generator), margin=MARGIN)
    losses = np.resize(scenario.losses, scenario.family)
    loss = table["ticket"].map({f"method {k}": value for k, value in enumerate(losses)})
    word = table["verdict"]
    harmless, different = loss <= 0, loss.abs() >= MARGIN
    wrong_uses, wrong_ignores = harmless & (word == "uses"), different & (word == "ignores")
    wrong = (wrong_uses | wrong_ignores).groupby(table["study"]).any()
    return {
        "true loss": scenario.name,
        "seeds": scenario.seeds,
        "comparisons": scenario.family,
        **{name: (word == name).mean() for name in ("uses", "ignores", "inconclusive")},
        "wrong uses": wrong_uses[harmless].mean() if harmless.any() else np.nan,
        "wrong ignores": wrong_ignores[different].mean() if different.any() else np.nan,
        "studies with a wrong word": wrong.mean(),
    }


def scenarios(seeds: Sequence[int] = SEEDS) -> list[Scenario]:
    """Return every scenario of the published table."""
    truths: dict[str, tuple[float, ...]] = {"0": (0.0,), "0.5": (0.5,), "1": (1.0,), "2": (2.0,)}
    truths |= {"-0.5 (gain)": (-0.5,), "-1 (gain)": (-1.0,)}
    alone = [Scenario(name, losses, n, family=1) for (name, losses), n in product(truths.items(), seeds)]
    truths |= {"half 0, half 0.5": (0.0, 0.5)}
    paper = [Scenario(name, losses, n) for (name, losses), n in product(truths.items(), seeds)]
    coarse = [
        Scenario(f"{loss:g}, 360 test images", (loss,), n, family=1, resolution=100 / 360)
        for loss, n in product((0.0, 0.5), (2, 3))
    ]
    return paper + alone + coarse


def markdown(rows: Sequence[dict[str, object]]) -> str:
    """Lay the rows out as a markdown table; shares in percent, "-" where a word cannot be wrong."""
    names = list(rows[0])
    lines = [" | ".join(names), " | ".join("---" for _ in names)]
    lines += [" | ".join(_cell(row[name]) for name in names) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return "-" if np.isnan(value) else f"{100 * value:.1f} %"


TEXT = """# Calibration of the verdicts

How often is a verdict wrong, and how often is there one? Simulated studies with a known truth ({studies} a
row, {single} where there is one comparison), judged by `prunepipe.verdicts.verdicts` with a margin of {margin}
points and a significance of 0.05. Made by `python benchmarks/calibrate_verdicts.py`.

* "true loss": points of accuracy that the check costs; below 0, that it gains. `uses` is wrong where it is 0 or a
  gain, `ignores` where it is the margin or more, up or down; a loss between 0 and the margin makes neither wrong.
* "wrong uses", "wrong ignores": share of the comparisons where that word would be wrong. The last column is
  the strict reading: studies in which at least one comparison got a wrong word. Holm holds it at 5 % for
  each of the two words, and 5 % is its exact value where the true loss is the margin itself. The standard error
  of the simulation is {error:.2f} points at 5 % of {studies} studies and {single_error:.2f} points at 5 % of {single}.
* The power is the share of `ignores` at 0, and of `uses` at 0.5, 1 and 2. A gain is `inconclusive`, however
  many seeds there are: it does not show what the method uses.
* Three prune ratios; half of a difference's variance is common to the prune ratios of one seed. The spread
  of each run is one of the {spreads} published standard deviations of runs that did not collapse (median
  {median:.2f} points). The two runs of a pair have independent noise, the worst case; where a seed's luck
  is common to both, there is more power.
* The last rows have a coarse accuracy (360 test images, steps of 0.28 points): equal differences are
  frequent there.

{table}

Reading: in a family of 12, three seeds show losses of 2 points and five seeds losses of 1 point. That a
method *ignores* something is the harder claim: it takes about five seeds for a single comparison and ten
for a family of 12. Whatever cannot be decided is called `inconclusive`, and the row says how many seeds
would decide it.
"""


def main() -> None:
    """Print the table and write the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--studies", type=int, default=1000, help="simulated studies a row with 12 comparisons"
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "docs" / "calibration.md")
    arguments = parser.parse_args()
    single = 4 * arguments.studies
    rows = []
    for scenario in scenarios():
        generator = numpy_generator(0, "calibration", scenario.name, scenario.seeds, scenario.family)
        studies = single if scenario.family == 1 else arguments.studies
        rows.append(calibrate(scenario, studies, generator=generator))
        print({name: _cell(value) for name, value in rows[-1].items()}, flush=True)
    spreads = published_spreads()
    facts = {"spreads": len(spreads), "median": float(np.median(spreads)), "margin": MARGIN}
    errors = [100 * float(np.sqrt(0.05 * 0.95 / count)) for count in (arguments.studies, single)]
    facts |= {"error": errors[0], "single_error": errors[1]}
    text = TEXT.format(studies=arguments.studies, single=single, table=markdown(rows), **facts)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text, encoding="utf-8")
    print(markdown(rows))


if __name__ == "__main__":
    main()
