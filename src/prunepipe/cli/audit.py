"""`prunepipe audit`: check a file of masks or weights, without training."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from prunepipe.cli.options import add_images, keyword_arguments

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
    parser.add_argument(
        "--claimed",
        metavar="RATIO",
        help="claimed share of removed weights, such as 0.95 or 95%%",
    )
    parser.add_argument(
        "--network",
        metavar="NAME",
        help="network of the file: a built-in name, torchvision:MODEL, package.module:NAME or path/to/file.py:NAME "
        "(default: unknown, so nothing is said about paths from input to output)",
    )
    add_images(
        parser,
        "with --network",
        channels="read from the file's convolutions",
        classes="read from the file's last Linear layer",
        size="32",
    )
    parser.add_argument(
        "--network-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="with --network: keyword argument for the network, such as width=0.5; may be repeated",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PREFIX",
        help="where to write PREFIX.html, the page, and PREFIX.json, the numbers (default: the file's name and .audit, "
        "in the current folder)",
    )
    parser.add_argument(
        "--size-limit",
        type=float,
        default=2.0,
        metavar="GB",
        help="refuse a file whose tensors take more gigabytes than this (default: %(default)g)",
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
    prefix = str(arguments.output or f"{path.name}.audit")
    write_json(f"{prefix}.json", facts)
    write_text(f"{prefix}.html", build_audit_page(facts))
    print(audit_text(facts))
    print(f"Page: {prefix}.html; numbers: {prefix}.json")
    network = arguments.network or "NETWORK"  # what only the user knows is in capitals
    command = ["prunepipe", "judge", "--mask", str(path), "--network", network, "--study", "STUDY"]
    print(f"Does the mask matter? {shlex.join(command)}")
    return ALARM if found.findings else 0


def _request(arguments: argparse.Namespace) -> NetworkRequest:
    from prunepipe.errors import ConfigError
    from prunepipe.pruning.audit.building import NetworkRequest
    from prunepipe.study.names import network_row

    try:
        reference = network_row(arguments.network).function
    except ValueError as error:
        raise ConfigError(f"--network: {error}") from error
    images = {name: getattr(arguments, name) for name in ("image_size", "channels", "classes")}
    given = {name: value for name, value in images.items() if value}
    options = keyword_arguments("--network-option", arguments.network_option)
    return NetworkRequest(reference, **given, options=options)
