"""The stage that measures a finished run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from prunepipe.artifacts import read_arrays, read_json
from prunepipe.evaluation import evaluate, evaluate_collapsed


def measure(files: SimpleNamespace, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of a run.

    Args:
        files: paths of data, history and logits, and of the ticket's layers (none for a dense run).
        settings: the run's place in the study, its precision and the versions of its code.

    Returns:
        Place, accuracy in percent, loss, epochs, densities, collapse, checksum of the data.
    """
    shape = {"density": 1.0, "effective_density": 1.0, "collapsed": False}
    if files.layers:
        described = read_json(files.layers)
        shape = {key: described[key] for key in shape}
    test, facts = read_arrays(files.data, only=("test_labels",))
    history = read_json(files.history)
    if shape["collapsed"] and not history:
        scores = evaluate_collapsed(facts["classes"])
    else:
        logits, _ = read_arrays(files.logits)
        scores = evaluate(logits["logits"], test["test_labels"], history)
    return {**settings, **scores, **shape, "data_checksum": facts["checksum"]}
