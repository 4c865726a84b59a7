"""Where own code is found and when it counts as changed; names that installed packages register."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_study import own_study

from prunepipe import plugins
from prunepipe import plugins as entry_points
from prunepipe.errors import ConfigError
from prunepipe.results import code_reach, code_version
from prunepipe.results.layout import ANY_RATIO
from prunepipe.stages.settings import mask_settings, score_id, score_settings
from prunepipe.study.built_in import CheckRow
from prunepipe.study.names import registered_row
from prunepipe.study.study import Study

# Loading


def test_a_relative_path_starts_at_the_working_directory(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / "beside.py").write_text("FACTOR = 3\n")
    (tmp_path / "methods" / "mine.py").write_text("from beside import FACTOR\ndef f(): return FACTOR\n")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "inner.py").write_text("def g(): return 4\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert plugins.load_function("methods/mine.py:f")() == 3
    assert plugins.load_function("pack.inner:g")() == 4


def test_two_files_of_one_name_are_two_modules(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(f"NAME = {folder!r}\ndef f(): return NAME\n")
    first, second = (plugins.load_function(f"{tmp_path}/{folder}/mine.py:f") for folder in ("a", "b"))
    assert (first(), second()) == ("a", "b")
    assert sys.modules[first.__module__] is not sys.modules[second.__module__]


def test_a_file_beside_the_users_hides_no_other_module(tmp_path: Path) -> None:
    (tmp_path / "colorsys.py").write_text("raise ImportError('not this one')")
    (tmp_path / "mine.py").write_text("import colorsys\n\n\ndef found():\n    return colorsys.rgb_to_hsv\n")
    code = f"from prunepipe.plugins import load_function; load_function('{tmp_path}/mine.py:found')()"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import no_such_package\n",
            r"failed: ModuleNotFoundError: No module named .*\(line 1 of .*mine.py: import",
        ),
        ("def f(:\n", r"failed: SyntaxError: .*mine.py, line 1"),
        ("1 / 0\n", r"failed: ZeroDivisionError: .*\(line 1 of"),
        ("", "has no function 'f'"),
        ("f = 3\n", "'f' is of type int, not a function"),
    ],
)
def test_a_file_that_does_not_import_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(ConfigError, match=message):
        plugins.load_function(f"{tmp_path}/mine.py:f")


@pytest.mark.parametrize("score", ["mine.py:my/score", "mine.py:", ":f", "a:b:c"])
def test_a_malformed_reference_is_refused_before_any_job(score: str) -> None:
    with pytest.raises(ValueError, match="is not of the form"):
        own_study(score=score)


def test_an_edit_of_own_code_makes_its_results_stale(tmp_path: Path, monkeypatch) -> None:
    script = code_reach.PACKAGE / "plugins.py"  # stands for a stage
    monkeypatch.chdir(tmp_path)
    for folder in ("kit", "own", "own/packed"):
        Path(folder).mkdir()
    Path("kit/inner.py").write_text("from . import deep\ndef g(): return deep\n")
    Path("own/mine.py").write_text("import beside, packed\ndef f(): return beside, packed\n")
    seen = {"": ""}
    for edited in ("own/mine.py", "own/beside.py", "own/packed/__init__.py", "kit/inner.py", "kit/deep.py"):
        with Path(edited).open("a") as file:
            file.write("X = 1\n")
        for cached in (
            code_reach.syntax_tree,
            code_reach._reached_from,
            code_version._checksum,
            plugins.source_file,
        ):
            cached.cache_clear()
        seen[edited] = code_version.code_version(script, "own/mine.py:f", "kit.inner:g")
    assert len(set(seen.values())) == len(seen)
    plugins.source_file.cache_clear()
    assert plugins.source_file("numpy.linalg") is None
    assert plugins.source_file("json.decoder") is None


# Names that installed packages register


@pytest.fixture
def installed(monkeypatch) -> Iterator[None]:
    """Pretend that a package registers functions."""
    names = {
        "prunepipe.scores": ["theirs"],
        "prunepipe.allocations": ["layered", "bad name"],
        "prunepipe.networks": ["tiny_net"],
        "prunepipe.datasets": ["dark_squares"],
        "prunepipe.checks": ["mask.flip", "data.blacken"],
    }

    def found(*, group: str) -> list[importlib.metadata.EntryPoint]:
        return [
            importlib.metadata.EntryPoint(name, f"pack.{name[:3]}:f", group) for name in names.get(group, [])
        ]

    caches = (entry_points.registered, registered_row)
    monkeypatch.setattr(entry_points.metadata, "entry_points", found)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.mark.usefixtures("installed")
def test_names_of_installed_packages_are_known_like_built_in_ones() -> None:
    values = own_study(score="theirs", allocation="layered", checks=["flip", "blacken"]).model_dump(
        exclude_unset=True
    )
    values |= {"networks": ["tiny_net"], "datasets": ["dark_squares"]}
    study = Study.model_validate(values)
    settings = score_settings(study, "tiny_net", "mine", "blacken", ANY_RATIO, 0)
    allocation = mask_settings(study, "mine", "clean", 0.9).allocation
    assert (settings.score, allocation) == ("pack.the:f", "pack.lay:f")
    assert settings.network.reference == "pack.tin:f"
    assert settings.images.corruption == "pack.dat:f"
    assert study.check("flip") == CheckRow("mask", "pack.mas:f")
    assert score_id(study.tickets["mine"]).startswith("theirs-init-")
    assert "bad name" not in entry_points.registered("allocation")
    with pytest.raises(ValueError, match="Did you mean 'theirs'"):
        own_study(score="their")
    with pytest.raises(ValueError, match="Did you mean 'flip'"):
        own_study(checks=["flipp"])


def test_no_package_is_asked_for_names_that_are_built_in(monkeypatch) -> None:
    monkeypatch.setattr(entry_points.metadata, "entry_points", lambda **_: pytest.fail("read"))
    assert own_study(score="magnitude")
