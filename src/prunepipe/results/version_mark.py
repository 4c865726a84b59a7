"""Record which version of prunepipe made a study's results, so that no other version replaces them unasked."""

from __future__ import annotations

from pathlib import Path

from prunepipe import __version__
from prunepipe.artifacts import read_json, write_json
from prunepipe.errors import ArtifactError, ConfigError
from prunepipe.results.layout import MADE_BY


def require_same_version(study: str, upgrade: bool = False, root: Path = Path()) -> None:
    """Refuse results of another version, because Snakemake would replace those whose code differs.

    Args:
        study: name of the study.
        upgrade: whether the user agreed to continue with them (`upgrade_results` in config.yaml).
        root: folder that holds `results/`.

    Raises:
        ConfigError: the message names both versions and the remedies.
    """
    mark = root / MADE_BY.format(study=study)
    # Names that start with a dot are left behind by killed writes.
    runs = mark.parent.is_dir() and any(not path.name.startswith(".") for path in mark.parent.iterdir())
    if upgrade or not runs:
        return
    made_by = _version(mark)
    if made_by == __version__:
        return
    old = f"prunepipe {made_by}" if made_by else "an unknown version of prunepipe"
    kept = f"install prunepipe=={made_by}, or move it away" if made_by else "move it away"
    raise ConfigError(
        f"{mark.parent}: made by {old}; this is {__version__} and would replace results whose code has changed. "
        f"Nothing was touched. To keep the results as they are, {kept}. To continue with them and remake those whose "
        "code has changed: --config upgrade_results=true (list them first with -n)."
    )


def record_version(study: str, root: Path = Path()) -> None:
    """Record next to a study's results that this version makes them."""
    mark = root / MADE_BY.format(study=study)
    if _version(mark) != __version__:
        write_json(mark, {"version": __version__})


def _version(mark: Path) -> str | None:
    try:
        return str(read_json(mark)["version"])
    except (ArtifactError, KeyError):
        return None
