"""What names are called in tables and figures: the paper's words for its own, the user's name for the rest."""

from __future__ import annotations

import re
from fractions import Fraction

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
DATASET_LABELS = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "tiny_imagenet": "Tiny-ImageNet",
    "fashion_mnist": "Fashion-MNIST",
    "digits": "Digits",
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
    return DATASET_LABELS.get(name, name)


def network_label(name: str) -> str:
    """Return what a network is called: `vgg19` is "VGG19", `vgg_digits` is "VGG (digits)"."""
    match = re.fullmatch(r"(vgg|resnet)_?(\w+)", name)
    if match is None:
        return name
    family = {"vgg": "VGG", "resnet": "ResNet"}[match[1]]
    return family + (match[2] if match[2].isdigit() else f" ({match[2].replace('_', ' ')})")


def ratio_label(prune_ratio: float) -> str:
    """Return a prune ratio in percent, exactly as it was written: 0.98 is "98 %"."""
    return f"{float(100 * Fraction(str(prune_ratio))):.10g} %"
