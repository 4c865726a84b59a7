"""Sanity checks for neural-network pruning methods, as a Snakemake workflow."""

__version__ = "0.1.0"

FLOORS = (
    ("errors", "seeds", "artifacts", "cores", "plugins", "validation"),
    ("networks",),
    ("datasets", "pruning"),
    ("study",),
    ("execution", "results"),
    ("training",),
    ("stages", "verdicts"),
    ("reports", "planning"),
    ("cli",),
)
"""The rooms of the library, bottom up: a module imports from its own floor and from those below. `api` stands outside:
it names what users need from several floors and imports it when it is used."""
