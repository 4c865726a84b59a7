"""One study never over another: what happens to results/ when config.yaml names another study than before."""

from pathlib import Path

import pytest

from prunepipe.errors import ConfigError
from prunepipe.results.ownership import COLLECTED, owner, settle
from prunepipe.results.places import configured_study, place_of, study_name


def write(root: Path, place: str, study: str) -> None:
    """Write the outputs of a study."""
    for name in (*COLLECTED, "tables/hybrid.csv", "tables/looks.json", "figures/a.svg", "report.html"):
        (root / place / name).parent.mkdir(parents=True, exist_ok=True)
        (root / place / name).write_text(f"study,ticket\n{study},snip\n")


def files(root: Path) -> dict[str, str]:
    """Return which study each file below results/ is of, by relative path."""
    found = sorted(
        path for path in (root / "results").rglob("*") if path.is_file() and path.name != "study.json"
    )
    return {str(path.relative_to(root)): path.read_text().splitlines()[-1].split(",")[0] for path in found}


def test_the_configured_study_lies_in_results_and_any_other_in_a_folder_of_its_own() -> None:
    assert place_of("a", configured="a") == "results"
    assert place_of("b", configured="a") == "results/studies/b"


def test_another_study_beside_the_configured_one_leaves_it_alone(tmp_path: Path) -> None:
    settle("a", "results", tmp_path)
    write(tmp_path, "results", "a")
    before = files(tmp_path)
    assert settle("b", "results/studies/b", tmp_path) == []
    assert files(tmp_path) == before
    assert owner(tmp_path / "results") == "a"


@pytest.mark.parametrize("is_marked", [True, False])
def test_when_config_names_another_study_the_old_one_is_moved_whole(tmp_path: Path, is_marked: bool) -> None:
    write(tmp_path, "results", "a")  # as an earlier version left it
    if is_marked:
        settle("a", "results", tmp_path)
        (tmp_path / "results" / "results.csv").unlink()  # Snakemake was killed while it made it again
    (told,) = settle("b", "results", tmp_path)
    assert (
        told == "note: the tables, figures and report of study a were moved from results to results/studies/a"
    )
    assert files(tmp_path)
    assert all(
        name.startswith("results/studies/a/") and study == "a" for name, study in files(tmp_path).items()
    )
    assert owner(tmp_path / "results") is None


def test_back_and_forth_every_file_stays_with_its_study_and_in_one_place(tmp_path: Path) -> None:
    for study, others in (("a", ""), ("b", "a"), ("a", "b")):
        settle(study, "results", tmp_path)
        write(tmp_path, "results", study)
        for name, of in files(tmp_path).items():
            assert of == (others if name.startswith(f"results/studies/{others}/") else study), name
    settle("b", "results", tmp_path)
    assert {of for name, of in files(tmp_path).items() if "/studies/" not in name} == {"b"}
    assert {of for name, of in files(tmp_path).items() if "/studies/a/" in name} == {"a"}
    assert not (tmp_path / "results" / "studies" / "b").exists()


def test_the_study_that_was_configured_before_moves_when_it_runs_by_name(tmp_path: Path) -> None:
    write(tmp_path, "results", "a")
    settle("a", "results/studies/a", tmp_path)
    assert all(name.startswith("results/studies/a/") for name in files(tmp_path))


def test_what_was_moved_is_older_than_any_run(tmp_path: Path) -> None:
    write(tmp_path, "results", "a")
    settle("b", "results", tmp_path)
    assert [(tmp_path / "results/studies/a" / name).stat().st_mtime for name in COLLECTED] == [0, 0, 0, 0]


def test_a_study_in_two_places_is_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    write(tmp_path, "results", "a")
    write(tmp_path, "results/studies/a", "a")
    before = files(tmp_path)
    with pytest.raises(
        ConfigError, match=r"results.csv.* of study a are both in results and in results/studies/a"
    ):
        settle("b", "results", tmp_path)
    assert files(tmp_path) == before


def test_files_of_nobody_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "results", "a")
    (tmp_path / "results" / "results.csv").unlink()
    with pytest.raises(ConfigError, match="no file says which study made .*tables.*; move them away"):
        settle("b", "results", tmp_path)


def test_the_configured_study_is_known_by_its_name_whatever_names_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: theirs\n")
    config = tmp_path / "config.yaml"
    for text, name in (
        ("device: cpu\n", "quickstart"),
        ("study: 2020\n", "2020"),
        ("study: mine.yaml\n", "theirs"),
        (f"study: {tmp_path}/mine.yaml\n", "theirs"),
        ("study: mine\n", "theirs"),
    ):
        config.write_text(text)
        assert configured_study(config, tmp_path) == name
    assert study_name(tmp_path / "gone.yaml") == "gone"
