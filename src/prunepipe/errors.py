"""Errors that a user can act on; their text is the whole message, without a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class PrunepipeError(Exception):
    """A mistake in what the user gave us; the text names the value, the rule and the remedy."""


class ConfigError(PrunepipeError):
    """A study or site configuration that cannot be run."""


class ArtifactError(PrunepipeError):
    """A file that is truncated, foreign, or does not fit what it is used with."""


class ScoreError(PrunepipeError):
    """A score, mask or ticket that breaks its contract."""


class TrainingError(PrunepipeError):
    """A training run that cannot go on."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, what is allowed, and which known name is nearest.

    Args:
        kind: what the name should be, for example "ticket".
        name: what the user wrote.
        known: every name that is allowed.

    Returns:
        One sentence for an error message.
    """
    allowed = sorted(known)
    nearest = get_close_matches(name, allowed, n=1, cutoff=0.5)
    hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
    return f"unknown {kind} '{name}'.{hint} Known: {', '.join(allowed)}."


def remake(path: Path | str) -> str:
    """Return the sentence that tells the user how to make a result file again."""
    if Path("Snakefile").is_file() or not Path("config.yaml").is_file():
        return f"Remake it with: snakemake {path} --force --cores 1"
    return f"Remake it with: prunepipe run {path} --force --cores 1 --study STUDY"  # a folder of `prunepipe judge`
