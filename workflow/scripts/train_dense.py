"""Train the unpruned network, keeping its weights at the rewind points."""

from pathlib import Path

from prunepipe.stages.command_line import run
from prunepipe.stages.schemas.training import DenseSettings


def main(files, settings):
    """Train on the chosen data variant; test on the original test set."""
    from prunepipe.artifacts import read_arrays, write_arrays
    from prunepipe.stages.outcome import write_run
    from prunepipe.stages.training import train_dense

    outcome = train_dense(files.data, read_arrays(files.weights)[0], settings, files.execution)
    for epoch, weights in outcome.snapshots.items():
        write_arrays(
            Path(files.final).with_name(f"epoch{epoch}.safetensors"),
            weights,
            settings=settings.model_dump(mode="json"),
        )
    write_arrays(files.final, outcome.weights, settings=settings.model_dump(mode="json"))
    write_run(outcome, files)


run(__doc__, main, "data", "weights", "final", "history", "logits", "timing", settings=DenseSettings)
