"""Results of another version are refused before anything is touched; files of another version are named."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from prunepipe import __version__
from prunepipe.artifacts import read_arrays, read_json, write_json
from prunepipe.cli.inspect import describe_run
from prunepipe.errors import ArtifactError, ConfigError
from prunepipe.networks.structure import read_structure
from prunepipe.results.layout import MADE_BY, runs
from prunepipe.results.table import collect
from prunepipe.results.version_mark import record_version, require_same_version
from prunepipe.study.study import Study

CELL = "results/runs/tiny/digits/vgg_digits/tickets/hybrid/none/p0.9/seed0"


def test_results_of_this_version_and_no_results_are_welcome(tmp_path: Path) -> None:
    assert require_same_version("tiny", root=tmp_path) is None
    record_version("tiny", root=tmp_path)
    assert require_same_version("tiny", root=tmp_path) is None


def test_results_of_another_version_are_refused_by_name_and_stay(tmp_path: Path) -> None:
    mark = tmp_path / MADE_BY.format(study="tiny")
    write_json(mark, {"version": "0.0.7"})
    before = mark.read_bytes()
    with pytest.raises(ConfigError, match=rf"made by prunepipe 0\.0\.7; this is {__version__}") as refused:
        require_same_version("tiny", root=tmp_path)
    assert "prunepipe==0.0.7" in str(refused.value)
    assert "upgrade_results=true" in str(refused.value)
    assert mark.read_bytes() == before
    require_same_version("other", root=tmp_path)  # another study in the same folder
    require_same_version("tiny", upgrade=True, root=tmp_path)


@pytest.mark.parametrize("mark", [None, "", "{", '{"version": "0.1.0"}'])
def test_results_that_do_not_say_their_version_are_of_an_unknown_one(
    tmp_path: Path, mark: str | None
) -> None:
    folder = tmp_path / "results/runs/tiny"
    (folder / "digits").mkdir(parents=True)
    if mark is not None:
        (folder / "prunepipe.json").write_text(mark)  # empty, truncated, without its checksum
    with pytest.raises(ConfigError, match="an unknown version of prunepipe"):
        require_same_version("tiny", root=tmp_path)


def test_what_a_killed_write_of_the_mark_leaves_is_no_result(tmp_path: Path) -> None:
    folder = tmp_path / "results/runs/tiny"
    folder.mkdir(parents=True)
    (folder / ".prunepipe.json.abcdefgh.json").write_text("{")
    assert require_same_version("tiny", root=tmp_path) is None


def test_the_mark_is_written_once(tmp_path: Path) -> None:
    record_version("tiny", root=tmp_path)
    mark = tmp_path / MADE_BY.format(study="tiny")
    before = mark.stat().st_ino
    record_version("tiny", root=tmp_path)
    assert mark.stat().st_ino == before


def test_arrays_in_another_format_are_said_to_be_of_another_version(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": np.zeros(3)}, path, metadata={"prunepipe": "{}"})
    with pytest.raises(
        ArtifactError, match=r"another version of prunepipe \(it has prunepipe and not prunepipe 2\)"
    ):
        read_arrays(path)


def test_a_file_that_lacks_what_this_version_reads_is_said_to_be_of_another(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    write_json(path, {"curve": []})
    with pytest.raises(ArtifactError, match=r"another version of prunepipe \(no epochs\)\. Remake it with"):
        read_json(path, "curve", "epochs")


@pytest.mark.parametrize(
    "content",
    [
        {"layers": [], "nodes": []},  # a key that is gone
        {
            "layers": [{"name": "a.weight", "taps": 9}],
            "residual": False,
            "followed": True,
        },  # one that has come
    ],
)
def test_a_structure_of_another_version_is_said_to_be_one(tmp_path: Path, content: dict) -> None:
    path = tmp_path / "structure.json"
    write_json(path, content)
    with pytest.raises(ArtifactError, match="another version of prunepipe"):
        read_structure(path)


def test_metrics_of_another_version_are_a_gap_with_its_cause(tmp_path: Path, study: Study) -> None:
    *_, run = runs(study)
    folder = tmp_path / run.folder
    write_json(folder / "metrics.json", {"accuracy": 90.0, "loss": 0.1})
    write_json(folder / "timing.json", {"seconds": [1.0], "device": "cpu"})
    row = collect(study, tmp_path).iloc[-1]
    assert row["status"] == "missing"
    assert "another version of prunepipe" in row["cause"]
    assert "dead_units" in row["cause"]


def test_inspect_says_so_too(tmp_path: Path) -> None:
    folder = tmp_path / CELL
    layers = [{"layer": "features.0.weight", "kept": 1, "size": 10}]
    write_json(folder / "layers.json", {"layers": layers})
    assert json.loads((folder / "layers.json").read_text())["layers"] == layers
    with pytest.raises(
        ArtifactError, match=r"layers\.json: made by another version of prunepipe \(no effective\)"
    ):
        describe_run(folder)
