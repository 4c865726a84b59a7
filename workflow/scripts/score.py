"""Score every prunable weight of a network: higher means keep."""

from prunepipe.stages.command_line import run
from prunepipe.stages.schemas.scoring import ScoreSettings


def main(files, settings):
    """Read weights and data, score, write."""
    from prunepipe.artifacts import write_arrays
    from prunepipe.pruning.tickets import read_weights
    from prunepipe.stages.scoring import score

    weights, mask = read_weights(files.weights)
    scores = score(files.data, files.structure, weights, settings, files.execution, mask)
    write_arrays(files.scores, scores, settings=settings.model_dump(mode="json"))


run(__doc__, main, "data", "weights", "structure", "scores", settings=ScoreSettings)
