"""Audit a file of masks or weights: what it contains, what is wrong with it, and what cannot be known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prunepipe.networks.prunable import pruned_weights
from prunepipe.networks.structure import Structure
from prunepipe.networks.tracing import trace
from prunepipe.pruning.audit.building import NetworkRequest, build_network
from prunepipe.pruning.audit.claims import Claim
from prunepipe.pruning.audit.comparison import Comparison, compare
from prunepipe.pruning.audit.findings import Finding, findings
from prunepipe.pruning.audit.measures import Measures, measure
from prunepipe.pruning.audit.subject import APPLIED, ZEROS, Subject, read_named, subject_of
from prunepipe.pruning.audit.tensor_file import SIZE_LIMIT


@dataclass(frozen=True)
class Audit:
    """The result of an audit.

    Attributes:
        subject: the file's prunable layers.
        measures: what was measured on them.
        findings: what is wrong, including with the change from an earlier file; empty if there is no alarm.
        notes: remarks that are not faults.
        unknown: what these files cannot tell, and what would help.
        claim: the claimed prune ratio.
        network: reference of the network; None if only the shapes are known.
        image_shape: (channels, height, width) of the images, pixels; empty without a network.
        change: what changed since an earlier file.
    """

    subject: Subject
    measures: Measures
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    unknown: tuple[str, ...]
    claim: Claim | None = None
    network: str | None = None
    image_shape: tuple[int, ...] = ()
    change: Comparison | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the audit as plain lists, dictionaries and numbers, for a JSON file and a page."""
        measures = self.measures
        totals = ("size", "kept", "prune_ratio", "effective", "multiply_adds", "dense_multiply_adds")
        return {
            "file": str(self.subject.path),
            "form": self.subject.form,
            "types": list(self.subject.types),
            "network": self.network,
            "image_shape": list(self.image_shape),
            "claimed": self.claim.ratio if self.claim else None,
            **{name: getattr(measures, name) for name in totals},
            "other_size": self.subject.other_size,
            "findings": [asdict(finding) for finding in self.findings],
            "notes": list(self.notes),
            "unknown": list(self.unknown),
            **asdict(measures),
            "layers": [_layer_json(asdict(layer)) for layer in measures.layers],
            "change": asdict(self.change) if self.change else None,
        }


def _layer_json(layer: dict[str, Any]) -> dict[str, Any]:
    pattern = layer["pattern"]
    named = pattern and dict(zip(("kept", "group", "broken", "groups"), pattern, strict=True))
    return {**layer, "shape": list(layer["shape"]), "pattern": named}


def audit(
    path: Path,
    *,
    claim: Claim | None = None,
    request: NetworkRequest | None = None,
    before: Path | None = None,
    size_limit: float = SIZE_LIMIT,
) -> Audit:
    """Audit a file of masks or weights. Nothing is trained, and no code from the file is run.

    Args:
        path: a safetensors file, or one that torch.save wrote.
        claim: its claimed prune ratio.
        request: the network it belongs to; None to use only the shapes.
        before: an earlier file of the same network, to report what changed.
        size_limit: most gigabytes of tensors to read from a file.
    Raises:
        ArtifactError: a file cannot be read, or fits neither the network nor the other file.
        ConfigError: the network cannot be built, or does not take such images.
    """
    named = read_named(path, size_limit)
    network, image_shape = build_network(request, named) if request else (None, ())
    structure: Structure | None = trace(network, image_shape) if network else None
    by_unit = {weight.name: weight.by_unit for weight in pruned_weights(network)} if network else {}
    subject = subject_of(named, structure, by_unit)
    measures = measure(subject, network, image_shape)
    change = (
        compare(subject_of(read_named(before, size_limit), structure, by_unit), subject) if before else None
    )
    return Audit(
        subject=subject,
        measures=measures,
        findings=(*findings(measures, claim), *(change.findings if change else ())),
        notes=(*_notes(subject), *(change.notes if change else ())),
        unknown=tuple(_unknown(subject, measures)),
        claim=claim,
        network=request.reference if request else None,
        image_shape=image_shape,
        change=change,
    )


def _notes(subject: Subject) -> list[str]:
    notes = []
    short = [kind for kind in subject.types if kind in ("float16", "bfloat16")]
    if short:
        notes.append(
            f"Weights are {' and '.join(short)}. They are read exactly, but very small ones may have become zero in "
            "the conversion."
        )
    if subject.form == APPLIED:
        notes.append(
            "weight_orig may have nonzero values where the mask is 0: the forward pass multiplies by the mask."
        )
    bare = [entry.layer.name for entry in subject.layers if not entry.masked and not entry.orphan]
    if subject.form != ZEROS and bare:
        notes.append(f"No mask, so zero weights count as pruned: {', '.join(bare)}.")
    if subject.unread:
        notes.append(f"Masks of parameters that are not prunable, ignored: {', '.join(subject.unread)}.")
    if subject.structure and not subject.structure.followed:
        notes.append(
            "The paths through this network depend on image values, so every kept weight counts as effective."
        )
    return notes


def _unknown(subject: Subject, measures: Measures) -> list[str]:
    unknown = []
    if subject.structure is None:
        unknown += [
            "Paths, and so layer collapse, dead weights and unreachable classes; multiply-adds; the smart ratio, which "
            "depends on depth and shortcuts. Give the network with --network.",
            "Which matrices belong to Linear layers (without --network, embeddings and the like are counted, too), and "
            "which kernels without a bias to transposed convolutions, whose first axis is the input.",
        ]
    elif measures.multiply_adds is None:
        unknown.append("Multiply-adds: the forward pass does not use some weight directly in a product.")
    if measures.magnitude is None:
        why = "the file has no values of pruned weights (they are zero, not finite or missing)"
        unknown.append(f"Overlap with magnitude: {why}.")
    return unknown
