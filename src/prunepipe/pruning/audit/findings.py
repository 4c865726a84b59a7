"""What is wrong with a file: each rule is a function from its measures to a finding, or to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prunepipe.pruning.audit.claims import Claim
from prunepipe.pruning.audit.measures import LayerMeasures, Measures

LEAST_PER_UNIT = 0.1
"""A layer with fewer kept weights than a tenth of its outputs is nearly empty: nine outputs of ten are constant."""

LEAST_EFFECTIVE = 0.5
"""A mask of whose weights less than this share lies on a path is twice as sparse as it says."""

LARGE_LAYER = 0.1
"""A layer without a mask, among layers with masks, is a lost mask from this share of the prunable weights on."""

MOST_KEPT_ZEROS = 0.01
"""Kept weights that are zero, as a share of all kept ones: trained float weights are hardly ever exactly zero."""

SHOWN = 5
"""Layers that a finding names."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: a key of the table in the documentation.
        text: what, where, and how much.
    """

    kind: str
    text: str


def findings(measures: Measures, claim: Claim | None = None) -> list[Finding]:
    """Return what is wrong with a file; none means no alarm.

    Args:
        measures: of the file.
        claim: the prune ratio that it is said to have.
    """
    texts = [(kind, rule(measures)) for kind, rule in RULES.items()]
    claimed = [("claimed_ratio", _claimed(measures, claim))] if claim else []
    return [Finding(kind, text) for kind, text in (*claimed, *texts) if text]


def _claimed(measures: Measures, claim: Claim) -> str:
    if claim.fits(measures.prune_ratio, len(measures.layers), measures.size):
        return ""
    convolutions = [layer for layer in measures.layers if layer.kind == "conv"]
    size = sum(layer.size for layer in convolutions)
    ratio = 1 - sum(layer.kept for layer in convolutions) / size if size else 0.0
    hint = ""
    if convolutions and claim.fits(ratio, len(convolutions), size):
        hint = " Over the convolutions alone it is as claimed: say what the ratio counts."
    elif claim.fits(1 - measures.prune_ratio, len(measures.layers), measures.size):
        hint = " One minus the claim fits: the masks may mean the opposite (1 = pruned), or the claim the density."
    return (
        f"the prune ratio is {measures.prune_ratio:.2%} ({measures.kept:,} of {measures.size:,} weights are kept), "
        f"claimed is {claim.ratio:.2%}.{hint}"
    )


def _nothing_pruned(measures: Measures) -> str:
    return "every weight is kept: nothing is pruned." if measures.kept == measures.size else ""


def _violated(measures: Measures) -> str:
    layers = [layer for layer in measures.layers if layer.violations and not layer.inverted]
    count = sum(layer.violations for layer in layers)
    return _of(
        layers,
        f"{count:,} pruned weights are not zero: they were revived (as momentum and weight decay do if the mask is not "
        "applied after each step), or a forward pass must multiply by the mask",
    )


def _inverted(measures: Measures) -> str:
    layers = [layer for layer in measures.layers if layer.inverted]
    return _of(
        layers, "weights are zero exactly where the mask keeps them: it means the opposite (1 = pruned)"
    )


def _kept_zeros(measures: Measures) -> str:
    layers = [layer for layer in measures.layers if layer.kept_zeros and not layer.inverted]
    count = sum(layer.kept_zeros for layer in layers)
    if count <= MOST_KEPT_ZEROS * measures.kept:
        return ""
    return _of(
        layers,
        f"{count:,} of {measures.kept:,} kept weights are zero: the masks are not those of the weights",
    )


def _lost(measures: Measures) -> str:
    layers = [layer for layer in measures.layers if layer.orphan]
    if any(layer.masked for layer in measures.layers):
        layers += [
            layer
            for layer in measures.layers
            if not layer.masked
            and layer.kept == layer.size >= LARGE_LAYER * measures.size
            and not layer.orphan
        ]
    return _of(layers, "layers have no mask, while others or their name (weight_orig) say that they had one")


def _soft(measures: Measures) -> str:
    layers = [layer for layer in measures.layers if layer.soft]
    count = sum(layer.soft for layer in layers)
    return _of(
        layers, f"{count:,} mask values are neither 0 nor 1 (counted as kept): scores, perhaps, and no mask"
    )


def _not_finite(measures: Measures) -> str:
    layers = [layer for layer in measures.layers if layer.not_finite]
    return _of(layers, f"{sum(layer.not_finite for layer in layers):,} weights are NaN or infinite")


def _empty(measures: Measures) -> str:
    layers = [layer for layer in measures.layers if layer.kept == 0]
    shortcuts = [layer for layer in measures.layers if _is_shortcut(layer)]
    which = "all shortcuts are" if shortcuts and layers == shortcuts else "layers are"
    return _of(layers, f"{which} empty")


def _is_shortcut(layer: LayerMeasures) -> bool:
    return layer.kind == "conv" and ("shortcut" in layer.name or "downsample" in layer.name)


def _nearly_empty(measures: Measures) -> str:
    layers = [layer for layer in measures.layers if 0 < layer.kept < LEAST_PER_UNIT * layer.units]
    return _of(
        layers, "layers keep fewer weights than a tenth of their outputs, so that most outputs are constant"
    )


def _collapsed(measures: Measures) -> str:
    if not measures.collapsed:
        return ""
    return "layer collapse: no path of kept weights leads from input to output, so the network is a constant."


def _unreachable(measures: Measures) -> str:
    """Without the network, the classes are the outputs of the last Linear layer."""
    if measures.collapsed:
        return ""
    if measures.unreachable_outputs is not None:
        count = measures.unreachable_outputs
        return f"no path leads to {count} of the outputs (classes), so each is a constant." if count else ""
    last = [layer for layer in measures.layers if layer.kind == "linear"][-1:]
    bare = [layer for layer in last if 0 < layer.empty_units < layer.units]
    return _of(
        bare, f"{sum(layer.empty_units for layer in bare)} classes keep no weight of the last Linear layer"
    )


def _dead(measures: Measures) -> str:
    if (
        measures.effective is None
        or measures.collapsed
        or measures.effective >= LEAST_EFFECTIVE * measures.kept
    ):
        return ""
    return (
        f"only {measures.effective:,} of {measures.kept:,} kept weights lie on a path from input to output: the "
        f"effective prune ratio is {1 - measures.effective / measures.size:.2%}, not {measures.prune_ratio:.2%}."
    )


def _broken_pattern(measures: Measures) -> str:
    layers = [layer for layer in measures.layers if layer.pattern and layer.pattern.broken]
    broken = sum(layer.pattern.broken for layer in layers if layer.pattern)
    groups = sum(layer.pattern.groups for layer in layers if layer.pattern)
    names = sorted({f"{layer.pattern.kept}:{layer.pattern.group}" for layer in layers if layer.pattern})
    return _of(layers, f"{broken:,} of {groups:,} groups break the {', '.join(names)} pattern of the rest")


RULES: dict[str, Callable[[Measures], str]] = {
    "nothing_pruned": _nothing_pruned,
    "mask_violated": _violated,
    "mask_inverted": _inverted,
    "kept_zeros": _kept_zeros,
    "mask_lost": _lost,
    "mask_not_binary": _soft,
    "not_finite": _not_finite,
    "empty_layer": _empty,
    "nearly_empty_layer": _nearly_empty,
    "layer_collapse": _collapsed,
    "unreachable_class": _unreachable,
    "dead_weights": _dead,
    "broken_pattern": _broken_pattern,
}
"""Every rule about one file by its kind; "claimed_ratio" is held against the claim."""


def _of(layers: Iterable[LayerMeasures], text: str) -> str:
    """Return a text with the layers that it is about, or nothing if there are none."""
    names = [layer.name for layer in layers]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{text}: {', '.join(names[:SHOWN])}{more}." if names else ""
