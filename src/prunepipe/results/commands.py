"""Locate the project, and build the command that reproduces runs of a study."""

from __future__ import annotations

import shlex
from pathlib import Path

from prunepipe.errors import ConfigError
from prunepipe.results.layout import AS_FOUND, CELL, DENSE, SEARCH
from prunepipe.study.published_file import Place
from prunepipe.study.study import CLEAN, FULL_NETWORK, Study


def cell_command(study: Study, file: Path | None, place: Place) -> str:
    """Return the command that reproduces the runs of a cell; see `remake_command`.

    Args:
        study: the cell's study.
        file: file of the study; default: config/NAME.yaml.
        place: the cell; for a dense run, the ticket is the full network and the check the data variant.
    """
    dataset, network, prune_ratio, ticket, check = place
    seeds = ",".join(str(seed) for seed in study.seeds)
    where = {"study": study.name, "dataset": dataset, "network": network}
    where["seed"] = "{" + seeds + "}" if len(study.seeds) > 1 else seeds  # the shell expands the braces
    if ticket == FULL_NETWORK:
        folder = DENSE.format(**where, data=study.data_of(check))
    elif check == AS_FOUND:
        folder = SEARCH.format(**where, ticket=ticket, data=CLEAN, prune_ratio=prune_ratio)
    else:
        folder = CELL.format(**where, ticket=ticket, check=check, prune_ratio=prune_ratio)
    return remake_command(f"{folder}/metrics.json", file or Path("config") / f"{study.name}.yaml")


def remake_command(target: str, file: Path, folder: Path = Path()) -> str:
    """Return the command that remakes a file, to be run in the folder that holds results/.

    In a checkout, for a study in its config/, the command is Snakemake's; elsewhere it uses the packaged workflow.

    Args:
        target: the file, starting with results/, as the shell expands it.
        file: file of the study.
        folder: folder that holds results/.
    """
    own = (folder / "config" / file.name).resolve() == file.resolve()
    if own and (folder / "Snakefile").is_file():
        return f"snakemake {target} --force --cores 1 --config study={file.stem}"
    return f"prunepipe run {target} --force --cores 1 --study {shlex.quote(_named_study(file, folder, own))}"


def _named_study(file: Path, folder: Path, own: bool) -> str:
    """Return a study as `prunepipe run` expects it: by name if possible, otherwise by path."""
    whole = file.resolve()
    if own or whole.parent == (project_folder() / "config").resolve():
        return file.stem
    inside = whole.is_relative_to(folder.resolve())
    return str(whole.relative_to(folder.resolve()) if inside else whole)


PACKAGE = Path(__file__).parent.parent


def project_folder() -> Path:
    """Return the folder that holds `workflow/` and `config/`: the checkout, or the copy in the wheel.

    Raises:
        ConfigError: neither exists.
    """
    checkout = PACKAGE.parent.parent if PACKAGE.parent.name == "src" else PACKAGE
    for folder in (checkout, PACKAGE / "project"):
        if (folder / "workflow" / "Snakefile").is_file():
            return folder
    raise ConfigError(f"the workflow is not beside {PACKAGE}; install prunepipe again (pip install .).")
