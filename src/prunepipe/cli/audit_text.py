"""Print an audit in the terminal."""

from __future__ import annotations

from typing import Any

from prunepipe.cli.shown import wrapped


def audit_text(facts: dict[str, Any]) -> str:
    """Return an audit as text: the totals, the layers, what changed, the alarms.

    Args:
        facts: from `prunepipe.pruning.audit.audit.Audit.to_json`.
    """
    alarms = [f"ALARM {finding['kind']}: {finding['text']}" for finding in facts["findings"]]
    remarks = [
        *(f"Note: {note}" for note in facts["notes"]),
        *(f"Cannot be known: {text}" for text in facts["unknown"]),
        *(f"No {name} allocation to compare with: {why}" for name, why in facts["refused"].items()),
        *(alarms or ["No alarm."]),
    ]
    lines = [*_totals(facts), "", *_layers(facts["layers"]), "", *_change(facts["change"])]
    return "\n".join([*lines, *(line for remark in remarks for line in wrapped(remark))])


def _totals(facts: dict[str, Any]) -> list[str]:
    claimed = "" if facts["claimed"] is None else f", claimed {facts['claimed']:.2%}"
    lines = [
        f"{facts['file']}: {facts['form']} ({', '.join(facts['types'])})",
        f"Prune ratio {facts['prune_ratio']:.2%}{claimed}: {facts['kept']:,} of {facts['size']:,} prunable weights are "
        "kept.",
    ]
    if facts["effective"] is not None:
        lines.append(
            f"On a path from input to output: {facts['effective']:,} (effective prune ratio "
            f"{1 - facts['effective'] / facts['size']:.2%})."
        )
    if facts["multiply_adds"] is not None:
        share = facts["multiply_adds"] / facts["dense_multiply_adds"]
        lines.append(
            f"Multiply-adds an image: {facts['multiply_adds']:,} of {facts['dense_multiply_adds']:,} ({share:.2%})."
        )
    lines.append(
        f"Size: {facts['dense_bytes']:,} bytes dense, {facts['sparse_bytes']:,} as kept weights plus one bit per "
        "weight."
    )
    if facts["magnitude"] is not None:
        found = facts["magnitude"]
        lines.append(
            f"Overlap with the largest weights: {found['jaccard']:.2%} (by chance {found['expected']:.2%}; "
            "Jaccard index)."
        )
    return lines


def _layers(layers: list[dict[str, Any]]) -> list[str]:
    width = max(len(layer["name"]) for layer in layers)
    columns = [name for name in ("smart", "uniform_all", "erk") if name in layers[0]["expected"]]
    head = f"  {'layer':<{width}} {'kept':>10} {'of':>11} {'density':>8}"
    lines = [head + "".join(f" {name:>11}" for name in columns) + f" {'on a path':>10} {'pattern':>8}"]
    for layer in layers:
        kept, size = layer["kept"], layer["size"]
        row = f"  {layer['name']:<{width}} {kept:>10,} {size:>11,} {kept / size:>8.2%}"
        row += "".join(f" {layer['expected'][name] / size:>11.2%}" for name in columns)
        effective = "-" if layer["effective"] is None else f"{layer['effective']:,}"
        pattern = "{kept}:{group}".format(**layer["pattern"]) if layer["pattern"] else "-"
        lines.append(f"{row} {effective:>10} {pattern:>8}")
    return lines


def _change(change: dict[str, Any] | None) -> list[str]:
    if change is None:
        return []
    revived, lost = (sum(layer[name] for layer in change["layers"]) for name in ("revived", "lost"))
    return [
        f"Since {change['before']}: {revived:,} weights revived, {lost:,} more pruned; overlap of the masks "
        f"{change['overlap']['jaccard']:.2%} (by chance {change['overlap']['expected']:.2%}).",
        "",
    ]
