"""Tables: rows, numbers, gaps, bold, collapse, published numbers, and both ways of printing them."""

import math
import re
import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from simulated_results import PAPER_TICKETS, lose, make_paper_study, make_results, make_study

from prunepipe.errors import ArtifactError, ConfigError
from prunepipe.labels import network_label, ratio_label, row_label
from prunepipe.tables import TABLES, build_table, to_latex, to_markdown
from prunepipe.tables.building import COLUMNS, NOT_A_NUMBER, UNKNOWN
from prunepipe.tables.published import published_numbers
from prunepipe.tables.specs import rows_of
from prunepipe.zoology import TABLES as TABLE_NAMES

MINE = {"scored": "init", "score": "magnitude", "allocation": "global", "start": "init"}
RANDOM = {"scored": "init", "score": "random", "start": "init"}


def with_accuracies(results, values):
    """Set the accuracies of runs: {(ticket, check, prune_ratio): one number a seed}."""
    results = results.copy()
    for (ticket, check, ratio), numbers in values.items():
        chosen = (
            (results["ticket"] == ticket) & (results["check"] == check) & (results["prune_ratio"] == ratio)
        )
        results.loc[chosen, "accuracy"] = numbers
    return results


def cell(table, ticket, check="none", ratio=0.9, **where):
    chosen = table[(table["ticket"] == ticket) & (table["check"] == check) & (table["prune_ratio"] == ratio)]
    for column, value in where.items():
        chosen = chosen[chosen[column] == value]
    assert len(chosen) == 1
    return chosen.iloc[0]


def line_of(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))


# Which rows


def test_the_tables_are_those_that_a_study_can_name():
    assert tuple(TABLES) == TABLE_NAMES


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("initial_checks", "lottery:none lottery:rearrange lottery:corrupted_data "
         "snip:none snip:rearrange snip:corrupted_data "
         "grasp:none grasp:rearrange grasp:corrupted_data random:none random:rearrange random:corrupted_data"),
        ("partial_checks", "lottery:none learning_rate_rewinding:shuffle_weights learning_rate_rewinding:half_dataset "
         "learning_rate_rewinding:none hybrid:shuffle_weights hybrid:half_dataset hybrid:none "
         "obd:shuffle_weights obd:half_dataset obd:none"),
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


def test_a_users_check_stands_after_the_papers_but_before_the_unchecked_partially_trained_ticket():
    tickets = {
        "lottery": {"checks": ["reinit", "rearrange"]},
        "hybrid": {"checks": ["invert", "half_dataset"]},
    }
    study = make_study(tickets=tickets)
    assert [row.check for row in rows_of("initial_checks", study)[1:]] == ["none", "rearrange", "reinit"]
    assert [row.check for row in rows_of("partial_checks", study)[2:]] == ["half_dataset", "invert", "none"]


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


# Numbers


def test_mean_sample_std_and_t_interval_are_those_of_the_seeds():
    study = make_study()
    values = [90.0, 92.0, 97.0]
    results = with_accuracies(make_results(study), {("lottery", "none", 0.9): values})
    found = cell(build_table("random", results, study), "lottery")
    assert found["mean"] == pytest.approx(93.0)
    assert found["std"] == pytest.approx(math.sqrt((9 + 1 + 16) / 2))
    low, high = stats.t.interval(0.95, 2, loc=93.0, scale=stats.sem(values))
    assert (found["ci_low"], found["ci_high"]) == (pytest.approx(low), pytest.approx(high))
    assert (found["n"], found["expected"], found["collapsed"], found["cause"]) == (3, 3, 0, "")
    assert found["effective_density"] == pytest.approx(0.1)


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


def test_equal_accuracies_have_an_interval_of_no_width():
    study = make_study()
    results = with_accuracies(make_results(study), {("lottery", "none", 0.9): 95.0})
    found = cell(build_table("random", results, study), "lottery")
    assert (found["std"], found["ci_low"], found["ci_high"]) == (0.0, 95.0, 95.0)


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
    found = cell(table, "lottery")
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
    found = cell(table, "random", ratio=0.98)
    assert (found["n"], found["cause"]) == (0, "seeds 0, 1, 2: error: the disk is full.")
    assert pd.isna(found["mean"])
    assert line_of(to_markdown(table, study), "| Random").endswith("| - (n=0/3) |")


def test_a_run_that_the_results_do_not_list_is_missing_too():
    study = make_study()
    results = make_results(study)
    table = build_table("random", results[results["seed"] != 2], study)
    assert (table["n"] == 2).all()
    assert (table["cause"] == f"seed 2: {UNKNOWN}").all()


