"""Train a ticket on the way to its mask; the result is a mask and the weights that training ended with."""

from prunepipe.artifacts import write_json
from prunepipe.pruning.tickets import read_mask, read_weights, write_ticket
from prunepipe.stages.command_line import run
from prunepipe.stages.outcome import finished, write_run
from prunepipe.stages.schemas.training import SearchSettings
from prunepipe.stages.searching import search


def main(files, settings):
    """Train on the chosen data variant; write mask and weights, and a description of the mask."""
    mask = read_mask(files.mask)[0] if files.mask else {}
    weights, _ = read_weights(files.weights)
    outcome = search(files.data, files.structure, weights, mask, settings, files.execution)
    write_ticket(files.trained, outcome.weights, outcome.mask, settings=settings.model_dump(mode="json"))
    write_json(files.layers, {**outcome.shape, "train_collapsed": settings.train_collapsed})
    write_run(outcome, files)
    finished(files.execution)


FILES = ("data", "weights", "structure", "trained", "layers", "history", "logits", "timing")
run(__doc__, main, *FILES, optional=("mask",), settings=SearchSettings)
