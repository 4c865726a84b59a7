"""`prunepipe audit`: what anybody's file of masks or weights holds, without any training."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunepipe.pruning.audit.building import NetworkRequest

ALARM = 3
"""Exit status where something is wrong with the file; 1 says that it could not be audited."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="safetensors, or a state dict or checkpoint of torch.save; of two files the second is audited, and what "
        "changed since the first is said",
    )
    parser.add_argument(
        "--claimed", metavar="RATIO", help="share of weights said to be removed: 0.95 or 95%%"
    )
    parser.add_argument(
        "--network",
        metavar="NAME",
        help="a built-in name, torchvision:MODEL, package.module:build or file.py:build; without it the shapes alone "
        "are known, and no paths",
    )
    parser.add_argument(
        "--image-size", type=int, default=32, help="side of the images, pixels (default: %(default)s)"
    )
    parser.add_argument("--channels", type=int, help="of the images; default: as the file's convolutions say")
    parser.add_argument("--classes", type=int, help="default: the rows of the file's last Linear layer")
    parser.add_argument(
        "--network-options", metavar="JSON", default="{}", help='further arguments, such as {"width": 0.5}'
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PREFIX",
        help="of the page (.html) and the numbers (.json); default: the file's name and .audit, in this folder",
    )
    parser.add_argument(
        "--size-limit",
        type=float,
        default=2.0,
        metavar="GB",
        help="of tensors read of a file (default: %(default)g)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Audit, write page and numbers, and print what is wrong."""
    from prunepipe.artifacts import write_json, write_text
    from prunepipe.cli.audit_text import audit_text
    from prunepipe.errors import ConfigError
    from prunepipe.pruning.audit.audit import audit
    from prunepipe.pruning.audit.claims import parse_claim
    from prunepipe.reports.page.audit import build_audit_page

    *before, path = arguments.files
    if len(before) > 1:
        raise ConfigError(f"{len(arguments.files)} files are given: name one, or an earlier and a later one.")
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
    return ALARM if found.findings else 0


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
        raise ConfigError(f"--network-options {arguments.network_options}: no JSON ({error}).") from error
    if not isinstance(options, dict):
        raise ConfigError(
            f"--network-options {arguments.network_options}: must be names with values in {{}}."
        )
    return options
