"""Formulas are written in LaTeX and shown as MathML, which browsers draw themselves: nothing is loaded for it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
BLOCK = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)
"""What pymdownx.arithmatex leaves of `$...$` and `$$...$$`."""


def on_page_content(html: str, **unused: Any) -> str:
    """Replace every formula of a page; mkdocs calls this by its name."""
    html = INLINE.sub(lambda found: mathml(found[1], "inline"), html)
    return BLOCK.sub(lambda found: mathml(found[1], "block"), html)


def mathml(latex: str, display: str) -> str:
    """Return the MathML of a formula.

    Args:
        latex: with HTML's characters escaped.
        display: "inline" or "block".
    """
    return convert(unescape(latex).strip(), display=display)
