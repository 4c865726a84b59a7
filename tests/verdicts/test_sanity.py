"""Summary lines: sane, not sane, undecided, from tables of verdicts written by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from prunepipe.results.labels import TICKET_LABELS, ticket_label
from prunepipe.study.built_in import CHECKS, TICKETS
from prunepipe.verdicts.readings import READINGS
from prunepipe.verdicts.sanity import PARTIALLY_TRAINED, SUMMARY_COLUMNS, method_summaries


def table(ticket, *rows):
    """Verdicts of one ticket: "check word" or "check word network", a word of two with _, at 90 and 98 %: "a/b"."""
    fields = [(*row.split(), "vgg19")[:3] for row in rows]
    columns = {"study": "s", "dataset": "cifar10", "ticket": ticket}
    found = [
        (check, network, prune_ratio, word.replace("_", " "))
        for check, words, network in fields
        for prune_ratio, word in zip((0.9, 0.98), words.split("/"), strict=False)
    ]
    return pd.DataFrame(found, columns=["check", "network", "prune_ratio", "verdict"]).assign(**columns)


@pytest.mark.parametrize(
    ("ticket", "rows", "summary"),
    [
        ("snip", ["corrupted_data ignores", "rearrange ignores"], "not sane"),
        ("snip", ["corrupted_data uses", "rearrange uses"], "sane"),
        ("snip", ["corrupted_data uses_little", "rearrange uses"], "sane"),
        ("snip", ["corrupted_data uses", "rearrange ignores"], "not sane"),
        ("snip", ["corrupted_data uses", "rearrange inconclusive"], "undecided"),
        ("snip", ["corrupted_data uses", "rearrange improves"], "undecided"),
        ("snip", ["corrupted_data ignores", "rearrange inconclusive"], "not sane"),
        ("snip", ["corrupted_data uses", "rearrange uses vgg19", "rearrange ignores resnet32"], "not sane"),
        ("snip", ["corrupted_data uses", "rearrange not_judged"], "undecided"),
        ("snip", ["corrupted_data uses"], "undecided"),  # the connections were never checked
        # harm at any prune ratio is harm; `ignores` must hold at every one where a comparison is possible
        ("snip", ["corrupted_data ignores/uses", "rearrange uses"], "sane"),
        ("snip", ["corrupted_data ignores/inconclusive", "rearrange uses"], "undecided"),
        ("snip", ["corrupted_data ignores/collapses", "rearrange uses"], "undecided"),
        ("snip", ["corrupted_data ignores/not_judged", "rearrange uses"], "not sane"),
        ("snip", ["corrupted_data collapses/collapses", "rearrange uses"], "undecided"),
        # diagnostics and checks of another kind of ticket do not count
        (
            "snip",
            ["corrupted_data uses", "rearrange uses", "shuffle_weights ignores", "reinit ignores"],
            "sane",
        ),
        (
            "snip",
            ["corrupted_data uses", "rearrange uses", "random_labels ignores", "half_dataset ignores"],
            "sane",
        ),
        ("snip", ["invert uses", "reinit uses"], "undecided"),
        ("learning_rate_rewinding", ["half_dataset uses", "shuffle_weights uses"], "sane"),
        ("learning_rate_rewinding", ["half_dataset uses", "shuffle_weights ignores"], "not sane"),
        # half of the data may be enough for a method that uses data
        ("learning_rate_rewinding", ["half_dataset ignores", "shuffle_weights uses"], "undecided"),
        ("hybrid", ["half_dataset ignores", "corrupted_data uses", "shuffle_weights uses"], "sane"),
        ("hybrid", ["half_dataset uses", "corrupted_data ignores", "shuffle_weights uses"], "not sane"),
        ("learning_rate_rewinding", ["half_dataset inconclusive", "shuffle_weights uses"], "undecided"),
    ],
)
def test_summary(ticket, rows, summary):
    row = method_summaries(table(ticket, *rows)).iloc[0]
    assert row["summary"] == summary
    assert row["why"].endswith(".")
    assert ticket_label(ticket) in row["why"]


def test_why_names_the_claim_and_the_reading_apart():
    row = method_summaries(table("snip", "corrupted_data uses", "rearrange ignores/ignores resnet32")).iloc[0]
    assert row["why"] == (
        "SNIP is not sane: rearrange (CIFAR-10, ResNet32: ignores at 90 and 98 %), read, up to the margin, as: it does "
        "not use the exact connections; it does lose accuracy under corrupted data (CIFAR-10, VGG19: uses at 90 %)."
    )
    assert (row["uses"], row["ignores"], row["inconclusive"], row["collapses"]) == (1, 2, 0, 0)


def test_why_names_what_was_not_checked():
    row = method_summaries(table("snip", "corrupted_data uses")).iloc[0]
    assert row["why"] == (
        "It is not decided whether SNIP is sane: never checked for its use of the exact connections; it does lose "
        "accuracy under corrupted data (uses at 90 %)."
    )


def test_what_was_checked_without_a_comparison_is_not_called_unchecked():
    row = method_summaries(table("snip", "corrupted_data not_judged", "rearrange not_judged")).iloc[0]
    assert row["why"] == (
        "It is not decided whether SNIP is sane: corrupted data (not judged at 90 %); rearrange (not judged at 90 %)."
    )


def test_why_says_what_is_open_at_which_prune_ratio():
    row = method_summaries(table("snip", "corrupted_data ignores/inconclusive", "rearrange uses")).iloc[0]
    assert row["why"] == (
        "It is not decided whether SNIP is sane: corrupted data (ignores at 90 %, inconclusive at 98 %); it does lose "
        "accuracy under rearrange (uses at 90 %)."
    )


def test_the_study_says_which_tickets_are_partially_trained():
    own = table("mine", "half_dataset uses", "shuffle_weights uses")
    assert method_summaries(own)["summary"].tolist() == ["undecided"]
    assert method_summaries(own, partially_trained={"mine"})["summary"].tolist() == ["sane"]


def test_every_built_in_ticket_has_a_label_for_people():
    assert set(TICKETS) <= set(TICKET_LABELS)


def test_one_line_per_study_and_ticket():
    rows = pd.concat([table("snip", "rearrange uses"), table("grasp", "rearrange uses").assign(study="t")])
    summaries = method_summaries(rows)
    assert list(summaries) == SUMMARY_COLUMNS
    assert list(zip(summaries["study"], summaries["ticket"], strict=True)) == [("s", "snip"), ("t", "grasp")]


def test_the_tables_name_built_in_checks_and_tickets():
    assert {check for counted in READINGS.values() for check in counted} <= set(CHECKS)
    assert {"hybrid", "learning_rate_rewinding"} <= PARTIALLY_TRAINED <= set(TICKETS)
    assert PARTIALLY_TRAINED.isdisjoint({"random", "lottery"})


def test_only_checks_that_destroy_all_of_their_part_can_make_a_method_not_sane():
    vetoes = {kind: {check for check, read in rows.items() if read.veto} for kind, rows in READINGS.items()}
    assert vetoes == {
        "initial": {"corrupted_data", "rearrange"},
        "partially trained": {"corrupted_data", "rearrange", "shuffle_weights"},
    }
