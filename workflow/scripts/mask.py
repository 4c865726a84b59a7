"""Turn scores into a mask that keeps exactly as many weights as the prune ratio leaves."""

from prunepipe.artifacts import read_arrays
from prunepipe.networks.structure import read_structure
from prunepipe.pruning.tickets import write_mask
from prunepipe.stages.command_line import run
from prunepipe.stages.masking import make_mask
from prunepipe.stages.schemas.masking import MaskSettings


def main(files, settings):
    """Allocate, select, write."""
    scores, _ = read_arrays(files.scores, finite=False)  # -inf marks weights pruned in an earlier round
    structure = read_structure(files.structure)
    write_mask(files.mask, make_mask(scores, structure, settings), settings=settings.model_dump(mode="json"))


run(__doc__, main, "scores", "structure", "mask", settings=MaskSettings)
