"""Results tables for tests: simulated studies, with gaps on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from prunepipe.study.rows import VerdictRule
from prunepipe.verdicts.verdicts import assessments, verdicts

RUN = ["study", "dataset", "network", "ticket", "check", "prune_ratio", "seed"]


def study(
    effects: Mapping[str, Mapping[str, float]],
    *,
    seeds: int = 5,
    prune_ratios: Sequence[float] = (0.9, 0.95),
    noise: float = 0.2,
    networks: Sequence[str] = ("vgg19",),
    study: str = "simulated",
    base: float = 80.0,
    generator_seed: int = 0,
) -> pd.DataFrame:
    """Results with known effects: {ticket: {check: points}}; `none` is added; noise is the sd of one run."""
    generator = np.random.default_rng(generator_seed)
    rows: list[dict[str, Any]] = []
    for network, (ticket, checks) in product(networks, effects.items()):
        cells = product({"none": 0.0, **checks}.items(), prune_ratios, range(seeds))
        for (check, effect), prune_ratio, seed in cells:
            accuracy = base + effect + noise * generator.normal()
            place = (study, "cifar10", network, ticket, check, prune_ratio, seed)
            rows.append({**dict(zip(RUN, place, strict=True)), **done(accuracy, float(generator.random()))})
    return pd.DataFrame(rows)


def done(accuracy: float, loss: float) -> dict[str, Any]:
    """Columns of a run that is done."""
    outcome = {"accuracy": accuracy, "best_accuracy": accuracy, "loss": loss, "density": 0.1}
    where = {"device": "cpu", "precision": "float32", "version": "0.1.0", "code": "abc"}
    return {
        **outcome,
        "effective_density": 0.1,
        "dead_units": 3,
        "unreachable_outputs": 0,
        "collapsed": False,
        "epochs": 160,
        "seconds": 1.0,
        **where,
        "status": "done",
        "cause": "",
    }


def pick(results: pd.DataFrame, **values: Any) -> pd.Series[bool]:
    """Rows where every named column has the value, or one of the values of a list."""
    chosen = pd.Series(True, index=results.index)
    for column, value in values.items():
        chosen &= results[column].isin(value if isinstance(value, list) else [value])
    return chosen


def collapse(results: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """The same results with the chosen runs collapsed: chance accuracy, flagged."""
    chosen = pick(results, **values)
    assert chosen.any()
    changed = {"accuracy": 10.0, "loss": 2.302585, "collapsed": True, "epochs": 0}
    return results.assign(**{name: results[name].mask(chosen, value) for name, value in changed.items()})


def lose(results: pd.DataFrame, cause: str = "out of memory", **values: Any) -> pd.DataFrame:
    """The same results with the chosen runs missing, as the collected table shows them."""
    chosen = pick(results, **values)
    assert chosen.any()
    changed = {"accuracy": np.nan, "loss": np.nan, "status": "missing", "cause": cause}
    changes = {name: results[name].mask(chosen, value) for name, value in changed.items()}
    return results.assign(**changes, collapsed=results["collapsed"].astype(object).mask(chosen, np.nan))


def judged(results: pd.DataFrame, seeds: Any = None, at_chance: Any = (), **rule: Any) -> pd.DataFrame:
    """Return the verdicts on results."""
    return verdicts(assessments(results, VerdictRule(**rule), seeds=seeds, at_chance=at_chance))


def only(results: pd.DataFrame, **options: Any) -> pd.Series:
    """Return the verdict on results of one comparison."""
    table = judged(results, **options)
    assert len(table) == 1
    return table.iloc[0]
