"""Sanity checks for neural-network pruning methods, as a Snakemake workflow."""

__version__ = "0.1.0"
