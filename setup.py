"""The wheel brings the workflow along, so that `prunepipe judge` works in any folder."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PARTS = ("workflow", "config", "profiles", "envs", "config.yaml")


class BuildWithWorkflow(build_py):
    """Copies the workflow beside the package's modules; an editable install uses the checkout's own."""

    def run(self) -> None:
        """Build the modules, then copy."""
        super().run()
        if self.editable_mode:
            return
        project = Path(self.build_lib) / "prunepipe" / "project"
        shutil.rmtree(project, ignore_errors=True)
        project.mkdir(parents=True)
        for name in PARTS:
            if Path(name).is_dir():
                shutil.copytree(name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(name, project / name)


setup(cmdclass={"build_py": BuildWithWorkflow})
