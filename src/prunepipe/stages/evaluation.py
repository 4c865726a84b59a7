"""The stage that measures a finished run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from prunepipe.artifacts import read_arrays, read_json
from prunepipe.errors import ArtifactError
from prunepipe.pruning.masks import density
from prunepipe.pruning.tickets import read_ticket
from prunepipe.stages.schemas.evaluating import PlaceSettings
from prunepipe.training.evaluation import evaluate, evaluate_collapsed

_SHAPE = ("density", "effective_density", "collapsed", "unreachable_outputs")


def measure(files: SimpleNamespace, settings: PlaceSettings) -> dict[str, Any]:
    """Return the metrics of a run.

    Args:
        files: paths of data, trained weights, history, logits, and the ticket's layers (None for a dense run).
        settings: the run's place in the study, its precision and the versions of its code.

    Returns:
        Place, accuracy in percent and loss, the same before training (of tickets that were trained), epochs,
        densities, dead units, unreachable outputs, layer collapse, checksum of the data.
    """
    test, facts = read_arrays(files.data, only=("test_labels",))
    recorded = read_json(files.history, "epochs")
    history = recorded["epochs"]
    shape = _shape(files.trained, files.layers)
    if shape["collapsed"] and not history:
        scores = evaluate_collapsed(facts["classes"])
    else:
        logits, _ = read_arrays(files.logits)
        scores = evaluate(logits["logits"], test["test_labels"], history)
    before = {f"{name}_before": value for name, value in recorded.get("before", {}).items()}
    return {**settings.model_dump(), **scores, **before, **shape, "data_checksum": facts["checksum"]}


def _shape(trained: str, layers: str | None) -> dict[str, Any]:
    """Return densities, dead units and layer collapse of the trained network; dense runs have no layers file."""
    if layers is None:
        read_arrays(trained)
        return {
            "density": 1.0,
            "effective_density": 1.0,
            "dead_units": 0,
            "unreachable_outputs": 0,
            "collapsed": False,
        }
    _, mask, _ = read_ticket(trained)
    described = read_json(layers, "layers", *_SHAPE)
    if density(mask) != described["density"]:
        raise ArtifactError(
            f"{trained}: keeps {density(mask)} of the weights, {layers} says {described['density']}."
        )
    dead_units = sum(layer["dead_units"] for layer in described["layers"])
    shape = {key: described[key] for key in _SHAPE}
    return {**shape, "dead_units": dead_units}
