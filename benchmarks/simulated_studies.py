"""Simulated studies: judged at every look, stopped by users' rules, and compared with the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from distributions import Distribution

from prunepipe.study.rows import USUAL_LOOKS
from prunepipe.verdicts.boundaries import decision_probability, levels, state_at
from prunepipe.verdicts.evidence import Evidence, claims, evidence
from prunepipe.verdicts.words import words

SIGNIFICANCE = 0.05
NO_NOISE = Distribution(lambda shape, generator: np.zeros(shape))


class Design(NamedTuple):
    """What a study compares, and how it is judged."""

    comparisons: int
    prune_ratios: int = 3
    looks: tuple[int, ...] = USUAL_LOOKS
    margin: float = 0.5
    """In points."""


class Judged(NamedTuple):
    """Words at every look."""

    word: np.ndarray
    """[looks, studies, comparisons, prune ratios]."""
    chance: np.ndarray | None
    """[looks - 1, studies, comparisons, prune ratios] advice: probability of a decision at the next look."""


def differences(
    distribution: Distribution,
    effects: Sequence[float],
    design: Design,
    studies: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Draw differences [studies, comparisons, prune ratios, seeds] with true effects at each prune ratio."""
    shape = (studies, design.comparisons, design.prune_ratios, design.looks[-1])
    return distribution.noise(shape, generator) + np.asarray(effects)[:, None]


class Observed(NamedTuple):
    """What the runs of simulated studies show."""

    differences: np.ndarray
    """[studies, comparisons, prune ratios, seeds] in points, NaN where a network of the pair collapsed."""
    collapsed: np.ndarray
    """The same shape: under the check."""
    collapsed_reference: np.ndarray
    """The same shape: without it."""
    step: float
    """Of the accuracy, in points."""

    def evidence(self, design: Design, reached: np.ndarray | None = None) -> Evidence:
        """Test everything at every look; `reached` [studies, comparisons, prune ratios, looks], default: all."""
        return evidence(
            self.differences,
            looks=design.looks,
            margin=design.margin,
            reached=reached,
            least_spread=self.step,
            collapsed=self.collapsed,
            collapsed_reference=self.collapsed_reference,
        )

    def words(self, found: Evidence, look: int, seeds: int) -> np.ndarray:
        """Return the words [studies, comparisons, prune ratios] at a look of so many seeds."""
        gone = (self.collapsed | self.collapsed_reference)[..., :seeds].any(axis=-1)
        judged = np.ones(gone.shape[1:], bool)
        return words(claims(found, look=look), SIGNIFICANCE, judged=judged, any_collapse=gone)


def observe(
    drawn: np.ndarray, distribution: Distribution = NO_NOISE, generator: np.random.Generator | None = None
) -> Observed:
    """Let some runs collapse, and round accuracies, as the noise distribution says.

    Args:
        drawn: [studies, comparisons, prune ratios, seeds] differences in points.
        distribution: how coarse the accuracy is, and how often runs collapse.
        generator: of the collapses.
    """
    gone = [np.zeros(drawn.shape, bool)] * 2
    if distribution.collapse and generator is not None:
        gone = [generator.random(drawn.shape) < distribution.collapse for _ in range(2)]
    if distribution.step:
        drawn = np.round(drawn / distribution.step) * distribution.step
    return Observed(np.where(gone[0] | gone[1], np.nan, drawn), *gone, distribution.step)


def judge(observed: Observed, design: Design, *, advice: bool = False) -> Judged:
    """Judge studies at every look, with or without the advice, which is slow."""
    found, said, chances = observed.evidence(design), [], []
    for look, seeds in enumerate(design.looks):
        said.append(observed.words(found, look, seeds))
        if advice and look + 1 < len(design.looks):
            chances.append(_chances(found, look, design))
    return Judged(np.stack(said), np.stack(chances) if chances else None)


def drive(observed: Observed, design: Design) -> Judged:
    """Judge studies as `prunepipe judge` runs them: a comparison that is decided gets no further runs.

    So later looks know the spreads of the comparisons that are still open, and of no others.
    """
    reached, said = np.ones((*observed.differences.shape[:-1], len(design.looks)), bool), []
    for look, seeds in enumerate(design.looks):
        said.append(observed.words(observed.evidence(design, reached), look, seeds))
        reached[said[-1] != "inconclusive", look + 1 :] = False
    return Judged(np.stack(said), None)


def _chances(found: Evidence, look: int, design: Design) -> np.ndarray:
    """Return the advice of each study."""
    shown = claims(found, look=look)
    judged, chances = np.ones(shown.harm.shape[1:], bool), np.empty(shown.harm.shape)
    for study in range(len(chances)):
        asked = levels(_one(shown, study), SIGNIFICANCE, judged)
        state = state_at(_one(found, study), np.full(judged.shape, look), asked, judged)
        chances[study] = decision_probability(state, design.looks, design.margin).reshape(judged.shape)
    return chances


def _one(found, study):  # type: ignore[no-untyped-def]
    """Return one of many studies: the same tuple of tuples of arrays without their first axis."""
    return type(found)(*(_one(part, study) if isinstance(part, tuple) else part[study] for part in found))


def wrong(word: np.ndarray, effects: Sequence[float], margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Return where harm, and where equivalence, is claimed and false.

    Args:
        word: [..., prune ratios].
        effects: true effect at each prune ratio, in points.
        margin: in points.
    """
    truth = np.asarray(effects)
    harm, within = np.isin(word, ["uses", "uses little"]), np.isin(word, ["ignores", "uses little"])
    return harm & (truth >= 0), within & (np.abs(truth) >= margin)


def stopped(found: Judged, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the words [studies, comparisons, prune ratios] at which users stop, by their rule."""
    word = found.word
    decided = word != "inconclusive"
    first = np.where(decided.any(axis=0), decided.argmax(axis=0), len(word) - 1)
    budget = np.broadcast_to(generator.integers(len(word), size=(word.shape[1], 1, 1)), first.shape)
    rules = {"when decided": first, "at the budget": budget}
    if found.chance is not None:
        hopeless = np.concatenate([found.chance < 0.3, np.ones((1, *first.shape), bool)])
        rules["by the advice"] = (decided | hopeless).argmax(axis=0)
    return {name: np.take_along_axis(word, at[None], axis=0)[0] for name, at in rules.items()}
