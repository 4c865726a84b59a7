"""Where the project lies, and the command that makes runs of a study again."""

from __future__ import annotations

import shlex
from pathlib import Path

from prunepipe.errors import ConfigError
from prunepipe.results.layout import CELL, DENSE
from prunepipe.study.study import FULL_NETWORK, Study

Place = tuple[str, str, float, str, str]
"""(data set, network, prune ratio, ticket, check) of a cell."""


def cell_command(study: Study, file: Path | None, place: Place) -> str:
    """Return the command that makes the runs of a cell again; see `remake_command`.

    Args:
        study: whose cell it is.
        file: of the study; default: config/NAME.yaml.
        place: of the cell; a dense run is the full network, its check the variant of the data.
    """
    dataset, network, prune_ratio, ticket, check = place
    seeds = ",".join(str(seed) for seed in study.seeds)
    where = {"study": study.name, "dataset": dataset, "network": network}
    where["seed"] = "{" + seeds + "}" if len(study.seeds) > 1 else seeds  # the shell expands the braces
    if ticket == FULL_NETWORK:
        folder = DENSE.format(**where, data="clean" if check == "none" else check)
    else:
        folder = CELL.format(**where, ticket=ticket, check=check, prune_ratio=prune_ratio)
    return remake_command(f"{folder}/metrics.json", file or Path("config") / f"{study.name}.yaml")


def remake_command(target: str, file: Path, folder: Path = Path()) -> str:
    """Return the command that makes a file again, to be given in the folder that holds results/.

    In a checkout, for a study of its config/, that is Snakemake's; anywhere else the package brings the workflow.

    Args:
        target: the file, from results/ on, as the shell expands it.
        file: of the study.
        folder: that holds results/.
    """
    own = (folder / "config" / file.name).resolve() == file.resolve()
    if own and (folder / "Snakefile").is_file():
        return f"snakemake {target} --force --cores 1 --config study={file.stem}"
    return f"prunepipe run {target} --force --cores 1 --study {shlex.quote(_named_study(file, folder, own))}"


def _named_study(file: Path, folder: Path, own: bool) -> str:
    """Return a study as `prunepipe run` finds it: by name where it can, else by its path."""
    whole = file.resolve()
    if own or whole.parent == (project_folder() / "config").resolve():
        return file.stem
    inside = whole.is_relative_to(folder.resolve())
    return str(whole.relative_to(folder.resolve()) if inside else whole)


PACKAGE = Path(__file__).parent.parent


def project_folder() -> Path:
    """Return the folder that holds `workflow/` and `config/`: the checkout, or what the wheel brings along.

    Raises:
        ConfigError: neither is there.
    """
    checkout = PACKAGE.parent.parent if PACKAGE.parent.name == "src" else PACKAGE
    for folder in (checkout, PACKAGE / "project"):
        if (folder / "workflow" / "Snakefile").is_file():
            return folder
    raise ConfigError(f"the workflow is not beside {PACKAGE}; install prunepipe again (pip install .).")
