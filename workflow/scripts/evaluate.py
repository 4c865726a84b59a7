"""Measure one finished run: accuracy, loss, sparsity, connectivity, provenance."""

from prunepipe.artifacts import write_json
from prunepipe.stages.command_line import run
from prunepipe.stages.evaluation import measure
from prunepipe.stages.outcome import finished
from prunepipe.stages.schemas.evaluating import PlaceSettings


def main(files, settings):
    """Write the run's metrics and delete its checkpoint, which is no longer needed."""
    write_json(files.metrics, measure(files, settings))
    finished(files.execution)


run(
    __doc__,
    main,
    "data",
    "trained",
    "history",
    "logits",
    "metrics",
    optional=("layers",),
    settings=PlaceSettings,
)
