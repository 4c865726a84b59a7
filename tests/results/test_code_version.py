"""The code version of a stage: what counts, what does not, and how far it reaches."""

from pathlib import Path

import pytest

from prunepipe.results import code_version as provenance
from prunepipe.results.code_version import PACKAGE, code_version

SCRIPTS = PACKAGE.parent.parent / "workflow" / "scripts"


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function: the version of a stage after replacing text in a module of a copied package."""

    def version(stage: str, module: str = "seeds", old: str = "", new: str = "", *references: str) -> str:
        package = tmp_path / str(len(list(tmp_path.iterdir()))) / "prunepipe"
        for source in [*PACKAGE.rglob("*.py"), *(PACKAGE / "data").iterdir()]:
            copy = package / source.relative_to(PACKAGE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text()
            if source.relative_to(PACKAGE).with_suffix("").as_posix() == module:
                assert old in text
                text = text.replace(old, new, 1)
            copy.write_text(text)
        monkeypatch.setattr(provenance, "PACKAGE", package)
        provenance._imports.cache_clear()
        return code_version(SCRIPTS / f"{stage}.py", *references)

    return version


def test_an_edit_deep_below_a_stage_changes_its_version(edited) -> None:
    change = ("training/step", "alpha=-learning_rate", "alpha=-2 * learning_rate")
    assert edited("retrain") != edited("retrain", *change)
    assert edited("train_dense") != edited("train_dense", *change)


def test_an_edit_outside_its_reach_does_not(edited) -> None:
    change = ("training/step", "alpha=-learning_rate", "alpha=-2 * learning_rate")
    for stage in ("mask", "check", "rewind", "evaluate"):
        assert edited(stage) == edited(stage, *change), stage


def test_registries_are_outside_the_reach_of_the_stages(edited) -> None:
    for module in (
        "pruning/scores/__init__",
        "networks/__init__",
        "pruning/allocations/__init__",
        "study/built_in",
    ):
        for stage in ("train_dense", "retrain", "score", "mask", "check"):
            assert edited(stage) == edited(stage, module, "{", "{'new': 1} | {"), (stage, module)


def test_a_function_loaded_by_name_counts_where_it_is_named(edited) -> None:
    change = ("pruning/scores/snip", "total[name] += gradient", "total[name] += 2 * gradient")
    snip, magnitude = "prunepipe.pruning.scores.snip:snip", "prunepipe.pruning.scores.magnitude:magnitude"
    assert edited("score", "seeds", "", "", snip) != edited("score", *change, snip)
    assert edited("score", "seeds", "", "", magnitude) == edited("score", *change, magnitude)


def test_the_published_numbers_count_where_they_are_shown(edited) -> None:
    change = ("data/published_numbers", "9", "8")
    assert edited("table") != edited("table", *change)
    for stage in ("retrain", "score", "mask", "evaluate", "collect"):
        assert edited(stage) == edited(stage, *change), stage


def test_comments_and_docstrings_do_not_count(edited) -> None:
    old = '"""One training step: forward, backward, SGD, mask; as few operations as the arithmetic allows."""'
    assert edited("retrain") == edited("retrain", "training/step", old, '"""Other words."""\n# A comment.\n')


def test_a_users_file_counts(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    versions = set()
    for text in ("def score(): return 1", "def score(): return 2"):
        mine.write_text(text)
        provenance._imports.cache_clear()
        provenance._meaning.cache_clear()
        versions.add(code_version(SCRIPTS / "score.py", f"{mine}:score"))
    assert len(versions) == 2
