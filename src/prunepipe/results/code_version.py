"""Which code made a result: a checksum of what the files mean that a stage can reach."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from prunepipe.results.code_meaning import meaning
from prunepipe.results.code_reach import PACKAGE, reached_files, syntax_tree

MESSAGES = PACKAGE / "errors.py"
"""Nothing but errors and their text."""


def code_version(script: Path, *references: str) -> str:
    """Return a checksum of a stage's script and of all that it can reach: see `code_reach`.

    It is of what the code means (see `code_meaning`): the same under every Python, wherever the files lie, and
    whatever is said in comments, docstrings and messages, so explaining a stage does not repeat it.

    Args:
        script: the stage's script.
        references: further "module:function" or "file.py:function" that the stage loads by name.

    Returns:
        12 hexadecimal digits.

    Raises:
        ConfigError: a file is not Python; names file and line.
    """
    files = reached_files(script, *references)
    text = "\n".join(sorted(f"{file.name}:{_checksum(file)}" for file in files))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@cache
def _checksum(file: Path) -> str:
    if file.suffix == ".py":
        text = meaning(syntax_tree(file), all_messages=file == MESSAGES)
        return hashlib.sha256(text.encode()).hexdigest()
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
