"""Draw the initial weights of a network, and describe its layers and paths for the stages without torch."""

from prunepipe.stages.command_line import run
from prunepipe.stages.schemas.initialising import InitialSettings


def main(files, settings):
    """Build the network for the data set, initialise and trace it."""
    from prunepipe.artifacts import write_arrays, write_json
    from prunepipe.stages.initialising import initialise

    weights, structure = initialise(files.data, settings)
    write_arrays(files.weights, weights, settings=settings.model_dump(mode="json"))
    write_json(files.structure, structure.to_json())


run(__doc__, main, "data", "weights", "structure", settings=InitialSettings)
