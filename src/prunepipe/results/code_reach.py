"""Find the files that a stage's code can reach: modules through imports, and the data files next to them.

Imports in the package, in stages' scripts and in the user's own modules are followed, anywhere in a file:
`import a.b as c`, `from ..common import g`, and the `__init__.py` of each of the user's packages on the way. Data files
count if a user's file names them and uses `importlib.resources` or `__file__`. It does not follow names built at run
time, data in other folders, imports for type checkers only, or installed packages, whose versions the environment
records.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from prunepipe.api import HOMES
from prunepipe.errors import ConfigError
from prunepipe.plugins import source_file
from prunepipe.results.code_meaning import parse_source

PACKAGE = Path(__file__).parent.parent
API = "prunepipe.api"
DATA_SUFFIXES = (".csv", ".json")
"""Suffixes of files in `prunepipe/data`, which modules name in full."""

FINDERS = {"__file__", "resources", "importlib.resources", "importlib_resources", "get_data"}
"""Names by which a file locates the data next to it."""

LONGEST_NAME = 200
"""Longer strings are not taken for the name of a file."""


def reached_files(script: Path, *references: str) -> set[Path]:
    """Return the script, the modules of the references, and everything that they import directly or indirectly.

    Args:
        script: the stage's script.
        references: "module:function" or "file.py:function" that the stage loads by name.

    Raises:
        ConfigError: a file is not valid Python; the message names file and line.
    """
    files: set[Path] = set()
    waiting = [script]
    for reference in references:
        waiting += [path for path in _module_files(reference.rpartition(":")[0]) if path.is_file()]
    while waiting:
        file = waiting.pop().absolute()
        if file not in files:
            files.add(file)
            waiting += _reached_from(file) if file.suffix == ".py" else ()
    return files


@cache
def syntax_tree(file: Path) -> ast.Module:
    """Return the syntax tree of a source file.

    Raises:
        ConfigError: it is not Python; names file and line.
    """
    try:
        return parse_source(file.read_bytes(), str(file))
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        shown = f": {error.text.strip()}" if error.text and error.text.strip() else ""
        raise ConfigError(f"{file}{line}: not Python ({error.msg}){shown}") from error
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}).") from error


@cache
def _reached_from(file: Path) -> tuple[Path, ...]:
    """Return the files that a file imports or reads."""
    tree = syntax_tree(file)
    nodes = list(_executed(tree))
    found = [path for node in nodes for path in _imported(file, node)]
    if file.is_relative_to(PACKAGE):
        texts = (
            node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        found += [PACKAGE / "data" / text for text in texts if text.endswith(DATA_SUFFIXES)]
        return tuple(path for path in found if path.is_file())
    return tuple(path for path in [*found, *_data_beside(file, nodes, found)] if path.is_file())


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes except those below `if TYPE_CHECKING`, which never run."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        skips = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        waiting += node.orelse if isinstance(node, ast.If) and skips else ast.iter_child_nodes(node)


def _imported(file: Path, node: ast.AST) -> Iterable[Path]:
    """Return the files that an import statement may run; some may not exist."""
    if isinstance(node, ast.Import):
        return [path for alias in node.names for path in _found_from(file, alias.name)]
    if not isinstance(node, ast.ImportFrom):
        return []
    names = [alias.name for alias in node.names]
    if node.level:
        base = file.parents[node.level - 1] if node.level <= len(file.parents) else file.parent
        return [path for place in _places(node.module, names) for path in _below(base, place)]
    if node.module == API:
        return [path for name in names for path in _module_files(HOMES.get(name, API))]
    if _is_ours(node.module or ""):
        return [_ours(f"{node.module}.{name}", node.module or "") for name in names]
    return [path for place in _places(node.module, names) for path in _found_from(file, place)]


def _ours(*places: str) -> Path:
    """Return the file of the first of these package modules that exists."""
    paths = [_module(PACKAGE, place.split(".")[1:]) for place in places]
    return next((path for path in paths if path.is_file()), paths[-1])


def _places(module: str | None, names: Iterable[str]) -> list[str]:
    """Return what `from module import names` may import: the module, and each name as a module in it."""
    inside = [f"{module}.{name}" if module else name for name in names]
    return [module or "", *inside]


def _found_from(file: Path, place: str) -> Iterable[Path]:
    """Return the files of a module as a file would import it; user files also see the modules next to them."""
    if file.is_relative_to(PACKAGE) and not _is_ours(place):
        return []
    beside = [] if _is_ours(place) else _below(file.parent, place)
    return [*_module_files(place), *beside]


def _is_ours(place: str) -> bool:
    return place.split(".")[0] == PACKAGE.name


def _module_files(place: str) -> list[Path]:
    """Return the files that importing a module runs: its own, and each `__init__.py` of the user's packages above."""
    if place == API:
        return [path for home in set(HOMES.values()) for path in _module_files(home)]
    if _is_ours(place):  # our own `__init__.py` holds only a table of choices or a description of the package
        return [_ours(place)]
    if place.endswith(".py"):
        return [Path(place)]
    parts = place.split(".")
    found = (source_file(".".join(parts[:end])) for end in range(1, len(parts) + 1))
    return [path for path in found if path is not None and path.is_file()]


def _below(base: Path, place: str) -> list[Path]:
    """Return the files that importing `place` from a folder would run."""
    parts = [part for part in place.split(".") if part]
    return [_module(base, parts[:end]) for end in range(len(parts) + 1)]


def _module(base: Path, parts: list[str]) -> Path:
    path = base.joinpath(*parts)
    return path / "__init__.py" if path.is_dir() else path.with_name(path.name + ".py")


def _data_beside(file: Path, nodes: Iterable[ast.AST], imported: Iterable[Path]) -> set[Path]:
    """Return the data files that a user's file names, if the file can locate files next to it.

    Any string may name a file: in the file's own folder, in folders of packages that it imports, or in a subfolder
    that another string names.
    """
    nodes = list(nodes)
    if not FINDERS & {name for node in nodes for name in _names(node)}:
        return set()
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    names = [text for text in texts if _may_name_a_file(text)]
    folders = {file.parent, *(path.parent for path in imported if path.name == "__init__.py")}
    searched: set[Path] = set()
    while new := folders - searched:
        searched |= new
        below = {folder / name.replace(".", "/") for folder in new for name in names}  # "package.data"
        below |= {folder / name for folder in new for name in names}
        folders |= {path for path in below if path.is_dir()}
    return {folder / name for folder in folders for name in names}


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or "", *(alias.name for alias in node.names)]
    return []


def _may_name_a_file(text: str) -> bool:
    parts = Path(text).parts
    return bool(parts) and text.isprintable() and len(text) < LONGEST_NAME and not {"..", "/"} & set(parts)
