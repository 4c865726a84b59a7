"""How often is a verdict wrong, and how often is there one? Simulated studies with a known truth.

Run `python benchmarks/calibrate_verdicts.py` (minutes); it prints the tables and writes docs/calibration.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from prunepipe.seeds import numpy_generator
from prunepipe.verdicts.boundaries import State, decision_probability, levels
from prunepipe.verdicts.evidence import claims, evidence
from prunepipe.verdicts.looks import USUAL_LOOKS
from prunepipe.verdicts.words import words

MARGIN = 0.5
SIGNIFICANCE = 0.05
MOST = USUAL_LOOKS[-1]
STUDIES = {1: 4000, 12: 1600, 60: 800}
"""Simulated studies for each number of comparisons."""
SPREADS = np.array([0.15, 0.25, 0.5])
"""Standard deviations of a run at the three prune ratios, where a row says so."""

Noise = Callable[[tuple[int, ...], np.random.Generator], np.ndarray]


def published_spreads() -> np.ndarray:
    """Return the published standard deviations between seeds, in points; those of collapsed networks are 0."""
    with (resources.files("prunepipe") / "data" / "published_numbers.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, keep_default_na=False, na_values=[""])
    runs = table.drop_duplicates(["dataset", "network", "prune_ratio", "ticket", "check"])
    spreads = runs["accuracy_std"].dropna().to_numpy(float)
    return spreads[spreads > 0]


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


def _failing(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    sides = [_published(_normal)(shape, generator) / np.sqrt(2) for _ in range(2)]
    failed = [30.0 * (generator.random(shape) < 0.1) for _ in range(2)]
    return (sides[0] - failed[0]) - (sides[1] - failed[1])


def _collapsing(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    return _published(_normal)(shape, generator)


def _coarse(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    return 0.5 * (generator.normal(size=shape) - generator.normal(size=shape))


class Law(NamedTuple):
    """How the seeds of a simulated study scatter."""

    noise: Noise
    """Of the difference of a pair, mean 0, in points."""
    step: float = 0.0
    """Of the accuracy, in points."""
    collapse: float = 0.0
    """Probability that a run collapses, with the check or without."""


LAWS = {
    "normal, published spreads": Law(_published(_normal)),
    "normal, prune ratios independent": Law(_published(_normal, 0.0)),
    "normal, prune ratios 90 % common": Law(_published(_normal, 0.9)),
    "normal, deviations .15/.25/.5": Law(_by_ratio),
    "exponential, tail up": Law(_published(lambda g, shape: g.exponential(size=shape) - 1, 0.0)),
    "exponential, tail down": Law(_published(lambda g, shape: 1 - g.exponential(size=shape), 0.0)),
    "t with 2 degrees": Law(_published(lambda g, shape: g.standard_t(2, size=shape))),
    "30 points lost in 10 % of runs": Law(_failing),
    "collapse in 20 % of runs": Law(_collapsing, collapse=0.2),
    "360 test images": Law(_coarse, step=100 / 360),
}
NULLS = {"0": (0.0, 0.0, 0.0), "-0.5": (-0.5, -0.5, -0.5), "+0.5": (0.5, 0.5, 0.5)}
BY_RATIO = {
    "+2/0/-2": (2.0, 0.0, -2.0), "0/0/-1": (0.0, 0.0, -1.0), "-1/0/0": (-1.0, 0.0, 0.0),
    "+.03/+.07/-1.15": (0.03, 0.07, -1.15),
}  # fmt: skip


class Judged(NamedTuple):
    """Simulated studies, judged at every look."""

    word: np.ndarray
    """[looks, studies, comparisons, prune ratios]."""
    chance: np.ndarray | None
    """[looks - 1, studies, comparisons, prune ratios] advice: probability of a decision at the next look."""


def judge(
    differences: np.ndarray, looks: Sequence[int] = USUAL_LOOKS, *, law: Law | None = None,
    generator: np.random.Generator | None = None, advice: bool = False,
) -> Judged:  # fmt: skip
    """Judge studies [studies, comparisons, prune ratios, seeds] at every look, with or without the advice."""
    step = law.step if law else 0.0
    gone = [np.zeros(differences.shape, bool)] * 2
    if law and law.collapse and generator is not None:
        gone = [generator.random(differences.shape) < law.collapse for _ in range(2)]
    if step:
        differences = np.round(differences / step) * step
    differences = np.where(gone[0] | gone[1], np.nan, differences)
    found = evidence(
        differences,
        looks=looks,
        margin=MARGIN,
        least_spread=step,
        collapsed=gone[0],
        collapsed_reference=gone[1],
    )
    judged, said, chances = np.ones(differences.shape[1:3], bool), [], []
    for look, seeds in enumerate(looks):
        shown = claims(found, look=look)
        any_collapse = (gone[0] | gone[1])[..., :seeds].any(axis=-1)
        said.append(words(shown, SIGNIFICANCE, judged=judged, any_collapse=any_collapse))
        if advice and look + 1 < len(looks):
            chances.append(_chances(found, shown, look, looks))
    return Judged(np.stack(said), np.stack(chances) if advice else None)


def _chances(found, shown, look, looks):  # type: ignore[no-untyped-def]
    judged = np.ones(shown.harm.shape[1:], bool)
    out = np.empty(shown.harm.shape)
    for study in range(len(out)):
        own = type(shown)(*(p[study] for p in shown))
        asked = levels(own, SIGNIFICANCE, judged)
        at = (study, ..., look)
        state = State(
            found.sample.pairs[at].ravel(), np.nan_to_num(found.sample.mean[at]).ravel(),
            np.nan_to_num(found.sample.spread[at]).ravel(),
            np.broadcast_to(found.floor[at], judged.shape).ravel(), found.complete[at].ravel(),
            np.full(judged.size, look), asked.harm.ravel(), asked.equivalence.ravel(),
        )  # fmt: skip
        out[study] = decision_probability(state, looks, MARGIN).reshape(judged.shape)
    return out


def wrong(word: np.ndarray, effects: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return where harm, and where equivalence, is claimed and false.

    Args:
        word: [..., prune ratios].
        effects: true effect at each prune ratio, in points.
    """
    truth = np.asarray(effects)
    harm, within = np.isin(word, ["uses", "uses little"]), np.isin(word, ["ignores", "uses little"])
    return harm & (truth >= 0), within & (np.abs(truth) >= MARGIN)


