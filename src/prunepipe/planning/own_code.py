"""Refuse a study whose own files or functions do not exist, before any job; nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from prunepipe.errors import ConfigError
from prunepipe.results.code_reach import syntax_tree
from prunepipe.study.study import Study

LOADER = "a loader is called with the data folder: def {name}(folder)"


def require_own_code(study: Study) -> None:
    """Refuse "file.py:function" where the file or the function does not exist, and masks and weights in no file.

    Raises:
        ConfigError: names the key, the reference and the remedy.
    """
    _require_files(study)
    for key, reference in _references(study):
        place, _, name = reference.rpartition(":")
        if not place.endswith(".py"):
            continue
        if not Path(place).is_file():
            raise ConfigError(
                f"{key}: {reference}: no such file below {Path.cwd()}; the path is relative to the folder that the "
                "study is run in."
            )
        tree = syntax_tree(Path(place).absolute())
        names = set(_defined(tree))
        if name not in names and not names & {"*", "__getattr__"}:
            own = ", ".join(sorted(known for known in names if not known.startswith("_"))) or "nothing"
            raise ConfigError(f"{key}: {place} has no '{name}'; it defines {own}.")
        if key.startswith("datasets.") and _takes_nothing(tree, name):
            raise ConfigError(f"{key}: {reference}: takes no argument, but {LOADER.format(name=name)}.")


def _require_files(study: Study) -> None:
    for name, ticket in study.tickets.items():
        for key, path in ticket.files.items():
            if not Path(path).is_file():
                raise ConfigError(
                    f"tickets.{name}.{key}: {path}: no such file below {Path.cwd()}; the path is relative to the "
                    "folder that the study is run in."
                )


def _references(study: Study) -> Iterator[tuple[str, str]]:
    """Yield the names of functions in a study, with their keys."""
    found: list[tuple[str, str | None]] = []
    found += [(f"datasets.{key}.source", row.source) for key, row in study.datasets.items()]
    found += [(f"networks.{key}.architecture", row.architecture) for key, row in study.networks.items()]
    for key, ticket in study.tickets.items():
        found += [(f"tickets.{key}.score", ticket.score), (f"tickets.{key}.allocation", ticket.allocation)]
    for key, check in study.custom_checks.items():
        found += [(f"custom_checks.{key}.{stage}", name) for stage, name in check.stages.items()]
    yield from ((key, reference) for key, reference in found if reference is not None)


def _defined(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a file defines or imports outside functions and classes; `*` for a star import."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node.name
                continue
            if isinstance(node, ast.alias):
                yield node.asname or node.name.partition(".")[0]
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            waiting.append(node)


def _takes_nothing(tree: ast.Module, name: str) -> bool:
    """Return whether a name is a function of the file that takes no argument; False if it is anything else."""
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    if not found or found[-1].decorator_list:
        return False
    taken = found[-1].args
    return not (taken.posonlyargs or taken.args or taken.vararg)
