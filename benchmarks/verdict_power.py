"""How many seeds verdicts need: with looks, and in a fixed design of the same power."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from distributions import ALIKE, BY_RATIO, DISTRIBUTIONS, Distribution, published_cells
from simulated_studies import SIGNIFICANCE, Design, differences, drive, judge, observe

from prunepipe.seeds import numpy_generator
from prunepipe.study.rows import USUAL_LOOKS
from prunepipe.verdicts.evidence import claims, evidence
from prunepipe.verdicts.words import words

EFFECTS = (0.0, -0.2, -1.0, -3.0, -20.0)


def right(word: np.ndarray, effect: float, margin: float) -> np.ndarray:
    """Return where the word is right and says something: harm, or equivalence where it is true."""
    harm = np.isin(word, ["uses", "uses little"]) & (effect < 0)
    return harm | ((word == "ignores") & (abs(effect) < margin))


def power(studies: dict[int, int]) -> list[dict[str, object]]:
    """Return how many comparisons are decided rightly at each look, under normal noise with published spreads.

    Args:
        studies: how many to simulate, by the number of comparisons.
    """
    rows, distribution = [], DISTRIBUTIONS["normal, published spreads"]
    for family, effect in [(family, effect) for family in studies for effect in EFFECTS]:
        design, generator = Design(family), numpy_generator(0, "power", family, str(effect))
        drawn = differences(distribution, [effect] * 3, design, max(studies[family] // 8, 100), generator)
        word = drive(observe(drawn), design).word
        shares = right(word, effect, design.margin).mean(axis=(1, 2, 3))
        decided = word != "inconclusive"
        mean = np.where(
            decided.any(axis=0), np.asarray(USUAL_LOOKS)[decided.argmax(axis=0)], USUAL_LOOKS[-1]
        ).mean()
        row = {"comparisons": family, "true effect": f"{effect:g}"}
        row |= {
            f"{look} seeds": f"{100 * share:.0f}" for look, share in zip(USUAL_LOOKS, shares, strict=True)
        }
        fixed = _fixed_seeds(drawn, effect, design, shares[-1])
        saved = f"{100 * (1 - mean / fixed):.0f} %" if shares[-1] >= 0.05 else "-"
        rows.append(row | {"mean seeds": f"{mean:.1f}", "fixed design": fixed, "runs saved": saved})
    return rows


def _fixed_seeds(drawn: np.ndarray, effect: float, design: Design, share: float) -> int:
    """Return the least number of seeds of a fixed design that decides as large a share."""
    for seeds in range(3, design.looks[-1]):
        fixed = design._replace(looks=(seeds,))
        if right(judge(observe(drawn[..., :seeds]), fixed).word, effect, design.margin).mean() >= share:
            return seeds
    return design.looks[-1]


def alike(studies: int) -> list[dict[str, object]]:
    """Return how many comparisons are decided in one look, where all scatter alike."""
    rows, distribution = [], ALIKE["spreads alike, normal"]
    for seeds in (5, 8):
        design = Design(17, 2, (seeds,), 1.0)
        row: dict[str, object] = {"seeds": seeds}
        for effect in (0.0, -1.0, -2.0, -3.0, -7.0):
            drawn = differences(
                distribution, [effect] * 2, design, studies, numpy_generator(0, "alike", seeds, str(effect))
            )
            share = right(judge(observe(drawn), design).word, effect, design.margin).mean()
            row[f"effect {effect:g}"] = f"{100 * share:.0f}"
        rows.append(row)
    return rows


def published(studies: int = 400) -> list[dict[str, object]]:
    """Return the words on the paper's own table of partially trained tickets, resampled with its spreads."""
    places, runs_of = published_cells("learning_rate_rewinding", ("half_dataset", "shuffle_weights"))
    rows = []
    for seeds in (5, 10, 20, 50):
        runs = runs_of((studies, seeds), numpy_generator(0, "published", seeds))
        drawn = runs[1] - runs[0]
        vgg19 = [network == "vgg19" for network, _ in places]
        drawn[:, vgg19, -1] = np.nan  # collapsed with and without every check
        possible = np.isfinite(drawn[0, ..., 0])
        found = claims(evidence(drawn, looks=(seeds,), margin=0.5))
        word = words(found, SIGNIFICANCE, judged=possible, any_collapse=np.zeros(possible.shape, bool))
        rows += [
            {"network": network, "check": check, "seeds": seeds} | _read(word[:, c][:, possible[c]], check)
            for c, (network, check) in enumerate(places)
        ]
    return rows


def _read(word: np.ndarray, check: str) -> dict[str, object]:
    names = ("uses", "uses little", "ignores", "inconclusive")
    shares: dict[str, object] = {name: f"{100 * (word == name).mean():.0f}" for name in names}
    veto = f"{100 * (word == 'ignores').all(axis=-1).mean():.1f}" if check == "shuffle_weights" else "-"
    return shares | {"not sane": veto}


def unseen(studies: int = 2000, distribution: Distribution = BY_RATIO) -> list[dict[str, object]]:
    """Return how often `ignores` is said while the check makes runs fail that no seed has shown yet."""
    rows = []
    for rate in (0.02, 0.1, 0.2):
        generator, design = numpy_generator(0, "unseen", str(rate)), Design(1)
        drawn = differences(distribution, [0.0] * 3, design, studies, generator)
        drawn[..., 0, :] -= 30.0 * (generator.random(drawn[..., 0, :].shape) < rate)
        shares = (judge(observe(drawn), design).word[..., 0] == "ignores").mean(axis=(1, 2))
        row: dict[str, object] = {"rate of failing runs, at one prune ratio": f"{100 * rate:.0f} %"}
        rows.append(row | _by_look(shares))
    return rows


def _by_look(shares: Iterable[float]) -> dict[str, object]:
    return {f"{look} seeds": f"{100 * share:.1f}" for look, share in zip(USUAL_LOOKS, shares, strict=True)}
