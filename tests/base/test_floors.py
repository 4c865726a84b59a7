"""Imports go down: no module of the library imports from a higher floor, and nothing lies beside the rooms."""

import ast
from pathlib import Path

import pytest

from prunepipe import FLOORS

PACKAGE = Path(__file__).parents[2] / "src" / "prunepipe"
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def imported(source: str) -> set[str]:
    """Return the modules of the package that a source names in an import, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "prunepipe":
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("prunepipe.")}
    return found


def file_of(parts: list[str]) -> Path:
    """Return the file of a module, or of the module that holds a name."""
    target = PACKAGE.joinpath(*parts)
    files = (target.with_suffix(".py"), target.parent.with_suffix(".py"), target / "__init__.py")
    return next((path for path in files if path.is_file()), target).relative_to(PACKAGE)


def violations(file: Path, source: str) -> list[str]:
    """Return a line for each import from a higher floor."""
    room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    above = []
    for module in sorted(imported(source)):
        parts = module.split(".")
        if parts[1] in FLOOR and FLOOR[parts[1]] > FLOOR[room]:
            target = file_of(parts[1:])
            above.append(f"{file.relative_to(PACKAGE)} ({room}) imports {target} ({parts[1]}), a floor above")
    return above


def modules() -> list[Path]:
    return [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in FLOOR]


def test_imports_only_go_down() -> None:
    found = [line for path in modules() for line in violations(path, path.read_text(encoding="utf-8"))]
    assert not found, "\n".join(found)


def test_a_violation_names_both_files() -> None:
    source = "def late():\n    from prunepipe.reports.tables import building\n"
    (line,) = violations(PACKAGE / "networks" / "vgg.py", source)
    assert "networks/vgg.py" in line
    assert "reports/tables/building.py" in line


def test_no_module_lies_beside_the_rooms() -> None:
    loose = {path.stem for path in PACKAGE.glob("*.py")} - set(FLOORS[0]) - {"__init__", "api"}
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert not loose
    assert rooms == set(FLOOR) - set(FLOORS[0])


@pytest.mark.parametrize("room", sorted(PACKAGE.rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_every_room_says_what_belongs_in_it_and_where_the_rest_is(room: Path) -> None:
    first = (ast.get_docstring(ast.parse(room.read_text(encoding="utf-8"))) or "").splitlines()[0]
    assert first.endswith(".")
    assert room.parent == PACKAGE or ("`" in first and ":" in first)
