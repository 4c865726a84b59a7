"""Figures: each draws what the tables, masks and histories say."""

import numpy as np
import pandas as pd
import pytest
from simulated_figures import STUDIES, draw, panel, words
from simulated_results import (
    PAPER_TICKETS,
    lose,
    make_collected,
    make_histories,
    make_layers,
    make_results,
    make_structure,
    make_study,
)

from prunepipe.pruning.masks import kept_total
from prunepipe.reports.plots.keep_ratios import REFERENCES, alike, layer_densities, reference_densities
from prunepipe.reports.plots.paper import scale_limits
from prunepipe.reports.plots.training_curves import mean_curves
from prunepipe.reports.tables import build_table
from prunepipe.results.collected import Collected
from prunepipe.results.mask_overlap import COLUMNS as OVERLAP_COLUMNS

# Checks


def test_lines_are_the_means_of_the_table():
    study = STUDIES["quickstart"]
    data = make_collected(study)
    figure = draw("initial_checks", study, data)
    table = build_table("initial_checks", data.results, study)
    for column, ticket in enumerate(("lottery", "random")):
        lines = [line for line in panel(figure, 0, column, 2).get_lines() if line.get_linestyle() == "-"]
        for line, check in zip(lines, ("none", "rearrange", "corrupted_data"), strict=True):
            own = table[(table["ticket"] == ticket) & (table["check"] == check)]
            assert list(line.get_ydata()) == list(own["mean"])


def test_collapse_is_a_mark_at_the_edge_that_leaves_the_axis_to_the_others():
    study = STUDIES["paper"]
    figure = draw("initial_checks", study)
    axis = panel(figure, 0, 0, 4)
    bottom, top = axis.get_ylim()
    assert bottom > 85
    assert top < 101
    marks = [line for line in axis.get_lines() if line.get_marker() == "X" and len(line.get_xdata())]
    assert len(marks) == 3
    assert all(bottom < line.get_ydata()[0] < bottom + 0.1 * (top - bottom) for line in marks)
    assert [text.get_text() for text in axis.texts] == ["10 %"]
    assert "collapsed, at chance" in words(figure)
    assert [text.get_text() for text in panel(figure, 2, 0, 4).texts] == ["1 %"]


def test_a_study_without_collapse_or_gaps_does_not_explain_them():
    study = STUDIES["quickstart"]
    figure = draw("initial_checks", study, make_collected(study, make_results(study)))
    assert not {"collapsed, at chance", "some seeds or classes collapsed", "no finished run"} & set(
        words(figure)
    )


def test_everything_collapsed_is_drawn_too():
    study = make_study(tickets=("lottery",), prune_ratios=[0.98])
    results = make_results(study, collapse=True)
    axis = draw("initial_checks", study, make_collected(study, lose(results, ticket="full_network"))).axes[0]
    assert axis.get_ylim() == (0.0, 100.0)


def test_a_cell_with_some_collapsed_seeds_is_hollow_and_names_its_mean():
    study = STUDIES["quickstart"]
    results = make_results(study)
    chosen = (results["ticket"] == "random") & (results["prune_ratio"] == 0.98) & (results["check"] == "none")
    results.loc[chosen & (results["seed"] == 0), ["accuracy", "collapsed"]] = [10.0, True]
    figure = draw("initial_checks", study, make_collected(study, results))
    axis = panel(figure, 0, 1, 2)
    hollow = [
        line for line in axis.get_lines() if line.get_markerfacecolor() == "white" and len(line.get_xdata())
    ]
    assert len(hollow) == 1
    assert axis.texts[0].get_text() == f"{results.loc[chosen, 'accuracy'].mean():.3g} %"
    assert axis.get_ylim()[0] > 85
    assert "some seeds or classes collapsed" in words(figure)


def test_a_cell_without_runs_is_a_question_mark():
    study = STUDIES["quickstart"]
    results = lose(make_results(study), ticket="random", check="rearrange", prune_ratio=0.98)
    figure = draw("initial_checks", study, make_collected(study, results))
    marks = [
        line
        for line in panel(figure, 0, 1, 2).get_lines()
        if line.get_marker() == "$?$" and len(line.get_xdata())
    ]
    assert len(marks) == 1
    assert "no finished run" in words(figure)


# Densities, overlaps, curves, paper


def test_references_keep_exactly_what_the_prune_ratio_leaves():
    structure = make_structure()
    sizes = np.array([layer.size for layer in structure.layers])
    for name in REFERENCES:
        densities = reference_densities(name, structure, 0.95)
        assert round(float((densities * sizes).sum())) == kept_total(structure.size, 0.95)


def test_a_reference_without_budget_is_said_and_not_drawn():
    structure = make_structure(channels=(4, 4), classes=1000)
    assert reference_densities("smart", structure, 0.9) is None
    study = make_study(prune_ratios=[0.9])
    data = make_collected(study)
    places = dict.fromkeys(data.structures, structure)
    figure = draw("keep_ratios", study, Collected(data.results, data.layers, structures=places))
    assert "no budget for smart ratio" in words(figure)


