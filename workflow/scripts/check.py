"""Apply a sanity check to a mask or to the start weights; the result is the ticket to retrain."""

from prunepipe.artifacts import read_arrays
from prunepipe.networks.structure import read_structure
from prunepipe.pruning.tickets import read_mask, read_weights, require_fit, write_ticket
from prunepipe.stages.checking import apply_check
from prunepipe.stages.command_line import run
from prunepipe.stages.schemas.checking import CheckSettings


def main(files, settings):
    """Read mask and weights, change one of them, write the ticket."""
    mask, _ = read_mask(files.mask)
    structure = read_structure(files.structure)
    require_fit(files.mask, mask, structure)
    fresh = read_arrays(files.fresh)[0] if files.fresh else {}
    weights, mask = apply_check(read_weights(files.weights)[0], mask, fresh, settings)
    write_ticket(files.ticket, weights, mask, settings=settings.model_dump(mode="json"))


run(
    __doc__,
    main,
    "mask",
    "weights",
    "structure",
    "ticket",
    optional=("fresh",),
    settings=CheckSettings,
)
