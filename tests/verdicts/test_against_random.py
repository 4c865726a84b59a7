"""Method minus random: the differences, their words, and the sentences that say them."""

import csv

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from simulated_results import lose, make_results, make_study, with_accuracies

from prunepipe.results.collected import write_frame
from prunepipe.verdicts.against_random import (
    COLUMNS,
    against_random,
    random_control,
    verdicts_minus_random,
)
from prunepipe.verdicts.answer import answer_lines, difference_text

SEEDS = list(range(8))
STUDY = make_study(
    tickets=("lottery", "random", "hybrid", "snip"),
    seeds=SEEDS,
    prune_ratios=[0.9],
    verdict={"margin": 1.0, "looks": [8]},
)
NOISE = np.array([0.1, -0.2, 0.3, 0.0, -0.1, 0.2, -0.3, 0.0])


def results(**accuracies):
    """Results in which every seed of a ticket has an accuracy plus the same noise as random."""
    values = {
        (ticket, "none", 0.0 if ticket == "full_network" else 0.9): [*numbers]
        for ticket, numbers in accuracies.items()
    }
    return with_accuracies(make_results(STUDY), values)


def standard(dense=90.0):
    random = 80 + NOISE
    return results(
        full_network=dense + NOISE,
        random=random,
        lottery=random - 5 + NOISE[::-1],
        hybrid=random + 4 - NOISE,
        snip=random + 0.2 * NOISE[::-1],
    )


def test_differences_are_paired_by_seed_with_their_t_interval():
    runs = standard()
    table = against_random(runs, STUDY).set_index("ticket")
    assert list(table.index) == ["lottery", "hybrid", "snip"]
    plain = runs[runs["check"] == "none"].set_index(["ticket", "seed"])["accuracy"]
    for ticket, row in table.iterrows():
        pairs = plain[ticket] - plain["random"]
        interval = stats.t.interval(0.9, 7, pairs.mean(), stats.sem(pairs))
        found = (row["difference"], row["interval_low"], row["interval_high"])
        assert found == pytest.approx((pairs.mean(), *interval))
    assert dict(table["word"]) == {"lottery": "below", "hybrid": "above", "snip": "level"}
    assert set(table["random_accuracy"]) == {80.0}
    assert set(table["dense_accuracy"]) == {90.0}
    assert not table["ceiling"].any()


@pytest.mark.parametrize("ticket", ["lottery", "hybrid", "snip"])
def test_the_driver_tests_the_same_difference_with_the_same_word(ticket):
    runs = standard()
    row = against_random(runs, STUDY).set_index("ticket").loc[ticket]
    (test,) = verdicts_minus_random(runs, STUDY, ticket, ()).to_dict("records")
    assert (test["ticket"], test["check"], test["verdict"]) == (ticket, "minus random", row["word"])
    assert (test["effect"], test["look"]) == (row["difference"], row["look"])
    assert pd.isna(test["next_look"])


def test_an_undecided_difference_waits_for_its_next_look():
    runs = standard()
    few = runs[runs["seed"].isin(STUDY.seeds[:3])]
    (test,) = verdicts_minus_random(few, STUDY, "snip", ()).to_dict("records")
    assert test["verdict"] == "inconclusive"
    assert test["next_look"] == 8


def test_the_answer_is_a_sentence_per_prune_ratio_and_its_explanation():
    lines = answer_lines(against_random(standard(), STUDY).to_dict("records"))
    assert lines == [
        "At 90 %, random tickets reach 80.0 % (no pruning: 90.0 %). Better: Hybrid +4.0 [+3.9, +4.1]. "
        "Level: SNIP +0.0 [+0.0, +0.0]. Worse: Lottery -5.0 [-5.1, -4.9].",
        "Method minus random, in points of accuracy, paired by seed (8 seeds), with the 90 % interval of each "
        "comparison alone. Better and worse: by more than chance, corrected for all comparisons and looks; level: "
        "shown to differ by less than the margin of 1; undecided: none of these is shown yet.",
    ]


def test_the_sentences_are_the_same_from_the_file(tmp_path):
    table = against_random(standard(dense=80.5), STUDY)
    write_frame(tmp_path / "against_random.csv", table)
    with (tmp_path / "against_random.csv").open(encoding="utf-8", newline="") as file:
        lines = answer_lines(csv.DictReader(file))
    assert lines == answer_lines(table.to_dict("records"))
    assert "Ceiling: random pruning does as well as no pruning here." in lines[0]


@pytest.mark.parametrize(("dense", "ceiling"), [(80.9, True), (79.0, True), (81.1, False)])
def test_random_within_the_margin_of_the_dense_network_is_a_ceiling(dense, ceiling):
    assert set(against_random(standard(dense), STUDY)["ceiling"]) == {ceiling}


def test_before_the_first_look_everything_is_undecided_but_measured():
    table = against_random(lose(standard(), seed=7), STUDY).set_index("ticket")
    assert set(table["word"]) == {"undecided"}
    assert set(table["pairs"]) == {7}
    assert "Undecided: Lottery -5.0 [" in answer_lines(table.reset_index().to_dict("records"))[0]


def test_a_method_without_a_path_is_collapsed_and_no_difference_is_made_up():
    runs = standard()
    gone = runs["ticket"].eq("lottery")
    runs = runs.assign(collapsed=gone, accuracy=runs["accuracy"].mask(gone, 10.0))
    table = against_random(runs, STUDY)
    row = table.set_index("ticket").loc["lottery"]
    assert (row["word"], row["pairs"], row["collapsed"]) == ("collapses", 0, 8)
    assert np.isnan(row["difference"])
    assert "Collapsed: Lottery (no path left in 8 of 8 seeds)." in answer_lines(table.to_dict("records"))[0]


def test_equal_differences_have_no_interval_of_width_zero():
    runs = results(random=[80.0] * 8, hybrid=[84.0] * 8)
    row = against_random(runs, STUDY).set_index("ticket").loc["hybrid"]
    assert difference_text(row) == "+4.0"
    assert np.isnan(row["interval_low"])


def test_the_random_ticket_is_found_by_its_name_or_its_score():
    uniform = {"scored": "init", "score": "random", "allocation": "uniform", "start": "init"}
    assert random_control(make_study(tickets={"mine": uniform, "random": {}})) == "random"
    assert random_control(make_study(tickets={"lottery": {}, "mine": uniform})) == "mine"
    assert random_control(make_study(tickets=("lottery",))) is None


def test_a_study_without_random_tickets_has_no_answer():
    study = make_study(tickets=("lottery", "hybrid"))
    table = against_random(make_results(study), study)
    assert list(table) == COLUMNS
    assert answer_lines(table.to_dict("records")) == []


def test_places_are_named_where_there_are_several_and_stand_in_the_studys_order():
    study = make_study(
        tickets=("random", "hybrid"), datasets=["cifar100", "cifar10"], prune_ratios=[0.98, 0.9]
    )
    lines = answer_lines(against_random(make_results(study), study).to_dict("records"))
    assert [line.split(",")[0] for line in lines[:-1]] == [
        "At 98 % (CIFAR-100",
        "At 90 % (CIFAR-100",
        "At 98 % (CIFAR-10",
        "At 90 % (CIFAR-10",
    ]
