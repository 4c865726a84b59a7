"""Errors that a user can act on; the user sees their text alone, without a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class PrunepipeError(Exception):
    """A mistake in the user's input; the text names the value, the rule and the remedy."""


class ConfigError(PrunepipeError):
    """A study or site configuration that cannot be run."""


class ArtifactError(PrunepipeError):
    """A file that is truncated or foreign, or does not match the files it is used with."""


class ScoreError(PrunepipeError):
    """A score, mask or ticket that violates its contract."""


class TrainingError(PrunepipeError):
    """A training run that cannot continue."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return a message that a name is unknown, with the allowed names and the closest match.

    Args:
        kind: what the name should be, for example "ticket".
        name: what the user wrote.
        known: all allowed names.

    Returns:
        One sentence for an error message.
    """
    allowed = sorted(known)
    nearest = get_close_matches(name, allowed, n=1, cutoff=0.5)
    hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
    return f"unknown {kind} '{name}'.{hint} Known: {', '.join(allowed)}."


def shortened(names: Iterable[str], most: int) -> str:
    """Return the first `most` names, separated by commas, and the number of the others."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def remake(path: Path | str) -> str:
    """Return the sentence that tells the user how to remake a result file."""
    if Path("Snakefile").is_file() or not Path("config.yaml").is_file():
        return f"Remake it with: snakemake {path} --force --cores 1"
    return f"Remake it with: prunepipe run {path} --force --cores 1 --study STUDY"  # a folder of `prunepipe judge`
