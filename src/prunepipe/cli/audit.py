"""`prunepipe audit`: check a file of masks or weights, without training."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunepipe.pruning.audit.building import NetworkRequest

ALARM = 3
"""Exit status if there is an alarm; 1 means that the file could not be audited."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="a safetensors file, or a state dict or checkpoint from torch.save; given two files, the second is "
        "audited and compared with the first",
    )
    parser.add_argument("--claimed", metavar="RATIO", help="claimed share of weights removed: 0.95 or 95%%")
    parser.add_argument(
        "--network",
        metavar="NAME",
        help="a built-in name, torchvision:MODEL, package.module:build or file.py:build; without it, only shapes are "
        "known, and no paths",
    )
    parser.add_argument(
        "--image-size", type=int, default=32, help="side of the images, pixels (default: %(default)s)"
    )
    parser.add_argument(
        "--channels", type=int, help="image channels; default: read from the file's convolutions"
    )
    parser.add_argument(
        "--classes", type=int, help="default: the number of rows of the file's last Linear layer"
    )
    parser.add_argument(
        "--network-options", metavar="JSON", default="{}", help='further arguments, such as {"width": 0.5}'
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PREFIX",
        help="path of the page (.html) and the numbers (.json) without the ending; default: the file's name and "
        ".audit, in the current folder",
    )
    parser.add_argument(
        "--size-limit",
        type=float,
        default=2.0,
        metavar="GB",
        help="largest size of a file's tensors (default: %(default)g)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Audit a file, write the page and the numbers, and print the findings."""
    from prunepipe.artifacts import write_json, write_text
    from prunepipe.cli.audit_text import audit_text
    from prunepipe.errors import ConfigError
    from prunepipe.pruning.audit.audit import audit
    from prunepipe.pruning.audit.claims import parse_claim
    from prunepipe.reports.page.audit import build_audit_page

    *before, path = arguments.files
    if len(before) > 1:
        raise ConfigError(
            f"{len(arguments.files)} files were given; give one file, or an earlier and a later one."
        )
    claim = parse_claim(arguments.claimed) if arguments.claimed else None
    request = _request(arguments) if arguments.network else None
    found = audit(
        path,
        claim=claim,
        request=request,
        before=before[0] if before else None,
        size_limit=arguments.size_limit,
    )
    facts = found.to_json()
    prefix = str(arguments.output or f"{path.stem}.audit")
    write_json(f"{prefix}.json", facts)
    write_text(f"{prefix}.html", build_audit_page(facts))
    print(audit_text(facts))
    print(f"Page: {prefix}.html; numbers: {prefix}.json")
    print(f"Does the mask matter? {judge_command(path, arguments.network)}")
    return ALARM if found.findings else 0


def judge_command(path: Path, network: str | None) -> str:
    """Return the command that judges a file's mask; what only the user knows is in capitals."""
    chosen = ["--network", network or "NETWORK", "--study", "STUDY"]
    return shlex.join(["prunepipe", "judge", "--mask", str(path), *chosen])


def _request(arguments: argparse.Namespace) -> NetworkRequest:
    from prunepipe.errors import ConfigError
    from prunepipe.pruning.audit.building import NetworkRequest
    from prunepipe.study.names import network_row

    try:
        reference = network_row(arguments.network).function
    except ValueError as error:
        raise ConfigError(f"--network: {error}") from error
    for name in ("image_size", "channels", "classes"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name.replace('_', '-')} is {value}, must be at least 1.")
    return NetworkRequest(
        reference, arguments.image_size, arguments.channels, arguments.classes, _options(arguments)
    )


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    from prunepipe.errors import ConfigError

    try:
        options = json.loads(arguments.network_options)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"--network-options {arguments.network_options}: not valid JSON ({error})."
        ) from error
    if not isinstance(options, dict):
        raise ConfigError(
            f'--network-options {arguments.network_options}: must be a JSON object, such as {{"width": 0.5}}.'
        )
    return options
