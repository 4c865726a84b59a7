"""Labels for tables and figures: the paper's words for its own names, the user's names for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from prunepipe.datasets.rows import DATASETS, DatasetRow
from prunepipe.networks import NETWORKS, NetworkRow
from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.names import registered_row

PAPER = "paper"
"""Name of the study that reproduces the paper; only its results are compared with the paper's numbers."""

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
    "random_cost_matched": "Random (cost-matched)",
    "random_global": "Random (global)",
    "magnitude_at_init": "Magnitude at init",
    "synflow": "SynFlow",
    "erk": "Random (ERK)",
    "lamp": "LAMP",
    "imp": "IMP",
    "imp_late_rewinding": "IMP, late rewinding",
    "imp_lr_rewinding": "IMP, LR rewinding",
    "gmp": "GMP",
    "set": "SET",
    "rigl": "RigL",
    "fine_tuning": "Fine-tuning",
}


def ticket_label(name: str) -> str:
    """Return the label of a ticket."""
    return TICKET_LABELS.get(name, name)


def check_label(name: str) -> str:
    """Return the label of a check: `half_dataset` is "half dataset"."""
    return name.replace("_", " ")


def row_label(ticket: str, check: str) -> str:
    """Return the label of a ticket under a check, in the form of the paper's tables."""
    joined = " " if check == "as_found" else " + "
    return (
        ticket_label(ticket) if check == NO_CHECK else f"{ticket_label(ticket)}{joined}{check_label(check)}"
    )


def dataset_label(name: str) -> str:
    """Return the label of a data set."""
    return _label("data set", name, DATASETS)


def network_label(name: str) -> str:
    """Return the label of a network: `vgg19` is "VGG19", `vgg_digits` is "VGG (digits)"."""
    return _label("network", name, NETWORKS)


def place_text(dataset: str, network: str) -> str:
    """Return the labels of a data set and a network, "CIFAR-10, VGG19"; VGG (digits) on digits is "Digits, VGG"."""
    data, whole = dataset_label(dataset), network_label(network)
    short, _, home = whole.removesuffix(")").partition(" (")
    return f"{data}, {short if home and data.casefold().startswith(home) else whole}"


def _label(kind: str, name: str, built_in: Mapping[str, DatasetRow | NetworkRow]) -> str:
    row = built_in.get(name) or registered_row(kind, name)
    return (row and row.label) or name


def ratio_label(prune_ratio: float) -> str:
    """Return a prune ratio in percent, exact to the digits written: 0.98 is "98 %"."""
    return f"{float(100 * Fraction(str(prune_ratio))):.10g} %"


def chance_label(chance: float) -> str:
    """Return a probability in words for a sentence, "probability 0.7" or "probability below 0.1"."""
    return f"probability {chance:.1f}" if chance >= 0.095 else "probability below 0.1"


def share_label(share: float) -> str:
    """Return a share in whole percent: 0.9 is "90 %"."""
    return f"{100 * share:.0f} %"