def test_no_results_at_all_are_a_table_of_gaps():
    study = make_study()
    table = build_table("hybrid", make_results(study).iloc[:0], study)
    assert (table["n"] == 0).all()
    assert "code unknown" in to_markdown(table, study)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_accuracy_that_is_no_number_is_a_gap(value):
    study = make_study()
    results = with_accuracies(make_results(study), {("lottery", "none", 0.9): [90.0, value, 92.0]})
    found = cell(build_table("random", results, study), "lottery")
    assert (found["n"], found["mean"], found["cause"]) == (2, 91.0, f"seed 1: {NOT_A_NUMBER}")


# Collapse


def test_a_collapsed_cell_is_marked_and_explained():
    study = make_study()
    table = build_table("random", make_results(study, collapse=True), study)
    assert cell(table, "lottery", ratio=0.98)["collapsed"] == 3
    text = to_markdown(table, study)
    assert line_of(text, "| Lottery").endswith("| 10.00 † |")
    assert "- † collapsed: the mask leaves no path" in text
    assert r"10.00 $^\dagger$" in to_latex(table, study)


def test_one_collapsed_seed_counts_with_chance_and_is_marked():
    study = make_study()
    results = with_accuracies(make_results(study), {("random", "none", 0.98): [90.0, 10.0, 92.0]})
    results.loc[(results["accuracy"] == 10.0), "collapsed"] = True
    table = build_table("random", results, study)
    assert (cell(table, "random", ratio=0.98)["mean"], cell(table, "random", ratio=0.98)["collapsed"]) == (
        64.0,
        1,
    )
    assert line_of(to_markdown(table, study), "| Random").endswith("64.00 ± 46.78 † (1/3) |")


def test_low_accuracy_alone_is_no_collapse():
    study = make_study()
    table = build_table(
        "random", with_accuracies(make_results(study), {("lottery", "none", 0.9): 10.0}), study
    )
    assert cell(table, "lottery")["collapsed"] == 0
    assert "†" not in to_markdown(table, study)


def test_collapsed_flags_read_from_a_file_count_as_in_memory(tmp_path):
    study = make_study()
    results = lose(make_results(study, collapse=True), ticket="random", seed=0)
    results.to_csv(tmp_path / "results.csv", index=False)
    read = pd.read_csv(tmp_path / "results.csv")
    assert list(build_table("random", read, study)["collapsed"]) == list(
        build_table("random", results, study)["collapsed"]
    )


# Bold


@pytest.mark.parametrize(
    ("lottery", "snip", "random", "bold"),
    [
        (
            [95.0, 95.2, 94.8],
            [94.9, 94.9, 94.9],
            [90.0, 90.1, 89.9],
            {"Lottery", "SNIP"},
        ),  # within the interval
        ([95.0, 95.0, 95.0], [95.0, 95.0, 95.0], [94.99, 94.99, 94.99], {"Lottery", "SNIP"}),  # equal
        ([10.0, 10.0, 10.0], [95.0, 95.01, 94.99], [94.0, 94.1, 93.9], {"SNIP"}),  # beyond it
    ],
)
def test_the_best_and_its_equals_are_bold(lottery, snip, random, bold):
    study = make_study(tickets=("lottery", "snip", "random"), prune_ratios=[0.9])
    values = {("lottery", "none", 0.9): lottery, ("snip", "none", 0.9): snip, ("random", "none", 0.9): random}
    table = build_table("random", with_accuracies(make_results(study), values), study)
    assert set(re.findall(r"\| (\w+) \| \*\*", to_markdown(table, study))) == bold
    assert set(re.findall(r"(\w+) & \\textbf", to_latex(table, study))) == bold


def test_neither_the_full_network_nor_a_collapsed_cell_is_bold():
    study = make_study(tickets=("lottery",), prune_ratios=[0.98])
    results = with_accuracies(make_results(study, collapse=True), {("full_network", "none", 0.0): 99.0})
    assert "10.00 †" in (text := to_markdown(build_table("random", results, study), study))
    assert "**99" not in text
    assert "**10" not in text


def test_with_one_seed_only_the_best_is_bold():
    study = make_study(seeds=[0], prune_ratios=[0.9])
    values = {("lottery", "none", 0.9): 95.0, ("random", "none", 0.9): 94.99}
    text = to_markdown(build_table("random", with_accuracies(make_results(study), values), study), study)
    assert re.findall(r"\*\*[\d.]+\*\*", text) == ["**95.00**"]


