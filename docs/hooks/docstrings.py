"""Docstrings as mkdocstrings reads them: its sections begin after a blank line, ours do not have to."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

SECTION = re.compile(r"(?<!\n)\n(?=(?:Args|Attributes|Returns|Yields|Raises|Source):)")


class SectionGaps(Extension):
    """Puts a blank line before every section of a docstring."""

    def on_object(self, *, obj: Object, **unused: Any) -> None:
        """Change the docstring of one module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = SECTION.sub("\n\n", obj.docstring.value)
