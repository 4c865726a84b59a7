"""Tables: numbers, gaps with their causes, collapse, and the time they take."""

import math
import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from simulated_results import (
    cell_of,
    line_of,
    lose,
    make_paper_study,
    make_results,
    make_study,
    with_accuracies,
)

from prunepipe.errors import ArtifactError
from prunepipe.reports.tables import TABLES, build_table, to_latex, to_markdown
from prunepipe.reports.tables.building import COLUMNS, NOT_A_NUMBER, NOT_LISTED
from prunepipe.reports.tables.grid import best_cells

# Numbers


def test_mean_sample_std_and_t_interval_are_those_of_the_seeds():
    study = make_study()
    values = [80.0, 82.0, 87.0]
    results = with_accuracies(make_results(study), {("lottery", "none", 0.9): values})
    found = cell_of(build_table("random", results, study), "lottery")
    assert found["mean"] == pytest.approx(83.0)
    assert found["std"] == pytest.approx(math.sqrt((9 + 1 + 16) / 2))
    low, high = stats.t.interval(0.95, 2, loc=83.0, scale=stats.sem(values))
    assert (found["ci_low"], found["ci_high"]) == (pytest.approx(low), pytest.approx(high))
    assert (found["n"], found["expected"], found["collapsed"], found["cause"]) == (3, 3, 0, "")
    assert (found["effective_density"], found["dead_units"]) == (pytest.approx(0.1), 90.0)


def test_columns_and_cells_are_complete():
    study = make_study()
    table = build_table("initial_checks", make_results(study), study)
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 1 + 2 * 3 * 2
    assert not table.duplicated(["dataset", "network", "prune_ratio", "ticket", "check"]).any()


def test_one_seed_has_a_mean_and_no_spread():
    study = make_study(seeds=[7])
    table = build_table("random", make_results(study), study)
    assert table["mean"].notna().all()
    assert table[["std", "ci_low", "ci_high"]].isna().all(axis=None)
    text = to_markdown(table, study)
    assert "±" not in text
    assert "One seed: no spread is known" in text


def test_equal_accuracies_have_no_interval_because_they_are_coarse_and_not_exact():
    study = make_study()
    results = with_accuracies(make_results(study), {("lottery", "none", 0.9): 95.0})
    table = build_table("random", results, study)
    found = cell_of(table, "lottery")
    assert (found["std"], math.isnan(found["ci_low"]), math.isnan(found["ci_high"])) == (0.0, True, True)
    assert "± 0.00: the same in all seeds" in to_markdown(table, study)


def test_intervals_end_where_an_accuracy_does():
    study = make_study()
    values = {("lottery", "none", 0.9): [99.0, 99.9, 100.0], ("random", "none", 0.9): [0.0, 0.5, 2.0]}
    table = build_table("random", with_accuracies(make_results(study), values), study)
    assert cell_of(table, "lottery")["ci_high"] == 100.0
    assert cell_of(table, "random")["ci_low"] == 0.0


def test_a_best_cell_without_an_interval_is_bold_alone():
    study = make_study()
    values = {("lottery", "none", 0.9): 95.0, ("random", "none", 0.9): [94.0, 94.5, 95.0]}
    table = build_table("random", with_accuracies(make_results(study), values), study)
    bold = table.loc[sorted(best_cells(table))]
    assert bold.loc[bold["prune_ratio"] == 0.9, "ticket"].tolist() == ["lottery"]


@pytest.mark.parametrize("damage", ["unreachable_outputs", "narrow_layers"])
def test_partly_collapsed_networks_are_marked_and_the_whole_ones_told_alone(damage):
    study = make_study()
    results = with_accuracies(make_results(study), {("lottery", "none", 0.9): [60.0, 90.0, 92.0]})
    chosen = (results["ticket"] == "lottery") & (results["prune_ratio"] == 0.9) & (results["seed"] == 0)
    results.loc[chosen & (results["check"] == "none"), damage] = 2
    table = build_table("random", results, study)
    found = cell_of(table, "lottery")
    assert (found["partial"], found["whole_mean"], round(found["mean"], 2)) == (1, 91.0, 80.67)
    text = to_markdown(table, study)
    assert "80.67 ± 17.93 ‡ (1/3)" in text
    assert r"80.67 $\pm$ 17.93 $^\ddagger$ (1/3)" in (latex := to_latex(table, study))
    assert r"\footnotesize $^\ddagger$ partial layer collapse" in latex
    assert "Whole networks alone: CIFAR-10, VGG19, 90 %, Lottery: mean 91.00 of the 2 whole networks." in text
    assert "‡" not in to_markdown(build_table("random", make_results(study), study), study)


def test_the_table_does_not_depend_on_the_order_of_the_rows_nor_on_other_studies():
    study = make_study()
    results = make_results(study)
    other = make_results(make_study("other")).assign(accuracy=1.0)
    mixed = pd.concat([other, results]).sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(build_table("random", mixed, study), build_table("random", results, study))


