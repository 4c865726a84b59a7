"""Publish the weights of one rewind point, for scoring or as start weights of retraining."""

from prunepipe.artifacts import mismatch, read_arrays, write_arrays
from prunepipe.errors import ArtifactError, remake
from prunepipe.networks.structure import read_structure
from prunepipe.stages.command_line import run
from prunepipe.stages.schemas.rewinding import RewindSettings


def main(files, settings):
    """Check a checkpoint against the network's structure and write it under the point's name."""
    weights, _ = read_arrays(files.source)
    structure = read_structure(files.structure)
    prunable = {name: weights[name] for name in structure.shapes if name in weights}
    if problem := mismatch(prunable, structure.shapes):
        raise ArtifactError(f"{files.source}: its weights {problem}. {remake(files.source)}")
    write_arrays(files.weights, weights, **settings.model_dump())


run(__doc__, main, "source", "structure", "weights", settings=RewindSettings)
