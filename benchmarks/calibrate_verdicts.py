"""How often is a verdict wrong, and how often is there one? Simulated studies with a known truth.

Run `python benchmarks/calibrate_verdicts.py` (minutes); it writes docs/calibration.md and docs/calibration.csv.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from distributions import ALIKE, DISTRIBUTIONS, Distribution
from simulated_studies import Design, differences, drive, judge, observe, stopped, wrong
from verdict_power import alike, power, published, unseen

from prunepipe.seeds import numpy_generator

STUDIES = {1: 4000, 12: 2400, 60: 1200}
"""Simulated studies for each number of comparisons."""
BY_RATIO = {
    "+2/0/-2": (2.0, 0.0, -2.0), "0/0/-1": (0.0, 0.0, -1.0), "-1/0/0": (-1.0, 0.0, 0.0),
    "+.03/+.07/-1.15": (0.03, 0.07, -1.15),
}  # fmt: skip
KINDS = ("uses", "ignores", "collapses")
HINDSIGHT = "at the most favourable look"
DRIVER = "by the driver"


class Scenario(NamedTuple):
    """Simulated studies of one kind."""

    name: str
    distribution: Distribution
    design: Design
    effects: tuple[float, ...]
    """True, at each prune ratio, of every comparison."""
    studies: int
    advice: bool = False

    @property
    def effects_text(self) -> str:
        """The effects in short."""
        few = self.effects[:1] if len(set(self.effects)) == 1 else self.effects
        return "/".join(f"{value:+g}" if value else "0" for value in few)


def nulls(design: Design) -> list[tuple[float, ...]]:
    """Return true effects at which `uses`, or `ignores`, is just wrong."""
    return [(effect,) * design.prune_ratios for effect in (0.0, -design.margin, design.margin)]


def scenarios() -> Iterator[Scenario]:
    """Yield the scenarios of the table."""
    for family, studies in STUDIES.items():
        design = Design(family)
        for name, distribution in DISTRIBUTIONS.items():
            advice = family == 12 and name.startswith("normal, pub")
            own = studies // 8 if advice else studies
            yield from (
                Scenario(name, distribution, design, effects, own, advice) for effects in nulls(design)
            )
        for effects in BY_RATIO.values():
            name = "normal, deviations .15/.25/.5"
            yield Scenario(f"{name}, effects by ratio", DISTRIBUTIONS[name], design, effects, studies)
    for name, distribution in ALIKE.items():
        for looks in ((5,), (8,)):
            design = Design(17, 2, looks, 1.0)
            yield from (
                Scenario(name, distribution, design, effects, STUDIES[12]) for effects in nulls(design)
            )


def calibrate(scenario: Scenario) -> list[dict[str, object]]:
    """Return the shares of studies with a wrong claim, one row per stopping rule."""
    name, distribution, design, effects, studies, advice = scenario
    looks = " ".join(map(str, design.looks))
    generator = numpy_generator(0, "calibration", name, str(effects), design.comparisons, looks)
    drawn = differences(distribution, effects, design, studies, generator)
    observed = observe(drawn, distribution, generator)
    found = judge(observed, design, advice=advice)
    ends = {rule: word[None] for rule, word in stopped(found, generator).items()}
    if len(design.looks) > 1:
        ends[DRIVER] = drive(observed, design).word
    ends[HINDSIGHT] = found.word
    return [
        {
            "distribution": name,
            "effects": scenario.effects_text,
            "comparisons": design.comparisons,
            "looks": looks,
            "stopped": rule,
        }
        | _shares(word, scenario)
        for rule, word in ends.items()
    ]


def _shares(word: np.ndarray, scenario: Scenario) -> dict[str, float]:
    """Percent of studies with a wrong word of each kind, and standard errors; NaN where none can be wrong."""
    truth, margin = np.asarray(scenario.effects), scenario.design.margin
    possible = [(truth >= 0).any(), (np.abs(truth) >= margin).any(), scenario.distribution.collapse > 0]
    flags = [*wrong(word, scenario.effects, margin), word == "collapses"]
    means = [
        100 * flag.any(axis=(0, 2, 3)).mean() if can else np.nan
        for flag, can in zip(flags, possible, strict=True)
    ]
    errors = [np.sqrt(mean * (100 - mean) / scenario.studies) for mean in means]
    return dict(zip(KINDS, means, strict=True)) | {
        f"{kind}_error": error for kind, error in zip(KINDS, errors, strict=True)
    }


def read(path: Path) -> pd.DataFrame:
    """Return all rows as they were written."""
    return pd.read_csv(path, dtype={"looks": str})


def worst(table: pd.DataFrame) -> list[dict[str, object]]:
    """Return one row per distribution and design: the largest share of each kind of wrong claim."""
    rows = []
    for (distribution, comparisons, looks), own in table.groupby(
        ["distribution", "comparisons", "looks"], sort=False
    ):
        row: dict[str, object] = {
            "distribution": distribution,
            "comparisons": comparisons,
            "looks": str(looks).replace(" ", ", "),
        }
        rows.append(row | {f"wrong `{kind}`": _most(own, kind) for kind in KINDS})
    return rows


def _most(own: pd.DataFrame, kind: str) -> str:
    if own[kind].isna().all():
        return "-"
    place = own[kind].idxmax()
    return f"{own.loc[place, kind]:.1f} ± {own.loc[place, f'{kind}_error']:.1f}"


def markdown(rows: Sequence[dict[str, object]]) -> str:
    """Lay rows out as a Markdown table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [" | ".join(names), " | ".join("---" for _ in names)]
    lines += [" | ".join(str(row.get(name, "-")) for name in names) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


TEXT = (Path(__file__).parent / "calibration_text.md").read_text(encoding="utf-8")


def main() -> None:
    """Write the document and the full table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "docs" / "calibration.md")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the studies")
    arguments = parser.parse_args()
    if arguments.quick:
        STUDIES.update({family: max(count // 20, 16) for family, count in STUDIES.items()})
    rows = []
    for scenario in scenarios():
        rows += calibrate(scenario)
        print(rows[-1], flush=True)
    listed = arguments.output.with_suffix(".csv")
    pd.DataFrame(rows).to_csv(listed, index=False, float_format="%.2f")
    tables = {
        "calibration": worst(read(listed)), "power": power(STUDIES), "alike": alike(STUDIES[12] // 8),
        "published": published(), "unseen": unseen(),
    }  # fmt: skip
    text = TEXT.format(
        studies=", ".join(map(str, STUDIES.values())), **{name: markdown(own) for name, own in tables.items()}
    )
    arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