def stopped(found: Judged, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the words [studies, comparisons, prune ratios] at which users stop, by their rule."""
    word = found.word
    decided = word != "inconclusive"
    first = np.where(decided.any(axis=0), decided.argmax(axis=0), len(word) - 1)
    budget = np.broadcast_to(generator.integers(len(word), size=(word.shape[1], 1, 1)), first.shape)
    rules = {"when decided": first, "at the budget": budget}
    if found.chance is not None:
        worth = np.concatenate([found.chance >= 0.3, np.zeros((1, *first.shape), bool)])
        ends = decided | ~worth
        rules["by the advice"] = ends.argmax(axis=0)
    return {name: np.take_along_axis(word, at[None], axis=0)[0] for name, at in rules.items()}


def calibrate(
    name: str, law: Law, effects: Sequence[float], family: int, *, advice: bool
) -> list[dict[str, object]]:
    """Return the shares of studies with a wrong claim, one row a stopping rule."""
    generator = numpy_generator(0, "calibration", name, str(effects), family)
    studies = STUDIES[family] // (8 if advice else 1)
    noise = law.noise((studies, family, 3, MOST), generator)
    found = judge(noise + np.asarray(effects)[:, None], law=law, generator=generator, advice=advice)
    rows = []
    ends = stopped(found, generator)
    for rule, word in ends.items():
        rows.append(
            _row(name, effects, family, rule, [flag.any(axis=(1, 2)) for flag in wrong(word, effects)])
        )
    at_any = [flag.any(axis=(0, 2, 3)) for flag in wrong(found.word, effects)]
    rows.append(_row(name, effects, family, "at the most favourable look", at_any))
    if law.collapse:
        share = (found.word == "collapses").any(axis=(0, 2, 3)).mean()
        rows[-1]["wrong collapses"] = f"{100 * share:.1f}"
    return rows


def _row(
    name: str, effects: Sequence[float], family: int, rule: str, flags: list[np.ndarray]
) -> dict[str, object]:
    truth = np.asarray(effects)
    possible = [(truth >= 0).any(), (np.abs(truth) >= MARGIN).any()]
    cells = [_share(flag) if can else "-" for flag, can in zip(flags, possible, strict=True)]
    return {
        "law": name, "true effects": "/".join(f"{value:+g}" if value else "0" for value in effects),
        "comparisons": family, "stopped": rule, "wrong `uses`": cells[0], "wrong `ignores`": cells[1],
    }  # fmt: skip


def _share(flag: np.ndarray) -> str:
    mean = flag.mean()
    return f"{100 * mean:.1f} ({100 * np.sqrt(max(mean * (1 - mean), 1e-9) / len(flag)):.1f})"


def power() -> list[dict[str, object]]:
    """Return how many comparisons are decided at each look, under normal noise with published spreads."""
    rows = []
    for family, effect in [(f, e) for f in STUDIES for e in (0.0, -0.2, -1.0, -3.0, -20.0)]:
        generator = numpy_generator(0, "power", family, str(effect))
        noise = LAWS["normal, published spreads"].noise(
            (max(STUDIES[family] // 4, 150), family, 3, MOST), generator
        )
        word = judge(noise + effect).word
        right = np.isin(word, ["uses", "uses little"] if effect else ["ignores"])
        right |= (word == "ignores") & (abs(effect) < MARGIN)
        shares = right.mean(axis=(1, 2, 3))
        decided = word != "inconclusive"
        first = np.where(decided.any(axis=0), np.asarray(USUAL_LOOKS)[decided.argmax(axis=0)], MOST)
        row: dict[str, object] = {"comparisons": family, "true effect": f"{effect:g}"}
        row |= {
            f"{look} seeds": f"{100 * share:.0f}" for look, share in zip(USUAL_LOOKS, shares, strict=True)
        }
        rows.append(row | {"mean seeds until decided": f"{first.mean():.1f}"})
    return rows


def published(studies: int = 400) -> list[dict[str, object]]:
    """Return the words on the paper's own table of partially trained tickets, resampled with its spreads."""
    with (resources.files("prunepipe") / "data" / "published_numbers.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file).query("table == 'partial_checks' and ticket == 'learning_rate_rewinding'")
    places = [
        (network, check) for network in ("vgg19", "resnet32") for check in ("half_dataset", "shuffle_weights")
    ]
    cell = table.set_index(["network", "check", "prune_ratio"])[["accuracy_mean", "accuracy_std"]]
    ratios = sorted(table["prune_ratio"].unique())
    rows = []
    for seeds in (5, 10, 20, 50):
        generator = numpy_generator(0, "published", seeds)
        runs = np.empty((2, studies, len(places), len(ratios), seeds))
        for c, (network, check) in enumerate(places):
            for r, ratio in enumerate(ratios):
                for side, name in enumerate(("none", check)):
                    mean, spread = cell.loc[(network, name, ratio)]
                    runs[side, :, c, r] = generator.normal(mean, spread, (studies, seeds))
        differences = runs[1] - runs[0]
        differences[:, [network == "vgg19" for network, _ in places], -1] = (
            np.nan
        )  # collapsed with and without
        possible = np.isfinite(differences[0, ..., 0])
        found = evidence(differences, looks=(seeds,), margin=MARGIN)
        word = words(
            claims(found), SIGNIFICANCE, judged=possible, any_collapse=np.zeros(possible.shape, bool)
        )
        for c, (network, check) in enumerate(places):
            own = word[:, c][:, possible[c]]
            shares = {
                w: f"{100 * (own == w).mean():.0f}"
                for w in ("uses", "uses little", "ignores", "inconclusive")
            }
            veto = (own == "ignores").all(axis=-1).mean() if check == "shuffle_weights" else np.nan
            rows.append({"network": network, "check": check, "seeds": seeds, **shares,
                         "not sane": "-" if np.isnan(veto) else f"{100 * veto:.1f}"})  # fmt: skip
    return rows


def unseen() -> list[dict[str, object]]:
    """Return how often `ignores` is said while the check makes runs fail that no seed has shown yet."""
    rows = []
    for rate in (0.02, 0.1, 0.2):
        generator = numpy_generator(0, "unseen", str(rate))
        noise = _by_ratio((2000, 1, 3, MOST), generator)
        noise[..., 0, :] -= 30.0 * (generator.random(noise[..., 0, :].shape) < rate)
        word = judge(noise).word[..., 0]
        row: dict[str, object] = {"rate of failing runs, at one prune ratio": f"{100 * rate:.0f} %"}
        rows.append(
            row
            | {
                f"{look} seeds": f"{100 * (word[k] == 'ignores').mean():.1f}"
                for k, look in enumerate(USUAL_LOOKS)
            }
        )
    return rows


def markdown(rows: Sequence[dict[str, object]]) -> str:
    """Lay rows out as a Markdown table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [" | ".join(names), " | ".join("---" for _ in names)]
    lines += [" | ".join(str(row.get(name, "-")) for name in names) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


TEXT = """# Calibration of the verdicts

How often is a verdict wrong, and how often is there one? Simulated studies with a known truth ({studies} with
1, 12 and 60 comparisons, an eighth of them for the advice), at three prune ratios, judged by the code that
judges results. Margin 0.5 points, significance 5 %, looks after 3, 5, 8, 12 and 20 seeds. Made by `python
benchmarks/calibrate_verdicts.py`.

## Wrong claims

Percent of *studies* with at least one wrong claim, standard error in brackets. `uses` and `uses little` are
wrong where the true mean effect is 0 or a gain; `ignores` and `uses little` where it is the margin or more, up
or down. True effects are given for the three prune ratios, and are the same for every comparison: all claims
can be wrong at once. Stopped: each comparison when decided; the whole study at a random look (the budget);
where the next look decides with a probability below 0.3 (the advice); or with hindsight, wherever something
wrong was said.

* Spreads are the published standard deviations, none left out (0.05 to 18.17 points, median 0.20), drawn for
  every comparison and prune ratio; the two runs of a pair have independent luck. Half of the variance is common
  to the prune ratios of a seed, unless a row says otherwise; exponential noise is independent.
* Exponential noise is that of the difference itself, the hardest case for a t test. Failures befall runs with
  and without the check alike.
* Under normal noise the level is proved. Under the other laws it is not: the constants of the spread floor (1.4,
  cubed, 99.5 %) were chosen on simulations of these laws, so these rows show that the choice works here, with
  other draws, and not that it would under any law.

{calibration}

## Power

Percent of comparisons and prune ratios that are decided rightly (`ignores` at 0, either reading at -0.2, harm
below), under normal noise with published spreads. The last column counts
the 20 seeds of what stays open.

{power}

## The paper's own table

LR rewinding on CIFAR-10, drawn from the published means and deviations
([slides](https://arxiv.org/abs/2009.11094)), one look. VGG19 at 98 % collapsed with and without every check:
not judged. Half of the data set costs VGG19 0.35 and 0.46 points, less than the margin: with more seeds the
word becomes `uses little`, not `ignores`. "not sane": percent of studies in which `shuffle weights` would make
it so. The paper publishes no checks of hybrid tickets.

{published}

## What no small study can see

If the check makes a run fail now and then (here: 30 points lost, at one prune ratio only), seeds that show no
such run look like no effect. No test can know better, so `ignores` speaks of runs like those that were seen,
and says which rate of failures its seeds cannot exclude. Percent of studies with `ignores` at that prune ratio,
one comparison:

{unseen}
"""


def main() -> None:
    """Print the tables and write the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "docs" / "calibration.md")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the studies")
    arguments = parser.parse_args()
    if arguments.quick:
        STUDIES.update({family: max(count // 20, 16) for family, count in STUDIES.items()})
    rows = []
    scenarios = [(name, law, effects) for name, law in LAWS.items() for effects in NULLS.values()]
    scenarios += [
        (name, LAWS[name], effects)
        for effects in BY_RATIO.values()
        for name in ["normal, deviations .15/.25/.5"]
    ]
    for family in STUDIES:
        for name, law, effects in scenarios:
            rows += calibrate(
                name, law, effects, family, advice=family == 12 and name.startswith("normal, pub")
            )
            print(rows[-1], flush=True)
    tables = {
        "calibration": markdown([row for row in rows if row["stopped"] != "at the budget" or row["comparisons"] == 12]),
        "power": markdown(power()), "published": markdown(published()), "unseen": markdown(unseen()),
    }  # fmt: skip
    studies = ", ".join(map(str, STUDIES.values()))
    arguments.output.write_text(TEXT.format(studies=studies, **tables), encoding="utf-8")


if __name__ == "__main__":
    main()
