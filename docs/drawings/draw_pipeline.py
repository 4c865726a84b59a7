"""Draw the stages of one cell and where each check acts; writes docs/images/pipeline.svg.

Run `python docs/drawings/draw_pipeline.py` in the root of the repository.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from prunepipe.zoology import CHECKS

TARGET = Path(__file__).parent.parent / "images" / "pipeline.svg"
WIDTH, HEIGHT = 1000, 470
BOX = (124, 48)
STAGE, DATA, CHECK, LINE = "#EAF2F8", "#F6F6F6", "#FBE9DD", "#D55E00"

STAGES = {
    "training data": (80, 190, DATA),
    "dense run": (250, 190, STAGE),
    "weights scored": (420, 190, DATA),
    "scores": (590, 190, STAGE),
    "mask": (760, 190, STAGE),
    "initial weights": (250, 310, STAGE),
    "start weights": (590, 310, DATA),
    "ticket": (760, 310, STAGE),
    "retrain": (760, 400, STAGE),
    "accuracy": (920, 400, STAGE),
    "clean data": (590, 400, DATA),
}
"""Centre and colour of every box; `STAGE` boxes are computed by a rule, `DATA` boxes are choices of files."""

NOTES = {
    "dense run": "rule train_dense",
    "weights scored": "init, epoch K or final",
    "scores": "rule score",
    "mask": "allocation; rule mask",
    "initial weights": "rule initialise",
    "start weights": "init, epoch K or final",
    "ticket": "mask x weights; rule check",
    "retrain": "rule retrain",
    "accuracy": "rule evaluate",
    "clean data": "always, in every check",
    "training data": "rule prepare_dataset",
}

ARROWS = [
    ((142, 190), (188, 190)),
    ((312, 190), (358, 190)),
    ((482, 190), (528, 190)),
    ((652, 190), (698, 190)),
    ((250, 286), (250, 214)),
    ((312, 310), (528, 310)),
    ((760, 214), (760, 286)),
    ((652, 310), (698, 310)),
    ((760, 334), (760, 376)),
    ((652, 400), (698, 400)),
    ((822, 400), (858, 400)),
]
PATHS = ["M 420 310 L 420 214", "M 80 166 L 80 138 L 590 138 L 590 166"]
"""Initial weights that are scored; training data that a score reads."""

COLUMNS = {"data": ("training data", 80), "score": ("scores", 590), "mask": ("mask", 760), "weights": ("start weights", 420)}
"""Which box a check of each stage changes, and the x of its label."""


def main() -> None:
    """Write the drawing."""
    parts = [head(), *map(arrow, ARROWS), *map(path, PATHS)]
    parts += [box(name, *place) for name, place in STAGES.items()]
    parts += [check(stage) for stage in COLUMNS]
    TARGET.write_text("\n".join([*parts, "</svg>\n"]), encoding="utf-8")
    print("wrote docs/images/pipeline.svg")


def head() -> str:
    """Return the opening of the file: title for screen readers, arrow heads, a white card."""
    heads = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0,0.5 L8,4 L0,7.5 z" fill="{colour}"/></marker>'
        for name, colour in (("flow", "#555555"), ("change", LINE))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="DejaVu Sans, Verdana, sans-serif">\n'
        "<title>The stages of one cell, and the stage that each check changes</title>\n"
        f"<defs>{heads}</defs>\n"
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="white"/>'
    )


def box(name: str, x: int, y: int, colour: str) -> str:
    """Return a box with its name and a note."""
    width, height = BOX
    return (
        f'<rect x="{x - width // 2}" y="{y - height // 2}" width="{width}" height="{height}" rx="6" '
        f'fill="{colour}" stroke="#555555"/>\n'
        f'<text x="{x}" y="{y - 3}" text-anchor="middle" font-size="14" font-weight="bold">{name}</text>\n'
        f'<text x="{x}" y="{y + 14}" text-anchor="middle" font-size="9.5" fill="#444444">{NOTES[name]}</text>'
    )


def arrow(ends: tuple[tuple[int, int], tuple[int, int]]) -> str:
    """Return a straight arrow."""
    (x1, y1), (x2, y2) = ends
    return path(f"M {x1} {y1} L {x2} {y2}")


def path(drawn: str, colour: str = "#555555", head_name: str = "flow") -> str:
    """Return a line with an arrow head at its end."""
    return f'<path d="{drawn}" fill="none" stroke="{colour}" stroke-width="1.5" marker-end="url(#{head_name})"/>'


def check(stage: str) -> str:
    """Return the checks of a stage, and the arrow to what they change."""
    changed, x = COLUMNS[stage]
    names = [name for name, row in CHECKS.items() if stage in row]
    _, y, _ = STAGES[changed]
    return f"<!-- {escape(', '.join(names))} change {changed} at {x}, {y} -->"


if __name__ == "__main__":
    main()
