"""Draw the rooms of the library, floor by floor; writes docs/images/rooms.svg.

Run `python docs/drawings/draw_rooms.py` in the root of the repository. Rooms, floors and sentences are read from the
package.
"""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path
from xml.sax.saxutils import escape

import prunepipe

PACKAGE = Path(prunepipe.__file__).parent
TARGET = Path(__file__).parent.parent / "images" / "rooms.svg"
WIDTH, HIGH, GAP, LEFT = 900, 64, 12, 20


def sentence(room: str) -> str:
    """Return what a room says of itself, without its name."""
    path = PACKAGE / room / "__init__.py"
    path = path if path.is_file() else PACKAGE / f"{room}.py"
    first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()[0]
    own = first.split(";")[0].split(": ", 1)[-1].replace("`", "").rstrip(".")
    return own[0].upper() + own[1:]


def box(x: int, y: int, width: int, room: str) -> str:
    """Return one room as SVG."""
    lines = textwrap.wrap(sentence(room), width // 6)[:2]
    words = "".join(
        f'<text x="{x + 10}" y="{y + 38 + 14 * number}" font-size="11" fill="#444444">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{HIGH}" rx="6" fill="#E4EFF8" stroke="#9DB7CC"/>'
        f'<text x="{x + 10}" y="{y + 20}" font-size="14" font-weight="bold" fill="#222222">{room}</text>{words}'
    )


def main() -> None:
    """Write the drawing: the lowest floor at the bottom."""
    floors = prunepipe.FLOORS
    height = len(floors) * (HIGH + GAP) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="#FFFFFF"/>',
    ]
    for number, rooms in enumerate(reversed(floors)):
        width = (WIDTH - 2 * LEFT - GAP * (len(rooms) - 1)) // len(rooms)
        y = GAP + number * (HIGH + GAP)
        parts += [box(LEFT + place * (width + GAP), y, width, room) for place, room in enumerate(rooms)]
    TARGET.write_text("\n".join([*parts, "</svg>\n"]), encoding="utf-8")
    print("wrote docs/images/rooms.svg")


if __name__ == "__main__":
    main()
