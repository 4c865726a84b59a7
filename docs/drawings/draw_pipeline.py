"""Draw the stages of one cell and where each check acts; writes docs/images/pipeline.svg.

Run `python docs/drawings/draw_pipeline.py` in the root of the repository. The names of the checks are read from the
library, so a new check appears at its stage.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from prunepipe.study.built_in import CHECKS

TARGET = Path(__file__).parent.parent / "images" / "pipeline.svg"
WIDTH, HEIGHT = 900, 490
STAGE, FILE, CHECK = "#E4EFF8", "#F4F4F4", "#FBE9DD"
FLOW, CHANGE = "#555555", "#D55E00"


class Box(NamedTuple):
    """A box: its centre, its colour, and the small line below its name."""

    x: int
    y: int
    colour: str
    note: str


BOXES = {
    "training data": Box(90, 210, FILE, "rule prepare_dataset"),
    "dense run": Box(265, 210, STAGE, "rule train_dense"),
    "rewind points": Box(440, 210, STAGE, "init, epoch K, final"),
    "scores": Box(625, 210, STAGE, "of a rewind point; rule score"),
    "mask": Box(805, 210, STAGE, "allocation; rule mask"),
    "initial weights": Box(265, 330, STAGE, "rule initialise"),
    "start weights": Box(625, 330, FILE, "of a rewind point"),
    "ticket": Box(805, 330, STAGE, "mask × weights; rule check"),
    "clean data": Box(440, 445, FILE, "whatever the check"),
    "retrain": Box(625, 445, STAGE, "rule retrain"),
    "accuracy": Box(805, 445, STAGE, "rule evaluate"),
}
WIDE, HIGH = 142, 50

ARROWS = (
    "M 161 210 H 192",  # training data -> dense run
    "M 336 210 H 367",  # dense run -> rewind points
    "M 511 210 H 552",  # rewind points -> scores
    "M 696 210 H 732",  # scores -> mask
    "M 265 305 V 237",  # initial weights -> dense run
    "M 336 330 H 410 V 237",  # initial weights -> rewind points
    "M 470 235 V 330 H 552",  # rewind points -> start weights
    "M 120 185 V 150 H 600 V 183",  # training data -> scores
    "M 805 235 V 303",  # mask -> ticket
    "M 696 330 H 732",  # start weights -> ticket
    "M 805 355 V 394 H 625 V 418",  # ticket -> retrain
    "M 511 445 H 552",  # clean data -> retrain
    "M 696 445 H 732",  # retrain -> accuracy
)

CHECKED = {
    "data": (90, 70, "M 60 {bottom} V 183"),
    "score": (625, 70, "M 650 {bottom} V 183"),
    "mask": (805, 70, "M 805 {bottom} V 183"),
    "weights": (265, 445, "M 336 {middle} H 356 V 370 H 625 V 357"),
}
"""For every stage that a check may change: the centre of its label, and the arrow to its box."""


def main() -> None:
    """Write the drawing."""
    parts = [head(), *(line(arrow, FLOW, "flow") for arrow in ARROWS), *map(checks_of, CHECKED)]
    parts += [box(name, *place) for name, place in BOXES.items()]
    TARGET.write_text("\n".join([*parts, "</svg>\n"]), encoding="utf-8")
    print("wrote docs/images/pipeline.svg")


def head() -> str:
    """Return the opening of the file: a title for screen readers, arrow heads, a white card."""
    heads = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto" '
        f'markerUnits="userSpaceOnUse"><path d="M0,0.5 L8,4 L0,7.5 z" fill="{colour}"/></marker>'
        for name, colour in (("flow", FLOW), ("change", CHANGE))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="DejaVu Sans, Verdana, sans-serif">\n'
        "<title>The stages of one cell, and the stage that each check changes</title>\n"
        f'<defs>{heads}</defs>\n<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="white"/>'
    )


def box(name: str, x: int, y: int, colour: str, note: str) -> str:
    """Return a box with its name and its note."""
    frame = rectangle(x, y, WIDE, HIGH, colour, FLOW)
    return "\n".join(
        [frame, text(x, y - 3, 14, name, weight="bold"), text(x, y + 15, 9.5, note, colour="#444444")]
    )


def checks_of(stage: str) -> str:
    """Return the label that lists the checks of a stage, and the arrow to what they change."""
    x, y, arrow = CHECKED[stage]
    names = [name for name, row in CHECKS.items() if stage in row]
    high = 26 + 15 * len(names)
    lines = [line(arrow.format(bottom=y + high // 2, middle=y), CHANGE, "change", "5 3")]
    lines += [rectangle(x, y, WIDE, high, CHECK, CHANGE)]
    lines += [text(x, y - high // 2 + 16, 10, f"{stage} checks", colour="#8A3D00")]
    lines += [text(x, y - high // 2 + 32 + 15 * place, 12, name) for place, name in enumerate(names)]
    return "\n".join(lines)


def rectangle(x: int, y: int, width: int, height: int, fill: str, stroke: str) -> str:
    """Return a rounded rectangle around a centre."""
    corner = f'x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width}" height="{height}"'
    return f'<rect {corner} rx="6" fill="{fill}" stroke="{stroke}"/>'


def text(x: int, y: int, size: float, words: str, *, weight: str = "normal", colour: str = "black") -> str:
    """Return a centred line of text."""
    look = f'font-size="{size:g}" font-weight="{weight}" fill="{colour}"'
    return f'<text x="{x}" y="{y}" text-anchor="middle" {look}>{words}</text>'


def line(drawn: str, colour: str, marker: str, dashes: str = "none") -> str:
    """Return a line with an arrow head at its end."""
    look = f'fill="none" stroke="{colour}" stroke-width="1.5" stroke-dasharray="{dashes}"'
    return f'<path d="{drawn}" {look} marker-end="url(#{marker})"/>'


if __name__ == "__main__":
    main()
