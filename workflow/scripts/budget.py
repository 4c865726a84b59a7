"""Check whether a ticket's allocation can meet a prune ratio on a network, before anything is trained for it."""

from prunepipe.artifacts import write_json
from prunepipe.networks.structure import read_structure
from prunepipe.stages.budgeting import budget
from prunepipe.stages.command_line import run
from prunepipe.stages.schemas.budgeting import BudgetSettings


def main(files, settings):
    """Read the layers, check, write the numbers of weights."""
    write_json(files.budget, budget(read_structure(files.structure), settings))


run(__doc__, main, "structure", "budget", settings=BudgetSettings)
