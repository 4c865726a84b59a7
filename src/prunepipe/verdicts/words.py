"""From adjusted p-values to one word."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from prunepipe.verdicts.evidence import Claims
from prunepipe.verdicts.looks import Bools

WORDS = ("uses", "uses little", "ignores", "improves", "collapses", "inconclusive", "not judged")


def words(found: Claims, significance: float, *, judged: Bools, any_collapse: Bools) -> npt.NDArray[np.str_]:
    """Return the word of every comparison and prune ratio.

    - uses: harm is shown, and is not shown to be within the margin;
    - uses little: harm is shown, and shown to be within the margin;
    - collapses: the check makes more networks collapse;
    - ignores: shown to be within the margin, harm is not shown, and no network collapsed;
    - improves: gain is shown, and is not shown to be within the margin;
    - inconclusive: none of these.

    Every word but the last rests on claims that further seeds cannot reverse.

    Args:
        found: [..., comparisons, prune ratios].
        significance: level of each kind of claim.
        judged: whether a comparison is possible; elsewhere "not judged".
        any_collapse: whether a network collapsed, with the check or without; this blocks `ignores`.
    """
    harm, within = found.harm <= significance, found.equivalence <= significance
    conditions = {
        "not judged": ~judged & np.ones(harm.shape, bool),
        "uses little": harm & within,
        "uses": harm,
        "collapses": found.collapse <= significance,
        "ignores": within & ~any_collapse,
        "improves": (found.gain <= significance) & ~any_collapse,
    }
    return np.select(list(conditions.values()), list(conditions), "inconclusive")
