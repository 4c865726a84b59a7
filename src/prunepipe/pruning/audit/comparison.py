"""Compare two files of one network: which weights were pruned or revived between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prunepipe.errors import ArtifactError, shortened
from prunepipe.pruning.audit.findings import SHOWN, Finding
from prunepipe.pruning.audit.subject import AuditedLayer, Subject
from prunepipe.pruning.masks import Overlap, overlap


@dataclass(frozen=True)
class LayerChange:
    """What changed in one layer.

    Attributes:
        name, size: of the weight.
        kept_before, kept: number of weights that the first and the second mask keep.
        revived: weights that were pruned and are now kept, or not zero although pruned.
        lost: weights that were kept and are now pruned.
        mask_lost: whether the layer was pruned and is now dense.
        changed_weights: weights kept by both masks whose values differ; None if a file has no weights.
    """

    name: str
    size: int
    kept_before: int
    kept: int
    revived: int
    lost: int
    mask_lost: bool
    changed_weights: int | None


@dataclass(frozen=True)
class Comparison:
    """What changed between two files.

    Attributes:
        before: path of the first file.
        layers: one entry per layer.
        overlap: of the two masks.
        findings: what is wrong with the change.
        notes: remarks that are not faults.
    """

    before: str
    layers: tuple[LayerChange, ...]
    overlap: Overlap
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def compare(before: Subject, after: Subject) -> Comparison:
    """Compare two files of one network.

    Args:
        before: for example the ticket before training.
        after: for example the ticket after training.
    Raises:
        ArtifactError: they belong to different networks.
    """
    shapes = [
        {entry.layer.name: entry.layer.shape for entry in subject.layers} for subject in (before, after)
    ]
    if shapes[0] != shapes[1]:
        raise ArtifactError(
            f"{before.path} and {after.path} belong to different networks: {_difference(*shapes)}."
        )
    later = {entry.layer.name: entry for entry in after.layers}
    layers = tuple(_change(entry, later[entry.layer.name]) for entry in before.layers)
    common = overlap(before.mask, {name: after.mask[name] for name in before.mask})[1]
    return Comparison(str(before.path), layers, common, tuple(_findings(layers)), tuple(_notes(layers)))


def _difference(before: Mapping[str, tuple[int, ...]], after: Mapping[str, tuple[int, ...]]) -> str:
    for name in sorted(set(before) ^ set(after)):
        return f"only the {'first' if name in before else 'second'} has '{name}'"
    name = next(name for name in before if before[name] != after[name])
    return f"'{name}' is {list(before[name])} and {list(after[name])}"


def _change(before: AuditedLayer, after: AuditedLayer) -> LayerChange:
    alive = after.mask if after.applied or after.weight is None else after.mask | (after.weight != 0)
    both = before.mask & after.mask
    changed = None
    if before.weight is not None and after.weight is not None:
        changed = int(np.count_nonzero(before.weight[both] != after.weight[both]))
    kept_before, kept = int(before.mask.sum()), int(after.mask.sum())
    return LayerChange(
        name=before.layer.name,
        size=before.layer.size,
        kept_before=kept_before,
        kept=kept,
        revived=int(np.count_nonzero(~before.mask & alive)),
        lost=int(np.count_nonzero(before.mask & ~after.mask)),
        mask_lost=kept_before < kept == before.layer.size,
        changed_weights=changed,
    )


def _findings(layers: tuple[LayerChange, ...]) -> list[Finding]:
    found = []
    gone = [layer for layer in layers if layer.mask_lost]
    if gone:
        found.append(Finding("mask_lost", f"layers that were pruned are dense now: {_names(gone)}."))
    revived = [layer for layer in layers if layer.revived and not layer.mask_lost]
    if revived:
        count, size = sum(layer.revived for layer in revived), sum(layer.size for layer in layers)
        kept = [sum(layer.kept_before for layer in layers), sum(layer.kept for layer in layers)]
        found.append(
            Finding(
                "revived",
                f"{count:,} pruned weights are alive again (prune ratio {1 - kept[0] / size:.2%} before, "
                f"{1 - kept[1] / size:.2%} now), which only methods that regrow weights intend: {_names(revived)}.",
            )
        )
    return found


def _notes(layers: tuple[LayerChange, ...]) -> list[str]:
    notes = []
    lost = sum(layer.lost for layer in layers)
    if lost:
        notes.append(f"{lost:,} more weights were pruned, as in iterative pruning.")
    changes = [(layer.changed_weights, layer.revived, layer.lost) for layer in layers]
    if all(change == (0, 0, 0) for change in changes):
        notes.append(
            "All prunable weights have the same values in both files: there was no training in between."
        )
    return notes


def _names(layers: list[LayerChange]) -> str:
    return shortened([layer.name for layer in layers], SHOWN)
