"""Which rows a table has: the paper's first, then the study's own."""

import pytest
from simulated_results import PAPER_TICKETS, make_results, make_study

from prunepipe.errors import ConfigError
from prunepipe.reports.tables import TABLES, build_table
from prunepipe.reports.tables.specs import rows_of
from prunepipe.results.labels import network_label, place_text, ratio_label, row_label
from prunepipe.study.built_in import TABLES as TABLE_NAMES

MINE = {"scored": "init", "score": "magnitude", "allocation": "global", "start": "init"}
RANDOM = {"scored": "init", "score": "random", "start": "init"}


# Which rows


def test_the_tables_are_those_that_a_study_can_name():
    assert tuple(TABLES) == TABLE_NAMES


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("initial_checks", "lottery:none lottery:rearrange lottery:corrupted_data "
         "snip:none snip:rearrange snip:corrupted_data "
         "grasp:none grasp:rearrange grasp:corrupted_data random:none random:rearrange random:corrupted_data"),
        ("partial_checks", "lottery:none learning_rate_rewinding:none "
         "learning_rate_rewinding:shuffle_weights learning_rate_rewinding:half_dataset hybrid:none "
         "hybrid:shuffle_weights hybrid:half_dataset obd:none obd:shuffle_weights obd:half_dataset"),
        ("random", "lottery:none snip:none grasp:none random:none"),
        ("hybrid", "obd:none learning_rate_rewinding:none hybrid:none"),
        ("prune_ratios", "random:none"),
    ],
)  # fmt: skip
def test_rows_are_the_papers_whatever_the_order_of_the_study(table, rows):
    study = make_study(tickets=tuple(reversed(PAPER_TICKETS)))
    found = [f"{row.ticket}:{row.check}" for row in rows_of(table, study)]
    assert found == ["full_network:none", *rows.split()]


def test_what_the_study_does_not_configure_has_no_row():
    study = make_study(tickets=("random",), checks={"initial": ["rearrange"]})
    assert [row[:2] for row in rows_of("initial_checks", study)[1:]] == [
        ("random", "none"),
        ("random", "rearrange"),
    ]
    assert (
        rows_of("hybrid", study)
        == rows_of("partial_checks", study)
        == [("full_network", "none", "Full network")]
    )


def test_a_users_ticket_follows_the_papers_in_the_tables_of_its_class():
    late = {**MINE, "scored": "final", "start": "epoch 2"}
    study = make_study(tickets={"mine": MINE, "late": late, "lottery": {}, "hybrid": {}})
    assert [row.ticket for row in rows_of("random", study)] == ["full_network", "lottery", "mine"]
    assert [row.ticket for row in rows_of("hybrid", study)] == ["full_network", "hybrid", "late"]
    assert ("mine", "rearrange", "mine + rearrange") in rows_of("initial_checks", study)
    assert ("late", "half_dataset", "late + half dataset") in rows_of("partial_checks", study)


def test_a_users_check_stands_after_the_papers_and_every_check_after_the_unchecked_ticket():
    tickets = {
        "lottery": {"checks": ["reinit", "rearrange"]},
        "hybrid": {"checks": ["invert", "half_dataset"]},
    }
    study = make_study(tickets=tickets)
    assert [row.check for row in rows_of("initial_checks", study)[1:]] == ["none", "rearrange", "reinit"]
    assert [row.check for row in rows_of("partial_checks", study)[2:]] == ["none", "half_dataset", "invert"]


def test_prune_ratio_ablations_have_a_table_of_their_own():
    allocations = ("uniform", "erk", "cubic", "linear", "smart", "ascending")
    tickets = {f"random_{name}": {**RANDOM, "allocation": name, "checks": []} for name in allocations}
    study = make_study(tickets={"lottery": {}, **tickets})
    rows = rows_of("prune_ratios", study)[1:]
    assert [row.ticket.removeprefix("random_") for row in rows] == [
        "smart",
        "linear",
        "cubic",
        "ascending",
        "uniform",
        "erk",
    ]
    assert rows[0].label == "random_smart (smart)"
    assert [row.ticket for row in rows_of("random", study)] == [
        "full_network",
        "lottery",
        "random_erk",
        "random_smart",
    ]
    assert {row.ticket for row in rows_of("initial_checks", study)} == {"full_network", "lottery"}


def test_an_unknown_table_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown table 'hybird'\. Did you mean 'hybrid'\?"):
        build_table("hybird", make_results(make_study()), make_study())


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (ratio_label(0.98), "98 %"),
        (ratio_label(0.995), "99.5 %"),
        (network_label("resnet32"), "ResNet32"),
        (network_label("vgg_digits"), "VGG (digits)"),
        (network_label("my_net"), "my_net"),
        (place_text("digits", "vgg_digits"), "Digits, VGG"),
        (place_text("fashion_mnist", "vgg_fashion"), "Fashion-MNIST, VGG"),
        (place_text("cifar10", "vgg_fashion"), "CIFAR-10, VGG (fashion)"),
        (place_text("mine", "vgg19"), "mine, VGG19"),
        (row_label("learning_rate_rewinding", "half_dataset"), "LR rewinding + half dataset"),
    ],
)
def test_labels(label, text):
    assert label == text
