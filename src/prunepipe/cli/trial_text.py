"""Describe the result of a trial as text for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunepipe.cli.shown import wrapped

if TYPE_CHECKING:
    from prunepipe.cli.derived_study import Method
    from prunepipe.stages.trial import Trial

BAR = 20


def trial_text(method: Method, trial: Trial) -> str:
    """Describe what a method would do to a network: layers, overlap with other masks, layer collapse.

    Args:
        method: the method.
        trial: the result of its trial.
    """
    size = sum(layer["size"] for layer in trial.layers)
    kind = "returns a mask" if trial.is_mask else "returns scores"
    later = f" ({method.scored} will be scored, once there are trained weights)"
    scored = later if method.scored != "init" else ""
    seconds = f"{trial.seconds:.2g}" if trial.seconds < 10 else f"{trial.seconds:.0f}"
    lines = [
        f"{method.name} {kind} for {trial.network} on {trial.dataset}, {seconds} s a call.",
        f"At prune ratio {trial.prune_ratio:g} (allocation {method.allocation}) it keeps {trial.kept:,} of {size:,} "
        f"initial weights of seed {trial.seed}{scored}:",
        "",
        *_layers(trial),
        "",
        *_overlaps(trial),
        *wrapped(_collapse(trial)),
        *_notes(trial),
    ]
    return "\n".join(lines)


def _layers(trial: Trial) -> list[str]:
    width = max(len(layer["layer"]) for layer in trial.layers)
    lines = []
    for layer in trial.layers:
        name, kept, size = layer["layer"], layer["kept"], layer["size"]
        bar = "#" * round(BAR * kept / size)
        lines.append(f"  {name:<{width}} {kept:>9,} of {size:>10,} {kept / size:>8.2%}  {bar}".rstrip())
    return lines


def _overlaps(trial: Trial) -> list[str]:
    words = {"magnitude": "the largest weights", "random": "random weights"}
    return [
        f"Overlap with {words[other]:<20} {found.jaccard:>7.2%}   (by chance {found.expected:.2%}; Jaccard index)"
        for other, found in trial.overlaps.items()
    ]


def _collapse(trial: Trial) -> str:
    change = "let the method keep some" if trial.is_mask else "take another --allocation"
    if not trial.collapsed:
        return "No layer collapse: there are paths from input to output."
    empty = [layer["layer"] for layer in trial.layers if not layer["kept"]]
    which = f" Layers without a weight: {', '.join(empty)}." if empty else ""
    return (
        f"LAYER COLLAPSE: no path from input to output is left.{which} Such a network cannot be trained; lower "
        f"--prune-ratio, or {change}."
    )


def _notes(trial: Trial) -> list[str]:
    notes = [f"A second call gave the same result. Tried on the data of: {', '.join(trial.sources)}."]
    if trial.kept != trial.asked:
        notes.append(f"The prune ratio asks for {trial.asked:,} weights; the difference counts as rounding.")
    if trial.missing:
        notes.append(f"It does not score these weights, so they are kept: {', '.join(trial.missing)}.")
    if trial.unused:
        notes.append(
            f"Not used: its values for {len(trial.unused)} parameters that are never pruned, as {trial.unused[0]}."
        )
    if not trial.is_mask and trial.distinct <= 2:
        notes.append(
            f"Its scores have only {trial.distinct} different values, so ties decide. If they are a mask, return "
            "bool, or say --allocation constructed."
        )
    return [line for note in notes for line in wrapped(note)]
