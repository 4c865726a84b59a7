"""Tables as they are printed: bold, published numbers, Markdown and LaTeX."""

import re
from pathlib import Path

import pandas as pd
import pytest
from simulated_results import (
    PAPER_RECIPE,
    cell_of,
    lose,
    make_paper_study,
    make_results,
    make_study,
    with_accuracies,
)

from prunepipe.reports.tables import TABLES, build_table, to_latex, to_markdown
from prunepipe.reports.tables.published import RECIPE, published_numbers
from prunepipe.study.loading import load_study

ROOT = Path(__file__).parents[2]
MINE = {"scored": "init", "score": "magnitude", "allocation": "global", "start": "init"}


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


@pytest.mark.parametrize("seeds", [[0], [0, 1]])
def test_with_one_or_two_seeds_only_the_best_is_bold(seeds):
    study = make_study(seeds=seeds, prune_ratios=[0.9])
    values = {
        ("lottery", "none", 0.9): [95.2, 94.8][: len(seeds)],
        ("random", "none", 0.9): [94.99, 94.9][: len(seeds)],
    }
    text = to_markdown(build_table("random", with_accuracies(make_results(study), values), study), study)
    assert re.findall(r"\*\*[\d.]+\*\*", text) == ["**95.20**"] * (len(seeds) == 1)
    assert ("| Lottery | **" in text, "| Random | **" in text) == (True, False)


# Published numbers


def test_published_numbers_stand_beside_ours_where_they_are_known():
    study = make_paper_study()
    table = build_table("hybrid", make_results(study), study)
    found = cell_of(table, "hybrid", ratio=0.9, dataset="cifar100", network="resnet32")
    assert (found["published_mean"], found["published_std"]) == (71.47, 0.26)
    assert found["difference"] == pytest.approx(found["mean"] - 71.47)
    dense = cell_of(table, "full_network", ratio=0.0, dataset="cifar10", network="vgg19")
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
    ours = beside[[*key, "published_mean", "published_std", "published_n"]].sort_values(
        key, ignore_index=True
    )
    theirs = published_numbers().sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)


def test_an_unpublished_cell_is_a_dash_and_never_a_zero():
    study = make_paper_study()
    table = build_table("partial_checks", make_results(study), study)
    found = cell_of(table, "learning_rate_rewinding", "half_dataset", dataset="cifar100", network="vgg19")
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
        {"datasets": {"cifar10": {"source": "mine.py:load"}}},
        {"networks": {"vgg19": {"width": 0.5}}},
        {"networks": {"vgg19": {"architecture": "vgg16"}}},
        {"recipe": {**PAPER_RECIPE, "epochs": 161}},
        {"recipe": {**PAPER_RECIPE, "augmentation": {"crop_padding": 4}}},
    ],
)
def test_another_study_is_not_compared_with_the_paper(changes):
    study = make_study(**{"name": "paper", "recipe": PAPER_RECIPE, **changes})
    table = build_table("random", make_results(study), study)
    assert table[["published_mean", "published_std", "difference"]].isna().all(axis=None)
    assert "published" not in to_markdown(table, study).lower()


def test_the_papers_study_is_compared_and_its_half_is_the_first():
    checks = {"initial": [], "partially_trained": ["half_dataset", "first_half"]}
    study = make_study("paper", recipe=PAPER_RECIPE, checks=checks)
    table = build_table("partial_checks", make_results(study), study)
    published = [
        cell_of(table, "learning_rate_rewinding", check, dataset="cifar10", network="vgg19")["published_mean"]
        for check in ("half_dataset", "first_half")
    ]
    assert published[0] == published[1] > 0
    assert "first 390 batches, never shuffled (here first_half); ours" in to_markdown(table, study)
    shuffled = make_study("paper", recipe=PAPER_RECIPE, checks={"partially_trained": ["shuffle_weights"]})
    other = to_markdown(build_table("partial_checks", make_results(shuffled), shuffled), shuffled)
    assert "Published: Su et al." in other
    assert "390 batches" not in other


def test_the_papers_recipe_is_that_of_its_study():
    assert load_study(ROOT / "config" / "paper.yaml").recipe == RECIPE


def test_a_missing_run_of_ours_leaves_the_published_number_and_no_difference():
    study = make_paper_study()
    table = build_table("random", lose(make_results(study), ticket="grasp", prune_ratio=0.9), study)
    found = cell_of(table, "grasp", dataset="cifar10", network="vgg19")
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

- Mean ± sample standard deviation over 3 seeds. Bold: the best mean of a column, and means within its 95 % confidence interval (from 3 seeds on).
- † collapsed: the mask leaves no path from input to output, so the network is constant and scores chance accuracy. (k/n): k of n seeds collapsed.
- Missing: CIFAR-10, VGG19, 90 %, Random: seeds 1, 2: Killed.
- Study simulated (settings SETTINGS), seeds 0, 1, 2, prunepipe VERSION, code abc123.
- Device cpu; precision float32; data CIFAR-10 d10.
- The .csv file of this table lists, for each cell, the command that makes it again, to be run in the folder that contains results/.
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
    found = cell_of(table, "lottery")
    assert (found["code"], found["device"], found["seeds"]) == ("abc123, def456", "cpu, cuda", "0, 1, 2")
    assert found["command"] == (
        "snakemake results/runs/simulated/cifar10/vgg19/tickets/lottery/none/p0.9/seed{0,1,2}/metrics.json "
        "--force --cores 1 --config study=simulated"
    )
    assert (
        cell_of(table, "full_network", ratio=0.0)["command"]
        .split()[1]
        .endswith("dense/clean/seed{0,1,2}/metrics.json")
    )
    assert "code abc123, def456." in to_markdown(table, study)
    assert "Device cpu, cuda; precision float32; data CIFAR-10 d10." in to_markdown(table, study)


def test_numbers_of_tanaka_et_al_stand_beside_a_study_that_asks_for_them():
    study = make_study(
        datasets={"cifar10": {}},
        networks={"vgg16_average_pool": {}},
        tickets={"snip": {}, "random_global": {}},
        prune_ratios=[0.9, 0.99],
        published="tanaka2020",
    )
    table = build_table("random", make_results(study), study)
    found = cell_of(table, "snip", ratio=0.9, dataset="cifar10", network="vgg16_average_pool")
    assert found["published_mean"] == pytest.approx((92.09 + 92.69 + 92.00) / 3)
    assert found["published_n"] == 3
    dense = cell_of(table, "full_network", ratio=0.0, dataset="cifar10", network="vgg16_average_pool")
    assert dense["published_n"] == 15
    assert table["replication"].isin(["replicated", "different", "undecided"]).all()
    text = to_markdown(table, study)
    assert "Published: Tanaka et al., NeurIPS 2020" in text
    assert "not known" not in text
    assert re.search(r"\| ours − published \| .*, different \|", text)
