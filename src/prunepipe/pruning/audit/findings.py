"""The rules that find faults in a file: each takes its measures and returns a text, empty if there is no fault."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prunepipe.errors import shortened
from prunepipe.pruning.audit.claims import Claim
from prunepipe.pruning.audit.measures import LayerMeasures, Measures, Part

LEAST_PER_UNIT = 0.1
"""Kept weights per output below which a layer is nearly empty: nine in ten outputs are constant then."""

LEAST_EFFECTIVE = 0.5
"""Share of kept weights on a path below which a mask is effectively twice as sparse as it claims."""

LARGE_LAYER = 0.1
"""Share of all weights from which a dense layer among layers with masks counts as having lost its own."""

MOST_KEPT_ZEROS = 0.01
"""Largest tolerated share of zeros among kept weights: trained float weights are hardly ever exactly zero."""

SHOWN = 5
"""Most layers that a finding names."""


@dataclass(frozen=True)
class Finding:
    """One fault.

    Attributes:
        kind: its name in the documentation's table of alarms.
        text: what is wrong, where, and how much.
    """

    kind: str
    text: str


def findings(measures: Measures, claim: Claim | None = None) -> list[Finding]:
    """Return the faults of a file; empty means no alarm.

    Args:
        measures: of the file.
        claim: its claimed prune ratio.
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
        hint = " Counting only the convolutions it is as claimed: state what the ratio counts."
    elif claim.fits(1 - measures.prune_ratio, len(measures.layers), measures.size):
        hint = " One minus the claim would fit: the masks may be inverted (1 = pruned), or the claim is the density."
    return (
        f"the prune ratio is {measures.prune_ratio:.2%} ({measures.kept:,} of {measures.size:,} weights are kept), not "
        f"{claim.ratio:.2%} as claimed.{hint}"
    )


def _nothing_pruned(measures: Measures) -> str:
    return "every weight is kept: nothing is pruned." if measures.kept == measures.size else ""


def _violated(measures: Measures) -> str:
    layers = [layer for layer in measures.layers if layer.violations and not layer.inverted]
    count = sum(layer.violations for layer in layers)
    return _of(
        layers,
        f"{count:,} pruned weights are not zero: either training revived them (momentum does, unless the mask is "
        "applied after each step), or the forward pass must multiply by the mask",
    )


def _inverted(measures: Measures) -> str:
    layers = [layer for layer in measures.layers if layer.inverted]
    return _of(layers, "the weights that the mask keeps are all zero: the mask is inverted (1 = pruned)")


def _kept_zeros(measures: Measures) -> str:
    layers = [layer for layer in measures.layers if layer.kept_zeros and not layer.inverted]
    count = sum(layer.kept_zeros for layer in layers)
    if count <= MOST_KEPT_ZEROS * measures.kept:
        return ""
    return _of(
        layers,
        f"{count:,} of {measures.kept:,} kept weights are zero: masks and weights do not belong together",
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
    return _of(
        layers, "layers have no mask, although other layers have one or their name (weight_orig) implies one"
    )


def _soft(measures: Measures) -> str:
    layers = [layer for layer in measures.layers if layer.soft]
    count = sum(layer.soft for layer in layers)
    return _of(
        layers,
        f"{count:,} mask values are neither 0 nor 1 (counted as kept): these may be scores, not a mask",
    )


def _not_finite(measures: Measures) -> str:
    layers = [layer for layer in measures.layers if layer.not_finite]
    return _of(layers, f"{sum(layer.not_finite for layer in layers):,} weights are NaN or infinite")


def _empty(measures: Measures) -> str:
    layers = [layer for layer in _layers_and_parts(measures) if layer.kept == 0]
    shortcuts: list[LayerMeasures | Part] = [layer for layer in measures.layers if _is_shortcut(layer)]
    which = "all shortcuts" if shortcuts and layers == shortcuts else "layers"
    return _of(layers, f"{which} keep no weight")


def _layers_and_parts(measures: Measures) -> list[LayerMeasures | Part]:
    """Return all layers, and the parts of attention's packed projections that are not empty as a whole."""
    parts = [part for layer in measures.layers if layer.kept for part in layer.parts]
    return [*measures.layers, *parts]


def _is_shortcut(layer: LayerMeasures) -> bool:
    return layer.kind == "conv" and ("shortcut" in layer.name or "downsample" in layer.name)


def _nearly_empty(measures: Measures) -> str:
    layers = [layer for layer in _layers_and_parts(measures) if 0 < layer.kept < LEAST_PER_UNIT * layer.units]
    return _of(
        layers, "layers keep fewer weights than a tenth of their outputs, so most outputs are constant"
    )


def _collapsed(measures: Measures) -> str:
    if not measures.collapsed:
        return ""
    return "layer collapse: no path of kept weights leads from input to output, so the output is constant."


def _unreachable(measures: Measures) -> str:
    """Without the network, take the outputs of the last Linear layer for the classes."""
    if measures.collapsed:
        return ""
    if measures.unreachable_outputs is not None:
        count = measures.unreachable_outputs
        return f"no path leads to {count} of the outputs (classes), so these are constant." if count else ""
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
"""The rules about one file, by kind of fault; "claimed_ratio" and "revived" need more than one file."""


def _of(layers: Iterable[LayerMeasures | Part], text: str) -> str:
    """Return a text followed by the names of its layers, or an empty text if there are none."""
    names = shortened([layer.name for layer in layers], SHOWN)
    return f"{text}: {names}." if names else ""
