"""Sanity checks for neural-network pruning methods, as a Snakemake workflow."""

__version__ = "0.1.0"

FLOORS = (
    ("errors", "seeds", "artifacts", "plugins", "validation"),
    ("networks",),
    ("datasets", "pruning"),
    ("study",),
    ("execution", "results"),
    ("training",),
    ("stages", "verdicts"),
    ("reports", "planning"),
    ("cli",),
)
"""The packages of the library, bottom up: a module imports from its own floor and the floors below. `api` is an
exception: it exposes names from several floors and imports each when it is first used."""