# Published numbers


def test_published_numbers_stand_beside_ours_where_they_are_known():
    study = make_paper_study()
    table = build_table("hybrid", make_results(study), study)
    found = cell(table, "hybrid", ratio=0.9, dataset="cifar100", network="resnet32")
    assert (found["published_mean"], found["published_std"]) == (71.47, 0.26)
    assert found["difference"] == pytest.approx(found["mean"] - 71.47)
    dense = cell(table, "full_network", ratio=0.0, dataset="cifar10", network="vgg19")
    assert dense["published_mean"] == 93.7
    assert pd.isna(dense["published_std"])
    assert len(table) == len(
        published_numbers().query(
            "ticket in ['full_network', 'obd', 'learning_rate_rewinding', 'hybrid'] and check == 'none'"
        )
    )
    assert table["published_mean"].notna().all()


def test_every_published_number_stands_in_some_table_of_the_papers_study():
    study = make_paper_study()
    results = make_results(study)
    tables = pd.concat([build_table(name, results, study) for name in TABLES])
    key = ["dataset", "network", "prune_ratio", "ticket", "check"]
    beside = tables.dropna(subset=["published_mean"]).drop_duplicates(key)
    ours = beside[[*key, "published_mean", "published_std"]].sort_values(key, ignore_index=True)
    theirs = published_numbers().sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)


def test_an_unpublished_cell_is_a_dash_and_never_a_zero():
    study = make_paper_study()
    table = build_table("partial_checks", make_results(study), study)
    found = cell(table, "learning_rate_rewinding", "half_dataset", dataset="cifar100", network="vgg19")
    assert found[["published_mean", "published_std", "difference"]].isna().all()
    lines = to_markdown(table, study).splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("| LR rewinding + half dataset"))
    assert lines[place + 1] == "| published | 93.79 ± 0.14 | 93.53 ± 0.13 | 10.00 ± 0.00 | - | - | - |"
    assert lines[place + 2].startswith("| ours − published | ")
    assert lines[place + 2].endswith(" | - | - | - |")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"datasets": {"cifar10": {"train_images": 500}}},
        {"networks": {"vgg19": {"width": 0.5}}},
    ],
)
def test_another_study_is_not_compared_with_the_paper(changes):
    study = make_study(**{"name": "paper", **changes})
    table = build_table("random", make_results(study), study)
    assert table[["published_mean", "published_std", "difference"]].isna().all(axis=None)
    assert "published" not in to_markdown(table, study).lower()


def test_a_missing_run_of_ours_leaves_the_published_number_and_no_difference():
    study = make_paper_study()
    table = build_table("random", lose(make_results(study), ticket="grasp", prune_ratio=0.9), study)
    found = cell(table, "grasp", dataset="cifar10", network="vgg19")
    assert found["published_mean"] == 93.01
    assert pd.isna(found["difference"])


# Layout

GOLDEN = """\
**Random tickets against initial tickets: test accuracy in percent.**

|  | CIFAR-10 90 % | CIFAR-10 98 % |
| :-- | --: | --: |
| *VGG19* |  |  |
| Full network | 94.00 ± 1.00 |  |
| Lottery | 92.00 ± 2.00 | 10.00 † |
| Random | **93.00** (n=1/3) | **91.00 ± 1.00** |

- Mean ± sample standard deviation over 3 seeds. Bold: the best mean of a column and those within its 95 % confidence interval.
- † collapsed: the mask leaves no path from input to output, so the network is constant and scores chance accuracy. (k/n): k of n seeds collapsed.
- Missing: CIFAR-10, VGG19, 90 %, Random: seeds 1, 2: Killed.
- Study simulated (settings SETTINGS), seeds 0, 1, 2, prunepipe VERSION, code abc123.
- Device cpu; precision float32; data CIFAR-10 d10.
- The .csv beside this table holds, for each cell, the command that makes it again.
"""  # noqa: E501


def golden_table():
    study = make_study(tickets=("lottery", "random"))
    results = with_accuracies(
        make_results(study, collapse=True),
        {
            ("full_network", "none", 0.0): [93.0, 94.0, 95.0],
            ("lottery", "none", 0.9): [90.0, 92.0, 94.0],
            ("random", "none", 0.9): [93.0, 93.0, 93.0],
            ("random", "none", 0.98): [90.0, 91.0, 92.0],
        },
    )
    for seed in (1, 2):
        results = lose(results, "Killed", ticket="random", check="none", prune_ratio=0.9, seed=seed)
    return build_table("random", results, study), study


