"""`prunepipe inspect`: describe a run's folder and how to remake it, or list a network's parameters."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from pathlib import Path
from typing import Any

from prunepipe.cli.inspect_network import add_network_arguments, describe_network
from prunepipe.errors import ArtifactError
from prunepipe.results.layout import CELL, DENSE, INITIAL, MASK, REWIND, RUNS, SCORES, SEARCH

RESULTS = "results/"
KINDS = {
    "pruned run": CELL,
    "search": SEARCH,
    "dense run": DENSE,
    "mask": MASK,
    "scores": SCORES,
    "rewound weights": REWIND,
    "initial weights": INITIAL,
}
METRICS = (
    "accuracy",
    "best_accuracy",
    "loss",
    "density",
    "effective_density",
    "dead_units",
    "unreachable_outputs",
    "collapsed",
    "epochs",
    "precision",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "run",
        metavar="RUN|NETWORK",
        help="a folder below results/runs, or a file in it; or a network: a built-in name, torchvision:MODEL, "
        "package.module:NAME or path/to/file.py:NAME",
    )
    add_network_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the description."""
    path = Path(arguments.run)
    is_path = path.exists() or (os.sep in arguments.run and ":" not in arguments.run)
    print(describe_run(path) if is_path else describe_network(arguments))
    return 0


def describe_run(path: Path) -> str:
    """Describe a folder below results/runs.

    Args:
        path: the folder, or a file in it.

    Raises:
        ArtifactError: it does not exist, or is not a run's folder.
    """
    folder = path.parent if path.is_file() else path
    if not folder.is_dir():
        raise ArtifactError(
            f"{path}: no such folder; runs are below {RUNS}, see the `run` column of results/results.csv."
        )
    kind, place = identify(folder)
    lines = [f"{kind}: {folder}", *(f"  {key:<16} {value}" for key, value in place.items())]
    metrics = _json(folder / "metrics.json")
    if metrics:
        lines += ["", "Metrics", *(f"  {key:<18} {metrics[key]}" for key in METRICS if key in metrics)]
        lines += [f"  {'made by':<18} prunepipe {metrics.get('version')}, code {metrics.get('code')}"]
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    sizes = [f"  {path.name:<28} {path.stat().st_size:>12,} bytes" for path in files]
    lines += [*_layers(folder), "", "Files", *sizes]
    target = _target(folder, KINDS[kind].format(**place))
    if target:
        lines += ["", "Remake it:", f"  {_command(target, folder, place['study'])}"]
    return "\n".join(lines)


def identify(folder: Path) -> tuple[str, dict[str, str]]:
    """Return the kind of a folder, and its place in the study as its path gives it.

    Raises:
        ArtifactError: it is not a folder of a run.
    """
    text = _absolute(folder).as_posix()
    for kind, template in KINDS.items():
        # results/ may be a link to a folder of any name.
        wildcards = re.escape(template.removeprefix(RESULTS))
        found = re.search("/" + re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", wildcards) + "$", text)
        if found:
            return kind, found.groupdict()
    raise ArtifactError(f"{folder}: not a folder of a run; one looks like {CELL}.")


def _absolute(folder: Path) -> Path:
    """Return the absolute path without resolving links, whose targets may have other names."""
    return Path(os.path.abspath(folder))


def _layers(folder: Path) -> list[str]:
    described = _json(folder / "layers.json")
    if not described:
        return []
    head = f"  {'layer':<32} {'kept':>10} {'of':>10} {'share':>8} {'on a path':>10} {'dead units':>11}"
    try:
        rows = [_layer(row) for row in described["layers"]]
    except KeyError as error:
        from prunepipe.artifacts import of_another_version

        raise of_another_version(folder / "layers.json", f"no {error.args[0]}") from error
    return ["", "Layers", head, *rows]


def _layer(row: dict[str, Any]) -> str:
    return (
        f"  {row['layer']:<32} {row['kept']:>10,} {row['size']:>10,} {row['kept'] / row['size']:>8.2%} "
        f"{row['effective']:>10,} {row['dead_units']:>5} of {row['units']}"
    )


def _target(folder: Path, inside: str) -> str | None:
    """Return the main file of a folder, as Snakemake names it.

    Args:
        folder: of the result.
        inside: its path, starting with results/.
    """
    names = ("metrics.json", "mask.safetensors", "scores.safetensors", "weights.safetensors")
    wanted = [name for name in names if (folder / name).is_file()]
    return f"{inside}/{wanted[0]}" if wanted else f"{inside}/metrics.json" if "/seed" in inside else None


def _command(target: str, folder: Path, study: str) -> str:
    """Return the command that remakes a target, to be run in the current folder."""
    from prunepipe.results.commands import project_folder, remake_command

    path, inside = _absolute(folder).as_posix(), f"/{target.rpartition('/')[0]}"
    root = (
        Path(path.removesuffix(inside)) if path.endswith(inside) else Path.cwd()
    )  # a link to results/ from anywhere
    places = (root / "config", root, project_folder() / "config")
    files = [place / f"{study}.yaml" for place in places]
    file = next((file for file in files if file.is_file()), root / "STUDY.yaml")  # the user knows which
    change = "" if root == Path.cwd() else f"cd {shlex.quote(str(root))} && "
    return change + remake_command(target, file, root)


def _json(path: Path) -> Any:
    from prunepipe.artifacts import read_json  # numpy, which --help can do without

    return read_json(path) if path.exists() else None
