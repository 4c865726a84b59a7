"""Measure one finished run: accuracy, loss, sparsity, connectivity, provenance."""

from stage import run

from prunepipe.artifacts import write_json
from prunepipe.pipeline.evaluation import measure


def main(files, settings):
    """Write the run's metrics."""
    write_json(files.metrics, measure(files, settings))


run(__doc__, main, "data", "trained", "history", "logits", "metrics", optional=("layers",))
