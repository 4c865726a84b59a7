"""Which code made a result: a checksum of exactly the modules that a stage can reach."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_version(script: Path, *references: str) -> str:
    """Return a checksum of a stage's script and of every module of the package that it imports, however deep.

    Comments, docstrings and layout do not count, so explaining a stage does not repeat it.

    Args:
        script: the stage's script.
        references: further "module:function" or "file.py:function" that the stage loads by name.

    Returns:
        12 hexadecimal digits.
    """
    files = reached_files(script, *references)
    text = "".join(f"{file.name}:{_meaning(file)}" for file in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def reached_files(script: Path, *references: str) -> set[Path]:
    """Return the files that a stage can reach: see `code_version`."""
    files = {script}
    waiting = [script, *(_file_of(reference.rpartition(":")[0]) for reference in references)]
    while waiting:
        file = waiting.pop()
        if file is None or not file.is_file():
            continue
        files.add(file)
        waiting += [found for found in _imports(file) if found not in files]
    return files


def _file_of(place: str) -> Path | None:
    if place.endswith(".py"):
        return Path(place)
    if place.split(".")[0] != "prunepipe":
        return None  # an installed package: its version is the environment's business
    path = PACKAGE.joinpath(*place.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _exists(place: str) -> bool:
    path = _file_of(place)
    return path is not None and path.is_file()


@cache
def _imports(file: Path) -> tuple[Path, ...]:
    """Return the files of the package that a file imports, at its top or inside its functions."""
    places = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            places += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
            places += [place if _exists(place) else node.module for place in modules]
    found = [_file_of(place) for place in places]
    if not file.is_relative_to(PACKAGE):  # a script or a user's file also finds what lies beside it
        found += [file.with_name(f"{place}.py") for place in places]
    return tuple(path for path in found if path is not None and path.is_file())


@cache
def _meaning(file: Path) -> str:
    """Return the syntax tree without docstrings, as text."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
