"""Score every prunable weight of a network: higher means keep."""

from prunepipe.stages.command_line import run
from prunepipe.stages.schemas.scoring import ScoreSettings


def main(files, settings):
    """Read weights and data, score, write."""
    from prunepipe.artifacts import read_arrays, write_arrays
    from prunepipe.stages.scoring import score

    scores = score(files.data, files.structure, read_arrays(files.weights)[0], settings, files.execution)
    write_arrays(files.scores, scores, settings=settings.model_dump(mode="json"))


run(__doc__, main, "data", "weights", "structure", "scores", settings=ScoreSettings)
