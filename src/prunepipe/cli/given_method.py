"""`prunepipe judge --mask FILE`: somebody's mask as a method, read and refused before any job."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunepipe.cli.derived_study import Method
    from prunepipe.networks.structure import Structure
    from prunepipe.pruning.given import Given
    from prunepipe.study.study import Study

CHECKS = ("rearrange", "reinit")
"""Checks of a mask whose method is not known: those that change the mask or the start weights."""

OF_TRAINED = ("shuffle_weights",)
"""Further checks of a mask that comes with trained weights."""

OF_METHODS = ("scored", "allocation", "reads", "rounds", "missing", "zeros", "option", "prune_ratio")
"""Options of `judge` that a mask in a file leaves nothing to choose for."""


def add_mask_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of a mask in a file."""
    parser.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="judge the masks or pruned weights in this file instead of a method; `prunepipe audit` checks such a file",
    )
    parser.add_argument(
        "--network",
        metavar="NAME",
        help="with --mask: network that the mask belongs to, a name in the study or as for `prunepipe audit` (default: "
        "the study's only one)",
    )
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="with --mask: data set to retrain on, a name in the study or a built-in name (default: the study's only "
        "one)",
    )


def refuse_mask_options(arguments: argparse.Namespace) -> None:
    """Refuse a command line without --mask that names no score, or that has options for masks alone.

    Raises:
        ConfigError: no score is named, or an option is for masks alone.
    """
    from prunepipe.errors import ConfigError

    if arguments.score is None:
        raise ConfigError("nothing to judge: name a score, such as my_file.py:my_score, or say --mask FILE.")
    for key in ("network", "dataset"):
        if getattr(arguments, key) is not None:
            raise ConfigError(f"--{key} is for --mask; a score is judged on the networks of --study.")


def given_method(
    arguments: argparse.Namespace, base: Study, limits: dict[str, Any]
) -> tuple[Method, dict[str, Any], str]:
    """Read the mask that the command line names, and refuse everything that would make its study fail.

    Args:
        arguments: of `prunepipe judge`.
        base: the study that gives data set, network and recipe.
        limits: seeds and looks, as of `derived_study`.
    Returns:
        The mask as a method, the study that judges it, as plain values, and a text that says what was read.
    Raises:
        ConfigError: an option does not go with a mask, or the study has several networks or data sets.
        ArtifactError: as `prunepipe.pruning.given.read_given` and `start_weights`.
    """
    from prunepipe.cli.derived_study import Method, derived_study, method_name, require_own_name
    from prunepipe.pruning.given import read_given, start_weights
    from prunepipe.study.controls import weights_by_kind

    _refuse_options(arguments)
    base = _narrowed(_narrowed(base, "dataset", arguments.dataset), "network", arguments.network)
    initial, structure = _network(base, Path(arguments.data_folder))
    path = arguments.mask.resolve()
    given = read_given(path, structure)
    start = arguments.start or (f"file {path}" if given.weights else "init")
    if start.startswith("file "):
        start_weights(given, initial)
    stem = re.sub(r"\W+", "_", path.stem, flags=re.ASCII).strip("_") or "mask"
    method = Method(
        score="from_file",
        name=require_own_name(arguments.name or method_name(stem)),
        start=start,
        allocation="constructed",
        choices={
            "score_options": {"file": str(path)},
            "checks": [*CHECKS, *(OF_TRAINED if start != "init" else ())],
        },
    )
    ratio = _shortest_ratio(given)
    kinds = [weights_by_kind((layer.kind, layer.size) for layer in structure.layers)]
    return (
        method,
        derived_study(base, method, prune_ratios=(ratio,), kinds=kinds, **limits),
        _text(given, start, ratio, base),
    )


def _refuse_options(arguments: argparse.Namespace) -> None:
    from prunepipe.errors import ConfigError

    if arguments.score is not None:
        raise ConfigError(
            f"{arguments.score} and --mask: a mask in a file needs no score; leave one of them out."
        )
    for key in OF_METHODS:
        if getattr(arguments, key):
            raise ConfigError(
                f"--{key.replace('_', '-')} says how a method finds its mask; with --mask it is in the file. Leave the "
                "option out."
            )


def _narrowed(base: Study, kind: str, name: str | None) -> Study:
    """Return a study with one network, or one data set: the named one, or the only one.

    Raises:
        ConfigError: no name is given and the study has several, or the name is unknown.
    """
    from prunepipe.errors import ConfigError
    from prunepipe.study.study import Study
    from prunepipe.validation import validated

    key = f"{kind}s"
    rows = base.model_dump(mode="json", exclude_unset=True)[key]
    if name is None and len(rows) > 1:
        raise ConfigError(
            f"--{kind}: study {base.name} has {', '.join(rows)}; name the one that the file is of."
        )
    name = name or next(iter(rows))
    source = {"network": "architecture", "dataset": "source"}[kind]
    label = re.sub(r"\W+", "_", name.rpartition(":")[2], flags=re.ASCII)
    row = rows.get(name, {} if label == name else {source: name})
    values = {**base.model_dump(mode="json", exclude_unset=True), key: {label: row}}
    return validated(Study, values, f"--{kind} {name}")


def _network(base: Study, data_folder: Path) -> tuple[dict[str, Any], Structure]:
    """Return the initial weights and the structure of the network on the data set."""
    from prunepipe.stages.initialising import initialise_on
    from prunepipe.stages.settings import initial_settings
    from prunepipe.stages.trial import load_dataset

    dataset = load_dataset(base, next(iter(base.datasets)), data_folder.resolve())
    settings = initial_settings(base, next(iter(base.networks)), "init", base.seeds[0])
    return initialise_on(dataset, settings)


def _shortest_ratio(given: Given) -> float:
    """Return the prune ratio with the fewest digits that keeps as many weights, up to one per layer."""
    from prunepipe.pruning.masks import kept_total

    removed = 1 - given.kept / given.size
    rounded = (round(removed, digits) for digits in range(2, 16))
    fits = (
        ratio
        for ratio in rounded
        if 0 < ratio < 1 and abs(kept_total(given.size, ratio) - given.kept) <= len(given.mask)
    )
    return next(fits, removed)


def _text(given: Given, start: str, ratio: float, base: Study) -> str:
    from prunepipe.results.labels import ratio_label

    zeros = ["It has no mask, so weights that are exactly zero count as pruned."] if given.zeros_count else []
    begins = {
        "init": "Every seed retrains it from its own initial weights.",
        "file": "Every seed retrains it from the weights in the file; seeds differ in the order of the images.",
    }.get(start.partition(" ")[0], f"Every seed retrains it from its dense run's weights at {start}.")
    lines = [
        f"{given.path}: keeps {given.kept:,} of {given.size:,} prunable weights of {next(iter(base.networks))} "
        f"({next(iter(base.datasets))}), prune ratio {ratio_label(ratio)}, the same mask for every seed.",
        *zeros,
        begins,
    ]
    return "\n".join(lines)
