"""Retrain a ticket on the full clean data; a ticket with layer collapse is recorded and not trained."""

from prunepipe.artifacts import write_json
from prunepipe.pruning.tickets import read_ticket, write_ticket
from prunepipe.stages.command_line import run
from prunepipe.stages.outcome import write_run
from prunepipe.stages.schemas.training import RetrainSettings
from prunepipe.stages.training import retrain


def main(files, settings):
    """Train the ticket's weights under its mask; write the outcome and a description of the mask."""
    weights, mask, _ = read_ticket(files.ticket)
    outcome = retrain(files.data, weights, mask, settings, files.execution)
    write_ticket(files.trained, outcome.weights, mask, settings=settings.model_dump(mode="json"))
    write_json(files.layers, {**outcome.shape, "train_collapsed": settings.train_collapsed})
    write_run(outcome, files)


FILES = ("data", "ticket", "trained", "layers", "history", "logits", "timing")
run(__doc__, main, *FILES, settings=RetrainSettings)
