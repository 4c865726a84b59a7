"""Identify the code that made a result: a checksum over the meaning of all files that a stage can reach."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from prunepipe.results.code_meaning import meaning
from prunepipe.results.code_reach import PACKAGE, reached_files, syntax_tree

MESSAGES = PACKAGE / "errors.py"
"""A module that holds only errors and their text, so all its strings count as messages."""


def code_version(script: Path, *references: str) -> str:
    """Return a checksum of a stage's script and of all files that it can reach; see `code_reach`.

    It covers the meaning of the code (see `code_meaning`): it does not depend on the Python version, the location of
    the files, comments, docstrings or messages, so that documenting a stage does not rerun it.

    Args:
        script: the stage's script.
        references: further "module:function" or "file.py:function" that the stage loads by name.

    Returns:
        12 hexadecimal digits.

    Raises:
        ConfigError: a file is not valid Python; the message names file and line.
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