def test_results_without_a_column_or_with_a_run_twice_are_refused():
    study = make_study()
    results = make_results(study)
    with pytest.raises(ArtifactError, match="listed twice"):
        build_table("random", pd.concat([results, results.iloc[:1]]), study)
    with pytest.raises(ArtifactError, match="no column collapsed"):
        build_table("random", results.drop(columns="collapsed"), study)
    with pytest.raises(ArtifactError, match="no column effective_density"):
        build_table("random", results.drop(columns="effective_density"), study)


# Gaps


def test_a_missing_run_leaves_a_gap_with_its_cause():
    study = make_study()
    results = lose(make_results(study), ticket="lottery", check="none", prune_ratio=0.9, seed=1)
    table = build_table("random", results, study)
    found = cell_of(table, "lottery")
    assert (found["n"], found["expected"], found["cause"]) == (2, 3, "seed 1: error: the disk is full.")
    text = to_markdown(table, study)
    assert "(n=2/3)" in line_of(text, "| Lottery")
    assert "- Missing: CIFAR-10, VGG19, 90 %, Lottery: seed 1: error: the disk is full." in text.splitlines()
    assert r"Missing: CIFAR-10, VGG19, 90 \%, Lottery: seed 1: error: the disk is full." in to_latex(
        table, study
    )


def test_a_cell_without_any_run_is_a_dash_and_not_a_zero():
    study = make_study()
    table = build_table("random", lose(make_results(study), ticket="random", prune_ratio=0.98), study)
    found = cell_of(table, "random", ratio=0.98)
    assert (found["n"], found["cause"]) == (0, "seeds 0, 1, 2: error: the disk is full.")
    assert pd.isna(found["mean"])
    assert line_of(to_markdown(table, study), "| Random").endswith("| - (n=0/3) |")


def test_a_run_that_the_results_do_not_list_is_missing_too():
    study = make_study()
    results = make_results(study)
    table = build_table("random", results[results["seed"] != 2], study)
    assert (table["n"] == 2).all()
    assert (table["cause"] == f"seed 2: {NOT_LISTED}").all()


def test_no_results_at_all_are_a_table_of_gaps():
    study = make_study()
    table = build_table("hybrid", make_results(study).iloc[:0], study)
    assert (table["n"] == 0).all()
    assert "code unknown" in to_markdown(table, study)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_accuracy_that_is_no_number_is_a_gap(value):
    study = make_study()
    results = with_accuracies(make_results(study), {("lottery", "none", 0.9): [90.0, value, 92.0]})
    found = cell_of(build_table("random", results, study), "lottery")
    assert (found["n"], found["mean"], found["cause"]) == (2, 91.0, f"seed 1: {NOT_A_NUMBER}")


# Collapse


def test_a_collapsed_cell_is_marked_and_explained():
    study = make_study()
    table = build_table("random", make_results(study, collapse=True), study)
    assert cell_of(table, "lottery", ratio=0.98)["collapsed"] == 3
    text = to_markdown(table, study)
    assert line_of(text, "| Lottery").endswith("| 10.00 † |")
    assert "- † collapsed: the mask leaves no path" in text
    assert r"10.00 $^\dagger$" in to_latex(table, study)


def test_one_collapsed_seed_counts_with_chance_and_is_marked():
    study = make_study()
    results = with_accuracies(make_results(study), {("random", "none", 0.98): [90.0, 10.0, 92.0]})
    results.loc[(results["accuracy"] == 10.0), "collapsed"] = True
    table = build_table("random", results, study)
    assert (
        cell_of(table, "random", ratio=0.98)["mean"],
        cell_of(table, "random", ratio=0.98)["collapsed"],
    ) == (
        64.0,
        1,
    )
    assert line_of(to_markdown(table, study), "| Random").endswith("64.00 ± 46.78 † (1/3) |")


def test_low_accuracy_alone_is_no_collapse():
    study = make_study()
    table = build_table(
        "random", with_accuracies(make_results(study), {("lottery", "none", 0.9): 10.0}), study
    )
    assert cell_of(table, "lottery")["collapsed"] == 0
    assert "†" not in to_markdown(table, study)


def test_collapsed_flags_read_from_a_file_count_as_in_memory(tmp_path):
    study = make_study()
    results = lose(make_results(study, collapse=True), ticket="random", seed=0)
    results.to_csv(tmp_path / "results.csv", index=False)
    read = pd.read_csv(tmp_path / "results.csv")
    assert list(build_table("random", read, study)["collapsed"]) == list(
        build_table("random", results, study)["collapsed"]
    )


# Speed


def many_seeds(seeds):
    study = make_paper_study(seeds)
    results = make_results(study, collapse=True)
    start = time.process_time()
    for name in TABLES:
        table = build_table(name, results, study)
        to_markdown(table, study)
        to_latex(table, study)
    return len(results), time.process_time() - start


def test_tables_of_twenty_thousand_runs_take_seconds():
    many_seeds(1)  # the first call pays for the imports
    small, small_seconds = many_seeds(8)
    large, large_seconds = many_seeds(76)
    assert (small > 2000, large > 20000) == (True, True)
    assert large_seconds < 15 * small_seconds
    assert large_seconds < 20
