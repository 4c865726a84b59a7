"""The built-in tickets and checks, each a row of choices; a study picks rows or adds its own."""

from typing import Any

TICKETS: dict[str, dict[str, Any]] = {
    "lottery": {"scored": "final", "score": "magnitude", "allocation": "global_conv", "start": "init"},
    "snip": {"scored": "init", "score": "snip", "allocation": "global", "start": "init"},
    "grasp": {
        "scored": "init",
        "score": "grasp",
        "score_options": {"redraw_linear": True},  # the reference's default
        "allocation": "global",
        "start": "init",
    },
    "random": {"scored": "init", "score": "random", "allocation": "smart", "start": "init"},
    "obd": {"scored": "final", "score": "obd", "allocation": "global", "start": "final"},
    "random_uniform": {"scored": "init", "score": "random", "allocation": "uniform", "start": "init"},
    "learning_rate_rewinding": {
        "scored": "final",
        "score": "magnitude",
        "allocation": "global_conv",
        "start": "final",
    },
    "hybrid": {"scored": "final", "score": "magnitude", "allocation": "smart", "start": "final"},
    "magnitude_at_init": {"scored": "init", "score": "magnitude", "allocation": "global", "start": "init"},
    "synflow": {"scored": "init", "score": "synflow", "allocation": "global", "start": "init"},
    "erk": {"scored": "init", "score": "random", "allocation": "erk", "start": "init"},
    "lamp": {"scored": "final", "score": "magnitude", "allocation": "lamp", "start": "final"},
}

CHECKS: dict[str, dict[str, str]] = {
    "none": {},
    "random_labels": {"data": "random_labels"},
    "random_pixels": {"data": "random_pixels"},
    "corrupted_data": {"data": "corrupted_data"},
    "half_dataset": {"data": "half_dataset"},
    "first_half": {"data": "first_half"},
    "rearrange": {"mask": "rearrange"},
    "shuffle_weights": {"weights": "shuffle_weights"},
    "reinit": {"weights": "reinit"},
    "invert": {"score": "invert"},
}

TABLES = ("initial_checks", "partial_checks", "random", "hybrid", "prune_ratios")
"""The tables of the paper, in its order."""
