"""Bring a data set into the one in-memory form: uint8 images, int64 labels, constants."""

from pathlib import Path

from prunepipe.datasets import prepare, write_dataset
from prunepipe.stages.command_line import run


def main(files, settings):
    """Load, reduce and write the data set."""
    reference, folder = settings.pop("reference"), Path(settings.pop("folder"))
    write_dataset(files.output, prepare(reference, folder, **settings), reference)


run(__doc__, main, "output")