def test_densities_are_means_over_seeds_of_unchecked_tickets():
    study = make_study(tickets=("lottery",), prune_ratios=[0.9], seeds=[0, 1])
    results = make_results(study)
    layers = make_layers(study, results, make_structure())
    seed_one = layers["run"].isin(results.loc[results["seed"] == 1, "run"])
    checked = layers["run"].isin(results.loc[results["check"] != "none", "run"])
    layers = layers.assign(kept=np.select([checked, seed_one], [0, layers["size"]], layers["size"] // 2))
    densities = layer_densities(Collected(results, layers))["density"]
    assert np.allclose(densities, 0.75, atol=0.01)
    assert len(densities) == len(make_structure().layers)


def test_tickets_with_the_same_densities_share_a_line():
    study = make_study(tickets=PAPER_TICKETS)
    results = make_results(study)
    densities = layer_densities(Collected(results, make_layers(study, results, make_structure())))
    assert list(alike(densities, list(study.tickets))) == [
        "Lottery, GraSP, OBD, LR rewinding",
        "SNIP",
        "Random, Hybrid",
    ]


def test_a_layer_that_keeps_nothing_is_a_cross():
    figure = draw("keep_ratios", STUDIES["paper"])
    crosses = [
        line
        for line in panel(figure, 0, 2, 3).get_lines()
        if line.get_marker() == "X" and len(line.get_xdata())
    ]
    assert [list(line.get_xdata()) for line in crosses] == [[8]]
    assert "keeps nothing" in words(figure)


def test_overlap_draws_the_mean_over_pairs_and_chance():
    study = make_study(tickets=("lottery",), prune_ratios=[0.9])
    rows = [
        (
            study.name,
            "cifar10",
            "vgg19",
            "lottery",
            0.9,
            "data",
            "clean",
            seed,
            "corrupted_data",
            seed,
            jaccard,
            0.05,
            "",
        )
        for seed, jaccard in enumerate((0.2, 0.4))
    ]
    gap = (
        study.name,
        "cifar10",
        "vgg19",
        "lottery",
        0.9,
        "data",
        "clean",
        2,
        "corrupted_data",
        2,
        None,
        None,
        "no mask",
    )
    data = Collected(make_results(study), overlap=pd.DataFrame([*rows, gap], columns=list(OVERLAP_COLUMNS)))
    figure = draw("overlap", study, data)
    chance, line = figure.axes[0].get_lines()
    assert chance.get_ydata() == pytest.approx([0.05])
    assert line.get_ydata() == pytest.approx([0.3])
    assert figure.axes[0].get_title() == "clean vs corrupted data"


def test_curves_are_means_over_seeds():
    study = make_study(tickets=("lottery",), prune_ratios=[0.9], seeds=[0, 1])
    results = make_results(study)
    histories = make_histories(results)
    curve = mean_curves(Collected(results, histories=histories))["cifar10", "vgg19", "lottery", 0.9]
    own = histories[histories["run"].str.contains("/lottery/none/p0.9/")]
    assert list(curve.index) == [1, 2, 3, 4]
    assert curve["mean"].iloc[-1] == pytest.approx(own.loc[own["epoch"] == 4, "test_accuracy"].mean())


def test_curves_have_the_points_that_were_measured():
    study = make_study(tickets=("lottery",), prune_ratios=[0.9], seeds=[0, 1])
    results = make_results(study)
    histories = make_histories(results)
    histories.loc[histories["epoch"].isin([1, 3]), "test_accuracy"] = float("nan")
    curves = mean_curves(Collected(results, histories=histories))
    assert list(curves["cifar10", "vgg19", "lottery", 0.9].index) == [2, 4]
    last = histories.assign(test_accuracy=histories["test_accuracy"].where(histories["epoch"] == 4))
    figure = draw("training_curves", study, Collected(results, histories=last))
    assert {line.get_marker() for line in figure.axes[0].get_lines()} == {
        "."
    }  # a line of one point is not seen


def test_the_paper_and_we_share_a_scale_that_leaves_out_collapse():
    figure = draw("paper_against_ours", STUDIES["paper"])
    axis = figure.axes[0]
    assert axis.get_xlim() == axis.get_ylim()
    assert axis.get_xlim()[0] > 85
    assert "off the axes" in words(figure)


def test_even_many_collapsed_cells_do_not_stretch_the_scale():
    cells = pd.DataFrame({"mean": [93.0, *[10.0] * 5], "published_mean": [94.0, *[10.0] * 5]})
    low, high = scale_limits(cells.assign(n=3, collapsed=[0, 3, 3, 3, 3, 3]))
    assert 90 < low < 93 < 94 < high
    assert scale_limits(cells.iloc[1:].assign(n=3, collapsed=3))[0] == 9.5


def test_a_study_that_is_not_the_papers_is_told_so():
    assert (
        "no finished run that the paper published"
        in words(draw("paper_against_ours", STUDIES["quickstart"]))[0]
    )
