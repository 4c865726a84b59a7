"""Convert a data set to the common in-memory form: uint8 images, int64 labels, constants."""

from pathlib import Path

from prunepipe.datasets import prepare, write_dataset
from prunepipe.stages.command_line import run
from prunepipe.stages.schemas.preparing import DatasetSettings


def main(files, settings):
    """Load, reduce and write the data set."""
    amount = settings.model_dump(exclude={"reference", "folder"})
    dataset = prepare(settings.reference, Path(settings.folder), **amount)
    write_dataset(files.output, dataset, settings.reference)


run(__doc__, main, "output", settings=DatasetSettings)
