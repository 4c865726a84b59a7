"""Load functions by name: built-in tables, registered packages and user code all use "module:function"."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable
from difflib import get_close_matches
from functools import cache
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from prunepipe.errors import ConfigError, PrunepipeError, ScoreError

GROUPS = {
    "score": "prunepipe.scores",
    "allocation": "prunepipe.allocations",
    "updater": "prunepipe.updaters",
    "network": "prunepipe.networks",
    "data set": "prunepipe.datasets",
    "check": "prunepipe.checks",
}
"""The entry-point group of each kind of function."""

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
"""Names that can be a folder and a wildcard; others are ignored."""


def load_function(reference: str) -> Callable[..., Any]:
    """Import the function that "package.module:function" or "path/to/file.py:function" names.

    Raises:
        ConfigError: the reference is malformed, its module does not import, or lacks the function.
    """
    function = load(reference)
    if not callable(function) and not callable(getattr(function, "score", None)):
        name = reference.rpartition(":")[2]
        raise ConfigError(f"'{reference}': '{name}' is of type {type(function).__name__}, not a function.")
    return function  # type: ignore[no-any-return]


def load(reference: str) -> Any:
    """Import what "package.module:name" or "path/to/file.py:name" names.

    A relative path is relative to the working directory, which is also the last place searched for packages. A file
    can import the modules next to it.

    Raises:
        ConfigError: the reference is malformed, its module does not import, or lacks the function.
    """
    place, _, name = reference.rpartition(":")
    if not place or not name:
        raise ConfigError(f"'{reference}' is not of the form package.module:function or file.py:function.")
    try:
        module = _import_file(Path(place)) if place.endswith(".py") else _import_module(place)
    except ConfigError:
        raise
    except Exception as error:  # whatever the user's module raises while it is imported
        raise ConfigError(f"'{reference}': importing {place} failed: {explain(error, place)}") from error
    found = getattr(module, name, None)
    if found is None:
        names = [own for own, value in vars(module).items() if callable(value) and not own.startswith("_")]
        nearest = get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
        raise ConfigError(f"'{reference}': {place} has no function '{name}'.{hint}")
    return found


def explain(error: BaseException, place: str) -> str:
    """Describe an error of the user's code in one line: type, text, and the last line of that code in the traceback.

    Args:
        error: the error as raised.
        place: the "package.module" or "file.py" that the user named.
    """
    text = f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"
    if isinstance(error, SyntaxError):
        return text  # its text names file and line
    home = place if place.endswith(".py") else place.split(".")[0]
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if home in Path(frame.filename).as_posix()]
    return f"{text} (line {own[-1].lineno} of {own[-1].filename}: {own[-1].line})" if own else text


def call(kind: str, reference: str, *arguments: Any, **options: Any) -> Any:
    """Load a function by name and call it; errors of the user's own code become one line.

    Args:
        kind: what the function is, for the message.
        reference: "package.module:function" or "file.py:function".
        arguments, options: of the function.

    Raises:
        ConfigError: the function cannot be loaded.
        ScoreError: the function is user code and raised an error.
    """
    function = load_function(reference)
    if not is_external(reference):
        return function(*arguments, **options)
    try:
        return function(*arguments, **options)
    except PrunepipeError:
        raise
    except Exception as error:  # whatever the user's code raises
        place = reference.rpartition(":")[0]
        raise ScoreError(f"{kind} {reference}: raised {explain(error, place)}") from error


def is_external(reference: str) -> bool:
    """Return whether a reference names code outside this package, whose contract must be checked."""
    return reference.split(".")[0] != __name__.split(".")[0]


@cache
def source_file(place: str) -> Path | None:
    """Return the file of a module under development: given by path, in the working directory, or an editable install.

    Args:
        place: "package.module" or "file.py".

    Returns:
        None for installed packages, whose version the environment records, and for modules that are not found.
    """
    if place.endswith(".py"):
        return Path(place)
    top, *rest = place.split(".")
    spec = None if top in sys.stdlib_module_names else _find(top)
    if spec is None or "site-packages" in str(spec.origin):
        return None
    folders = list(
        spec.submodule_search_locations or []
    )  # a package, which has no origin if it lacks __init__.py
    if not folders:
        return Path(spec.origin) if spec.origin else None
    path = Path(folders[0]).joinpath(*rest)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _find(top: str) -> Any:
    try:
        return importlib.util.find_spec(top) or PathFinder.find_spec(top, [str(Path.cwd())])
    except (ImportError, ValueError):  # ValueError: a module without a spec, such as __main__
        return None


def _import_module(place: str) -> ModuleType:
    _search(Path.cwd())
    return importlib.import_module(place)


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(
            f"no file {path} in {Path.cwd()}" if not path.is_absolute() else f"no file {path}"
        )
    full = path.resolve()
    # The checksum tells two files of the same name apart: the second import must not change the first module.
    name = f"prunepipe_user_{path.stem}_{hashlib.sha256(str(full).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    _search(full.parent)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _search(folder: Path) -> None:
    """Search a folder for modules after all others, so that the user's `random.py` hides no other module."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


@cache
def registered(kind: str) -> dict[str, str]:
    """Return the names that packages register for a kind of function, each with its "module:name".

    Args:
        kind: a key of `GROUPS`. Names of checks are "stage.name" or, if a row says the stage, just "name".
    """
    entries = metadata.entry_points(group=GROUPS[kind])
    found = {entry.name: f"{entry.module}:{entry.attr}" for entry in entries}
    return {name: value for name, value in found.items() if PLAIN_NAME.fullmatch(name.rpartition(".")[2])}
