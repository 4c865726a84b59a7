"""Which code made a result: a checksum of exactly the modules that a stage can reach."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

from prunepipe.plugins import source_file

PACKAGE = Path(__file__).parent.parent
DATA_SUFFIXES = (".csv", ".json")
"""Of files in `prunepipe/data`, which modules name in full."""

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_version(script: Path, *references: str) -> str:
    """Return a checksum of a stage's script and of every module of the package that it imports, however deep.

    The package's data files that these modules name count too. Comments, docstrings and layout do not, so explaining
    a stage does not repeat it.

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
        if file.suffix == ".py":
            waiting += [found for found in _imports(file) if found not in files]
    return files


def _file_of(place: str) -> Path | None:
    if place.endswith(".py") or place.split(".")[0] != "prunepipe":
        return source_file(place)  # None for an installed package: its version is the environment's business
    path = PACKAGE.joinpath(*place.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _exists(place: str) -> bool:
    path = _file_of(place)
    return path is not None and path.is_file()


@cache
def _imports(file: Path) -> tuple[Path, ...]:
    """Return the files that a file imports, at its top or inside its functions, and the package's data it names."""
    ours = file.is_relative_to(PACKAGE)
    places = []
    data = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if ours and isinstance(node, ast.Constant) and str(node.value).endswith(DATA_SUFFIXES):
            data.append(PACKAGE / "data" / str(node.value))
        if isinstance(node, ast.Import):
            places += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [".".join(filter(None, (node.module, alias.name))) for alias in node.names]
            places += [place if _exists(place) or node.module is None else node.module for place in modules]
            places += [node.module] if node.module and not ours else []
    if ours:
        places = [place for place in places if place.split(".")[0] == "prunepipe"]
    found = [_file_of(place) for place in places]
    if not ours:  # a script or a user's file also finds what lies beside it
        beside = [file.parent.joinpath(*place.split(".")) for place in places]
        found += [path.with_suffix(".py") for path in beside] + [path / "__init__.py" for path in beside]
    return tuple(path for path in [*found, *data] if path is not None and path.is_file())


@cache
def _meaning(file: Path) -> str:
    """Return the syntax tree without docstrings, as text; of a data file, its checksum."""
    if file.suffix != ".py":
        return hashlib.sha256(file.read_bytes()).hexdigest()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
