"""Which runs the next look needs: those of open tests, with their partners, and no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_runs import make_runs

from prunepipe.errors import ConfigError
from prunepipe.planning.next_look import next_look, require_a_look, seed_folders
from prunepipe.planning.pace import FEWEST, Pace
from prunepipe.planning.wanted import WANTED, wanted_files, write_wanted
from prunepipe.results.layout import Run, runs
from prunepipe.results.table import collect
from prunepipe.study.study import FULL_NETWORK, Study
from prunepipe.verdicts.judge import verdicts_of

TICKETS = {
    "lottery": {"checks": ["corrupted_data", "rearrange"]},
    "random": {"checks": ["rearrange"]},
    "random_uniform": {"checks": []},
}
HARM = {("lottery", "rearrange"): -20.0}


@pytest.fixture
def planned(small: dict) -> Study:
    rule = {"margin": 1.0, "looks": [3, 5, 8]}
    return Study.model_validate(small | {"tickets": TICKETS, "seeds": list(range(8)), "verdict": rule})


def accuracy(run: Run) -> float:
    """Rearranging hurts lottery tickets a lot; all else is noise of one margin."""
    noise = np.random.default_rng([run.seed, len(run.ticket), len(run.check)]).normal(0, 1.0)
    return 80.0 + HARM.get((run.ticket, run.check), 0.0) + noise


def state(study: Study, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    results = collect(study, folder)
    return results, verdicts_of(results, study)


def of(found: tuple[Run, ...], *names: str) -> list[tuple]:
    return sorted({tuple(getattr(run, name) for name in names) for run in found})


def test_the_first_look_takes_the_first_seeds_of_every_test_with_partners_and_dense_runs(
    planned: Study, tmp_path: Path
) -> None:
    found, _ = next_look(planned, *state(planned, tmp_path))
    assert found is not None
    assert found.look == 3
    assert {run.seed for run in found.missing} == {0, 1, 2}
    assert of(found.missing, "ticket", "check") == [
        (FULL_NETWORK, "corrupted_data"),
        (FULL_NETWORK, "none"),
        ("lottery", "corrupted_data"),
        ("lottery", "none"),
        ("lottery", "rearrange"),
        ("random", "none"),
        ("random", "rearrange"),
        ("random_uniform", "none"),  # decides nothing, but the decomposition compares with it
    ]


def test_a_comparison_with_random_tickets_takes_the_runs_of_both(small: dict, tmp_path: Path) -> None:
    tickets = {"hybrid": {"checks": []}, "random": {"checks": []}, "lottery": {}}
    rule = {"margin": 1.0, "looks": [3]}
    study = Study.model_validate(small | {"tickets": tickets, "seeds": [0, 1, 2], "verdict": rule})
    results = collect(study, tmp_path)
    asked = verdicts_of(results, study, focus="hybrid")
    assert asked["check"].iloc[0] == "minus random"
    found, _ = next_look(study, results, asked[asked["ticket"] == "hybrid"])
    assert found is not None
    runs_of_both = [(FULL_NETWORK, "none"), ("hybrid", "none"), ("random", "none")]
    assert of(found.missing, "ticket", "check") == runs_of_both
    assert seed_folders(study, found.tests).popitem()[1][0] == [
        run.folder for run in sorted(found.missing, key=lambda run: run.ticket) if run.seed == 0
    ]


def test_a_closed_test_starts_no_further_runs_but_partners_of_open_ones_do(
    planned: Study, tmp_path: Path
) -> None:
    first = [run for run in runs(planned) if run.seed < 5]
    make_runs(planned, tmp_path, first, accuracy)
    results, words = state(planned, tmp_path)
    by_test = words.set_index(["ticket", "check"])["verdict"]
    assert by_test["lottery", "rearrange"] == "uses"
    assert by_test["random", "rearrange"] == by_test["lottery", "corrupted_data"] == "inconclusive"
    found, _ = next_look(planned, results, words)
    assert found is not None
    assert found.look == 8
    assert {run.seed for run in found.missing} == {5, 6, 7}
    asked = of(found.missing, "ticket", "check")
    assert ("lottery", "rearrange") not in asked
    assert {("lottery", "none"), ("lottery", "corrupted_data"), ("random", "none")} <= set(asked)
    assert (FULL_NETWORK, "corrupted_data") in asked  # the dense run behind the corrupted mask


def test_when_one_test_is_left_nothing_of_the_others_runs(planned: Study, tmp_path: Path) -> None:
    make_runs(planned, tmp_path, [run for run in runs(planned) if run.seed < 5], accuracy)
    results, words = state(planned, tmp_path)
    only = words[words["ticket"] == "random"]
    found, _ = next_look(planned, results, only)
    assert found is not None
    assert of(found.missing, "ticket", "check") == [
        ("random", "none"),
        ("random", "rearrange"),
        ("random_uniform", "none"),
    ]


def test_the_earliest_look_comes_first(planned: Study, tmp_path: Path) -> None:
    """A test whose runs were lost catches up before the others go on."""
    kept = [run for run in runs(planned) if run.seed < 5 and (run.ticket, run.seed) != ("random", 4)]
    make_runs(planned, tmp_path, kept, accuracy)
    found, _ = next_look(planned, *state(planned, tmp_path))
    assert found is not None
    assert found.look == 5
    assert of(found.missing, "ticket", "check", "seed") == [
        ("random", "none", 4),
        ("random", "rearrange", 4),
    ]


def test_nothing_runs_after_the_last_look_or_the_last_seed(planned: Study, tmp_path: Path) -> None:
    make_runs(planned, tmp_path, runs(planned), accuracy)
    assert next_look(planned, *state(planned, tmp_path))[0] is None
    fewer = Study.model_validate({**planned.model_dump(), "seeds": list(range(6))})
    assert next_look(fewer, *state(fewer, tmp_path))[0] is None


def test_tests_wait_for_a_run_that_failed_and_say_why(planned: Study, tmp_path: Path) -> None:
    def outcome(run: Run) -> float | str:
        lost = (run.ticket, run.check, run.seed) == ("lottery", "none", 1)
        return "training diverged in epoch 2" if lost else accuracy(run)

    first = [run for run in runs(planned) if run.seed < 3]
    make_runs(planned, tmp_path, first, outcome)
    results, words = state(planned, tmp_path)
    failed = {run.folder for run in first if isinstance(outcome(run), str)}
    again, _ = next_look(planned, results, words)
    assert again is not None
    assert [run.folder for run in again.missing] == list(failed)  # a new start tries it again
    found, waiting = next_look(planned, results, words, failed)
    assert found is not None
    assert found.look == 5
    assert of(found.missing, "ticket") == [("random",), ("random_uniform",)]
    assert waiting["check"].tolist() == ["corrupted_data", "rearrange"]
    assert set(waiting["cause"]) == {"training diverged in epoch 2"}


def test_an_accuracy_that_is_not_a_number_is_said_and_not_asked_for_again(
    planned: Study, tmp_path: Path
) -> None:
    first = [run for run in runs(planned) if run.seed < 3]
    make_runs(planned, tmp_path, first, accuracy)
    results, _ = state(planned, tmp_path)
    broken = (results["ticket"] == "random") & (results["check"] == "rearrange") & (results["seed"] == 1)
    results.loc[broken, "accuracy"] = float("nan")
    words = verdicts_of(results, planned)
    found, waiting = next_look(planned, results, words)
    assert waiting["cause"].tolist() == ["the accuracy of a run is not a number"]
    assert found is not None
    assert "random" not in {run.ticket for run in found.missing}


def test_a_seed_is_ready_when_all_its_runs_are_there(planned: Study, tmp_path: Path) -> None:
    found, _ = next_look(planned, *state(planned, tmp_path))
    assert found is not None
    folders = seed_folders(planned, found.tests)
    assert len(folders) == 3
    own = folders["digits", "vgg_digits", "lottery", "corrupted_data", 0.9]
    assert [len(seed) for seed in own] == [4] * 3  # two dense runs, two of tickets


def test_fewer_seeds_than_the_first_look_are_refused(planned: Study) -> None:
    few = Study.model_validate({**planned.model_dump(), "seeds": [4, 5]})
    with pytest.raises(
        ConfigError, match=r"^seeds: the study lists 2, but its first look is after 3 .* list 3"
    ):
        require_a_look(few)
    require_a_look(planned)


def test_the_workflow_reads_the_list_that_was_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="prunepipe-wanted.txt: no such file; the target wanted is for"):
        wanted_files(None)
    write_wanted(["results/runs/a", "results/runs/b c"])
    assert Path(WANTED).is_file()
    assert wanted_files(None) == [
        f"results/runs/{run}/{name}" for run in ("a", "b c") for name in ("metrics.json", "timing.json")
    ]
    write_wanted([])
    assert wanted_files(None) == []


def test_time_is_estimated_only_from_runs_that_were_made_here() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    pace.start()
    now[0] = 100.0
    pace.made(FEWEST - 1)
    assert pace.seconds(10) is None
    pace.made(5)
    assert pace.seconds(10) == 200.0
    pace.stop()
    now[0] = 5000.0  # a pause is no work
    assert pace.seconds(10) == 200.0
    pace.start()
    now[0] = 5300.0
    pace.made(5)
    assert pace.seconds(1) == 40.0
