"""Draw the initial weights of a network, and describe its layers for stages without torch."""

from prunepipe.stages.command_line import run
from prunepipe.stages.schemas.initialising import InitialSettings


def main(files, settings):
    """Build the network for the data set, initialise and trace it."""
    from prunepipe.artifacts import write_arrays, write_json
    from prunepipe.stages.initialising import initialise

    weights, structure = initialise(files.data, settings)
    write_arrays(files.weights, weights, settings=settings.model_dump(mode="json"))
    write_json(files.structure, structure.to_json())
    if not structure.followed:
        print(
            "note: the network's forward pass reads values that depend on the image, so its paths cannot be followed: "
            "every kept weight counts as effective, and no ticket as collapsed"
        )
    if structure.unprunable:
        print(
            f"note: {structure.unprunable:.0%} of the network's weights in matrices stay dense, because their layers "
            "are of no prunable type; `prunepipe inspect NETWORK` lists them"
        )


run(__doc__, main, "data", "weights", "structure", settings=InitialSettings)
