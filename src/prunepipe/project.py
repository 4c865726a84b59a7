"""Where the project lies: the workflow and the studies that come along."""

from __future__ import annotations

from pathlib import Path

from prunepipe.errors import ConfigError

PACKAGE = Path(__file__).parent


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
