"""The code version of a stage: what counts, what does not, and how far it reaches."""

import shutil
import sys
from pathlib import Path

import pytest

from prunepipe.errors import ConfigError
from prunepipe.plugins import source_file
from prunepipe.results import code_reach
from prunepipe.results import code_version as versions
from prunepipe.results.code_reach import PACKAGE, reached_files
from prunepipe.results.code_version import code_version

SCRIPTS = PACKAGE.parent.parent / "workflow" / "scripts"


def forget() -> None:
    """Have every file read again."""
    for function in (code_reach.syntax_tree, code_reach._reached_from, versions._checksum):
        function.cache_clear()


UNEDITED: dict[tuple[str, ...], str] = {}
"""Versions of stages with the package as it is."""


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function: the version of a stage after replacing text in a module of a copied package."""
    copies: dict[tuple[str, str, str], Path] = {}
    read: list[Path] = []

    def version_of(package: Path, stage: str, references: tuple[str, ...]) -> str:
        if read[-1:] != [package]:
            forget()
            read.append(package)
        with monkeypatch.context() as changed:
            changed.setattr(code_reach, "PACKAGE", package)
            changed.setattr(versions, "MESSAGES", package / "errors.py")
            return code_version(SCRIPTS / f"{stage}.py", *references)

    def version(stage: str, module: str = "", old: str = "", new: str = "", *references: str) -> str:
        if not module:
            if (stage, *references) not in UNEDITED:
                UNEDITED[stage, *references] = version_of(PACKAGE, stage, references)
            return UNEDITED[stage, *references]
        change = module, old, new
        if change not in copies:
            copies[change] = copy_with(tmp_path / str(len(copies)), *change)
        return version_of(copies[change], stage, references)

    yield version
    forget()


def copy_with(folder: Path, module: str, old: str, new: str) -> Path:
    """Copy the package, and replace text in one of its files."""
    package = folder / "prunepipe"
    assert [*PACKAGE.glob(f"{module}.*")], module
    for source in [*PACKAGE.rglob("*.py"), *(PACKAGE / "data").iterdir()]:
        copy = package / source.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text()
        if source.relative_to(PACKAGE).with_suffix("").as_posix() == module:
            assert old in text
            text = text.replace(old, new, 1)
        copy.write_text(text)
    return package


def test_an_edit_deep_below_a_stage_changes_its_version(edited) -> None:
    change = ("training/optimizers", "alpha=-learning_rate", "alpha=-2 * learning_rate")
    assert edited("retrain") != edited("retrain", *change)
    assert edited("train_dense") != edited("train_dense", *change)


def test_an_edit_outside_its_reach_does_not(edited) -> None:
    change = ("training/optimizers", "alpha=-learning_rate", "alpha=-2 * learning_rate")
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
    change = ("pruning/scores/snip", "* total[name])", "* 2 * total[name])")
    snip, magnitude = "prunepipe.pruning.scores.snip:snip", "prunepipe.pruning.scores.magnitude:magnitude"
    assert edited("score", "", "", "", snip) != edited("score", *change, snip)
    assert edited("score", "", "", "", magnitude) == edited("score", *change, magnitude)


def test_the_published_numbers_count_where_they_are_shown(edited) -> None:
    change = ("data/published_numbers", "9", "8")
    assert edited("table") != edited("table", *change)
    for stage in ("retrain", "score", "mask", "evaluate", "collect"):
        assert edited(stage) == edited(stage, *change), stage


def test_comments_and_docstrings_do_not_count(edited) -> None:
    old = '"""One training step: forward, backward, update and mask, in as few operations as possible."""'
    assert edited("retrain") == edited("retrain", "training/step", old, '"""Other words."""\n# A comment.\n')


def test_a_word_in_an_error_message_does_not_count(edited) -> None:
    messages = ("cannot be written", "changed since it was written", "holds NaN", "not a file of this")
    for message in messages:
        assert edited("retrain") == edited("retrain", "artifacts", message, message.upper()), message
    for message in ("Remake it with", "Did you mean"):
        assert edited("retrain") == edited("retrain", "errors", message, message.upper()), message
    assert edited("retrain") != edited("retrain", "errors", "cutoff=0.5", "cutoff=0.6")


def test_the_names_of_the_api_count_where_they_are_used(edited, tmp_path: Path) -> None:
    mine = tmp_path / "mine" / "mine.py"
    mine.parent.mkdir()
    mine.write_text("from prunepipe.api import prunable\n")
    ours = {
        path.stem for path in reached_files(SCRIPTS / "rewind.py", f"{mine}:score") if PACKAGE in path.parents
    }
    assert "prunable" in ours
    assert not ours & {"api", "rounding", "contract", "masks"}
    mine.write_text("import prunepipe.api as api\n")
    forget()
    assert {"prunable", "rounding", "contract", "masks"} <= {
        path.stem for path in reached_files(SCRIPTS / "rewind.py", f"{mine}:score")
    }


USERS = {
    "mine.py": "import a.b as c\nfrom pack.deep import method\nimport helper\n",
    "helper.py": "HELP = 1",
    "a/__init__.py": "",
    "a/b.py": "B = 1",
    "pack/__init__.py": "START = 1",
    "pack/common.py": "def g(): return 1",
    "pack/other.py": "from . import third",
    "pack/third.py": "THIRD = 1",
    "pack/deep/__init__.py": "",
    "pack/deep/method.py": "from ..common import g\nfrom .. import other\nfrom .near import x",
    "pack/deep/near.py": "from importlib.resources import files\nx = files(__package__) / 'tables' / 'x.bin'",
    "pack/deep/tables/x.bin": "data",
    "pack/data/__init__.py": "",
    "pack/data/y.bin": "data",
}


@pytest.fixture
def users(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """Files of a user's in the working directory, and the version of an empty stage that loads one of them."""
    stage = tmp_path_factory.mktemp("stage") / "stage.py"
    stage.write_text("")
    for name, text in USERS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    # Other tests import packages of the same names from folders that they leave on the path.
    monkeypatch.setattr(sys, "path", [place for place in sys.path if "pytest-of-" not in place])
    for name in [name for name in sys.modules if name.split(".")[0] in ("pack", "mine", "helper", "a")]:
        monkeypatch.delitem(sys.modules, name)

    def version(reference: str) -> str:
        forget()
        source_file.cache_clear()
        return code_version(stage, reference)

    yield version
    source_file.cache_clear()