def test_markdown_of_a_small_table():
    table, study = golden_table()
    text = re.sub(r"settings [0-9a-f]{12}", "settings SETTINGS", to_markdown(table, study))
    assert re.sub(r"prunepipe [\d.]+\w*", "prunepipe VERSION", text) == GOLDEN


def test_latex_of_a_small_table():
    table, study = golden_table()
    body = to_latex(table, study).split(r"\toprule")[1].split(r"\bottomrule")[0]
    assert body.splitlines() == [
        "",
        r" & \multicolumn{2}{c}{CIFAR-10} \\",
        r"\cmidrule(lr){2-3}",
        r"Prune ratio & 90 \% & 98 \% \\",
        r"\midrule",
        r"\multicolumn{3}{l}{\emph{VGG19}} \\",
        r"Full network & \multicolumn{2}{c}{94.00 $\pm$ 1.00} \\",
        r"Lottery & 92.00 $\pm$ 2.00 & 10.00 $^\dagger$ \\",
        r"Random & \textbf{93.00} (n=1/3) & \textbf{91.00 $\pm$ 1.00} \\",
    ]


@pytest.mark.parametrize("name", TABLES)
def test_latex_is_balanced_and_rectangular(name):
    study = make_paper_study()
    text = to_latex(
        build_table(name, lose(make_results(study, collapse=True), "a_b & 50% {", seed=1), study), study
    )
    plain = re.sub(r"\\[{}&%]", "", text)
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    assert sorted(re.findall(r"\\begin\{(\w+)\}", text)) == sorted(re.findall(r"\\end\{(\w+)\}", text))
    assert re.search(r"(?<!\\)[_#]", re.sub(r"\\label\{.*?\}", "", plain)) is None
    assert text.isascii()
    for line in plain.split(r"\midrule", 1)[1].split(r"\bottomrule")[0].splitlines():
        spans = [int(width) for width in re.findall(r"\\multicolumn\{(\d+)\}", line)]
        if line.endswith(r"\\"):
            assert line.count("&") + 1 - len(spans) + sum(spans) == 7, line


def test_a_users_name_is_escaped_in_latex_and_a_bar_in_markdown():
    study = make_study(tickets={"my_own_ticket": MINE})
    results = lose(make_results(study), "error: a|b", seed=0)
    table = build_table("random", results, study)
    assert r"my\_own\_ticket &" in to_latex(table, study)
    rows = [line for line in to_markdown(table, study).splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {4}


def test_every_network_is_a_block_and_every_data_set_a_group_of_columns():
    study = make_paper_study()
    lines = to_markdown(build_table("random", make_results(study), study), study).splitlines()
    assert lines[2].startswith("|  | CIFAR-10 90 % | CIFAR-10 95 % | CIFAR-10 98 % | CIFAR-100 90 % |")
    assert [line.split("|")[1].strip() for line in lines if line.startswith("| *")] == [
        "*VGG19*",
        "*ResNet32*",
    ]


def test_the_file_says_what_made_each_cell_and_how_to_make_it_again():
    study = make_study()
    results = make_results(study)
    results.loc[(results["ticket"] == "lottery") & (results["seed"] == 1), ["code", "device"]] = [
        "def456",
        "cuda",
    ]
    table = build_table("random", results, study)
    found = cell(table, "lottery")
    assert (found["code"], found["device"], found["seeds"]) == ("abc123, def456", "cpu, cuda", "0, 1, 2")
    assert found["command"] == (
        "snakemake results/runs/simulated/cifar10/vgg19/tickets/lottery/none/p0.9/seed{0,1,2}/metrics.json "
        "--cores 1 --config study=simulated"
    )
    assert (
        cell(table, "full_network", ratio=0.0)["command"]
        .split()[1]
        .endswith("dense/clean/seed{0,1,2}/metrics.json")
    )
    assert "code abc123, def456." in to_markdown(table, study)
    assert "Device cpu, cuda; precision float32; data CIFAR-10 d10." in to_markdown(table, study)


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (ratio_label(0.98), "98 %"),
        (ratio_label(0.995), "99.5 %"),
        (network_label("resnet32"), "ResNet32"),
        (network_label("vgg_digits"), "VGG (digits)"),
        (network_label("my_net"), "my_net"),
        (row_label("learning_rate_rewinding", "half_dataset"), "LR rewinding + half dataset"),
    ],
)
def test_labels(label, text):
    assert label == text


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
