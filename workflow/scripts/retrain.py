"""Retrain a ticket on the full clean data; one without any path is recorded as collapsed instead."""

from prunepipe.artifacts import read_json
from prunepipe.pruning.tickets import read_ticket, write_ticket
from prunepipe.stages.command_line import run
from prunepipe.stages.schemas.training import RetrainSettings


def main(files, settings):
    """Train the ticket's weights under its mask, and write where they ended."""
    weights, mask, _ = read_ticket(files.ticket)
    collapsed = read_json(files.layers, "collapsed")["collapsed"]
    if collapsed and files.collapsed == "record":
        from prunepipe.stages.collapse import untrained as outcome_of  # torch is not needed for this
    else:
        from prunepipe.stages.training import retrain as outcome_of
    from prunepipe.stages.outcome import write_run

    outcome = outcome_of(files.data, weights, mask, settings, files.execution)
    write_ticket(files.trained, outcome.weights, mask, settings=settings.model_dump(mode="json"))
    write_run(outcome, files)


FILES = ("data", "ticket", "layers", "trained", "history", "logits", "timing")
run(__doc__, main, *FILES, settings=RetrainSettings, choices={"collapsed": ("record", "train")})
