"""Read start weights from a file of the user's: a state dict, with or without masks, as `prunepipe audit` reads it."""

from pathlib import Path

from prunepipe.artifacts import read_arrays, write_arrays
from prunepipe.networks.structure import read_structure
from prunepipe.pruning.given import read_given, start_weights
from prunepipe.stages.command_line import run
from prunepipe.stages.schemas.giving import GivenSettings


def main(files, settings):
    """Check the file against the network, complete it with initial weights, write it."""
    given = read_given(Path(files.source), read_structure(files.structure))
    weights = start_weights(given, read_arrays(files.initial)[0])
    write_arrays(files.weights, weights, **settings.model_dump())


run(__doc__, main, "source", "initial", "structure", "weights", settings=GivenSettings)
