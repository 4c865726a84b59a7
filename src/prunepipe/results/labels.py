"""What names are called in tables and figures: the paper's words for its own, the user's name for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from prunepipe.datasets.rows import DATASETS, DatasetRow
from prunepipe.networks import NETWORKS, NetworkRow
from prunepipe.study.names import registered_row

PAPER = "paper"
"""Name of the study that repeats the paper; no other is compared with its numbers."""

TICKET_LABELS = {
    "full_network": "Full network",
    "lottery": "Lottery",
    "snip": "SNIP",
    "grasp": "GraSP",
    "random": "Random",
    "obd": "OBD",
    "learning_rate_rewinding": "LR rewinding",
    "hybrid": "Hybrid",
    "random_uniform": "Random (uniform)",
    "magnitude_at_init": "Magnitude at init",
    "synflow": "SynFlow",
    "erk": "Random (ERK)",
    "lamp": "LAMP",
    "fine_tuning": "Fine-tuning",
}


def ticket_label(name: str) -> str:
    """Return what a ticket is called."""
    return TICKET_LABELS.get(name, name)


def check_label(name: str) -> str:
    """Return what a check is called: `half_dataset` is "half dataset"."""
    return name.replace("_", " ")


def row_label(ticket: str, check: str) -> str:
    """Return what a ticket under a check is called, in the form of the paper's tables."""
    return ticket_label(ticket) if check == "none" else f"{ticket_label(ticket)} + {check_label(check)}"


def dataset_label(name: str) -> str:
    """Return what a data set is called."""
    return _label("data set", name, DATASETS)


def network_label(name: str) -> str:
    """Return what a network is called: `vgg19` is "VGG19", `vgg_digits` is "VGG (digits)"."""
    return _label("network", name, NETWORKS)


def _label(kind: str, name: str, built_in: Mapping[str, DatasetRow | NetworkRow]) -> str:
    row = built_in.get(name) or registered_row(kind, name)
    return (row and row.label) or name


def ratio_label(prune_ratio: float) -> str:
    """Return a prune ratio in percent, exactly as it was written: 0.98 is "98 %"."""
    return f"{float(100 * Fraction(str(prune_ratio))):.10g} %"
