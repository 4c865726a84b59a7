"""Own files and functions that do not exist are refused before any job, without importing anything."""

from pathlib import Path
from typing import Any

import pytest

from prunepipe.errors import ConfigError
from prunepipe.planning.own_code import require_own_code
from prunepipe.study.study import Study

CODE = """
import torch
from os import path as place

if True:
    later = lambda folder: None


def load():
    inner = 1
    raise SystemExit("nothing here is run")


def whole(folder): pass


@later
def decorated(): pass
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of the user."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(CODE)
    return tmp_path


def row(score: str) -> dict[str, Any]:
    return {"mine": {"scored": "init", "score": score, "allocation": "global", "start": "init"}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"tickets": row("gone.py:f")},
            "tickets.mine.score: gone.py:f: no such file below .*; the path is relative",
        ),
        ({"tickets": row("own.py:score")}, "own.py has no 'score'; it defines .*load, place, torch, whole"),
        ({"tickets": row("own.py:inner")}, "own.py has no 'inner'"),
        (
            {"networks": {"n": {"architecture": "own/net.py:n"}}},
            "networks.n.architecture: own/net.py:n: no such file",
        ),
        ({"datasets": {"d": {"source": "own.py:load"}}}, r"takes no argument, but .*def load\(folder\)"),
        ({"custom_checks": {"c": {"mask": "gone.py:f"}}}, "custom_checks.c.mask: gone.py:f: no such file"),
    ],
)
def test_what_is_not_there_is_named_with_its_key(here: Path, small: dict, change: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        require_own_code(Study.model_validate({**small, **change}))


@pytest.mark.parametrize("name", ["whole", "later", "decorated"])
def test_what_may_be_a_loader_passes(here: Path, small: dict, name: str) -> None:
    require_own_code(Study.model_validate({**small, "datasets": {"d": {"source": f"own.py:{name}"}}}))


def test_names_that_only_an_import_could_tell_pass(here: Path, small: dict) -> None:
    (here / "stars.py").write_text("from own import *\n")
    for score in ("stars.py:anything", "a_package.module:function", "magnitude"):
        require_own_code(Study.model_validate({**small, "tickets": row(score)}))