@pytest.mark.parametrize("reference", ["mine.py:score", "pack.deep.method:score"])
@pytest.mark.parametrize(
    "edit", ["pack/common.py", "pack/other.py", "pack/third.py", "pack/__init__.py", "pack/deep/tables/x.bin"]
)
def test_what_a_users_code_imports_or_reads_counts(users, reference: str, edit: str) -> None:
    before = users(reference)
    Path(edit).write_text("changed = 1")
    assert users(reference) != before


@pytest.mark.parametrize("edit", ["mine.py", "helper.py", "a/b.py", "a/__init__.py"])
def test_what_lies_beside_a_users_file_counts(users, edit: str) -> None:
    before, other = users("mine.py:score"), users("pack.deep.method:score")
    Path(edit).write_text(USERS[edit] + "\nchanged = 1")
    assert users("mine.py:score") != before
    assert users("pack.deep.method:score") == other


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ("from pathlib import Path\nx = Path(__file__).parent / 'pack/data/y.bin'", True),
        ("import importlib.resources\nx = importlib.resources.files('pack.data').joinpath('y.bin')", True),
        ("from importlib import resources\nfrom pack import data\nx = resources.files(data) / 'y.bin'", True),
        ("import pkgutil\nx = pkgutil.get_data('pack', 'data/y.bin')", True),
        ("open('pack/data/y.bin', 'w')", False),  # as likely to be written as to be read
    ],
)
def test_data_that_lies_beside_a_users_file_counts_where_it_is_looked_for(
    users, code: str, counts: bool
) -> None:
    Path("mine.py").write_text(code)
    before = users("mine.py:score")
    Path("pack/data/y.bin").write_text("other data")
    assert (users("mine.py:score") != before) is counts


def test_an_import_for_type_checkers_does_not_count(users) -> None:
    Path("mine.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import helper\n")
    before = users("mine.py:score")
    Path("helper.py").write_text("HELP = 2")
    assert users("mine.py:score") == before


def test_where_files_lie_does_not_count(users, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = users("mine.py:score")
    for place in ("a_first", "z_last"):
        shutil.copytree(tmp_path, tmp_path / place, ignore=shutil.ignore_patterns(place, "a_first"))
        monkeypatch.chdir(tmp_path / place)
        assert users(f"{tmp_path / place}/mine.py:score") == before


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            b"def f(network)\n    return {}\n",
            r"/mine\.py, line 1: not Python \(expected ':'\): def f\(network\)$",
        ),
        (b"x = 1\ny = '\xff'\n", r"/mine\.py.*: not Python \(.*(decode|utf-8).*\)"),
        (b"# coding: nothing\n", r"/mine\.py.*: not Python \(.*nothing.*\)"),
    ],
)
def test_a_users_file_that_is_not_python_is_one_line(users, source: bytes, said: str) -> None:
    Path("mine.py").write_bytes(source)
    with pytest.raises(ConfigError, match=said) as error:
        users("mine.py:score")
    assert "\n" not in str(error.value)


def test_a_byte_order_mark_and_line_ends_do_not_count(users) -> None:
    before = users("mine.py:score")
    Path("mine.py").write_bytes(b"\xef\xbb\xbf" + USERS["mine.py"].replace("\n", "\r\n").encode())
    assert users("mine.py:score") == before
