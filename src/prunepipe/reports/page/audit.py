"""The page of an audit: one HTML file, without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prunepipe.reports.page.rendering import render

TITLES = {
    "claimed_ratio": "The prune ratio is not as claimed",
    "nothing_pruned": "Nothing is pruned",
    "mask_violated": "Pruned weights are not zero",
    "mask_inverted": "The mask is inverted",
    "kept_zeros": "Kept weights are zero",
    "mask_lost": "A mask was lost",
    "mask_not_binary": "The mask is not binary",
    "not_finite": "Weights are not finite",
    "empty_layer": "A layer is empty",
    "nearly_empty_layer": "A layer is nearly empty",
    "layer_collapse": "Layer collapse",
    "unreachable_class": "Unreachable classes",
    "dead_weights": "Most kept weights are on no path",
    "broken_pattern": "The N:M pattern is broken",
    "revived": "Pruned weights were revived",
}
"""Heading of each kind of finding."""


def build_audit_page(facts: Mapping[str, Any]) -> str:
    """Build the page of an audit.

    Args:
        facts: from `prunepipe.pruning.audit.audit.Audit.to_json`.
    Returns:
        An HTML page; the same facts always give the same bytes.
    """
    columns = [name for name in ("smart", "uniform_all", "erk") if name in facts["layers"][0]["expected"]]
    return render("audit.html.j2", audit=facts, titles=TITLES, allocations=columns)
