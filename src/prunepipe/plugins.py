"""Functions by name: built-in tables and the user's own code share one form, "module:function"."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prunepipe.errors import ConfigError


def load_function(reference: str) -> Callable[..., Any]:
    """Import the function that "package.module:function" or "path/to/file.py:function" names.

    Raises:
        ConfigError: the reference is malformed, its module does not import, or lacks the function.
    """
    place, _, name = reference.rpartition(":")
    if not place or not name:
        raise ConfigError(f"'{reference}' is not of the form package.module:function or file.py:function.")
    try:
        module = _import_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except Exception as error:  # whatever the user's module raises while it is imported
        raise ConfigError(
            f"'{reference}': importing {place} failed: {type(error).__name__}: {error}"
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise ConfigError(f"'{reference}': {place} has no function '{name}'.")
    return function  # type: ignore[no-any-return]


def _import_file(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    name = f"prunepipe_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
