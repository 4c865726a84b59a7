"""Figures: they draw what the tables say, stay readable whatever the data, and equal data make equal files."""

import time
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from simulated_results import (
    PAPER_TICKETS,
    lose,
    make_collected,
    make_histories,
    make_layers,
    make_paper_study,
    make_results,
    make_structure,
    make_study,
)

from prunepipe.collected import Collected
from prunepipe.forensics import COLUMNS as OVERLAP_COLUMNS
from prunepipe.masks import kept_total
from prunepipe.plots import FIGURES, figures_of
from prunepipe.plots.keep_ratios import REFERENCES, alike, layer_densities, reference_densities
from prunepipe.plots.style import COLOURS, GREY, looks, save_figure
from prunepipe.plots.training_curves import mean_curves
from prunepipe.plugins import load_function
from prunepipe.tables import TABLES, build_table

LONG = {"scored": "init", "score": "magnitude", "allocation": "global", "start": "init"}
STUDIES = {
    "quickstart": make_study(datasets=["digits"], networks=["vgg_digits"]),
    "paper": make_paper_study(),
    "one": make_study(tickets=("lottery",), seeds=[0], prune_ratios=[0.9]),
    "long names": make_study(
        tickets={
            "my_method_with_a_very_long_name": LONG,
            "another_method_with_a_long_name": LONG,
            "lottery": {},
        },
        prune_ratios=[0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995],
        datasets=["cifar10", "cifar100"],
    ),
}


def draw(name, study, data=None):
    return load_function(FIGURES[name].function)(make_collected(study) if data is None else data, study)


def texts(figure):
    figure.draw_without_rendering()
    found = [
        text for axis in figure.axes for text in [axis.title, axis.xaxis.label, axis.yaxis.label, *axis.texts]
    ]
    legends = [text for legend in figure.legends for text in legend.get_texts()]
    return [text for text in [*found, *legends, *figure.texts] if text.get_text()]


def words(figure):
    return [text.get_text() for text in texts(figure)]


def panel(figure, row, column, columns):
    return figure.axes[row * columns + column]


# Every figure


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
@pytest.mark.parametrize("name", FIGURES)
def test_all_text_is_inside_the_figure_and_titles_do_not_overlap(name, study):
    figure = draw(name, study)
    frame = figure.bbox
    for text in texts(figure):
        box = text.get_window_extent()
        assert box.x0 >= frame.x0 - 1, text
        assert box.x1 <= frame.x1 + 1, text
        assert box.y0 >= frame.y0 - 1, text
        assert box.y1 <= frame.y1 + 1, text
    titles = [axis.title.get_window_extent() for axis in figure.axes if axis.get_title()]
    for left, right in pairwise(titles):
        assert left.x1 < right.x0


@pytest.mark.parametrize("name", FIGURES)
def test_outer_axes_have_labels_with_their_units(name):
    figure = draw(name, STUDIES["paper"])
    labels = {axis.get_ylabel().splitlines()[-1] for axis in figure.axes if axis.get_ylabel()}
    assert labels <= {"test accuracy (%)", "density of the layer", "Jaccard index of masks", "ours (%)"}
    assert len(labels) == 1
    assert {axis.get_xlabel() for axis in figure.axes} - {""} in [
        {unit} for unit in ("prune ratio (%)", "layer", "epoch", "published (%)")
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_equal_data_make_equal_files(name, tmp_path):
    study = STUDIES["paper" if name == "paper_against_ours" else "quickstart"]
    for folder in ("first", "second"):
        save_figure(draw(name, study), tmp_path / folder / "figure.svg", tmp_path / folder / "figure.png")
    for kind in ("svg", "png"):
        first, second = (
            (tmp_path / folder / f"figure.{kind}").read_bytes() for folder in ("first", "second")
        )
        assert first == second
        assert len(first) > 5000
    assert b"dc:date" not in first


@pytest.mark.parametrize("name", FIGURES)
def test_a_study_without_data_has_a_figure_that_says_so(name, tmp_path):
    study = STUDIES["quickstart"]
    nothing = Collected(make_results(study).iloc[:0])
    figure = draw(name, study, nothing)
    assert figure.axes == []
    assert words(figure)[0].startswith(f"Study {study.name} has no")
    save_figure(figure, tmp_path / "figure.png")


@pytest.mark.parametrize("name", FIGURES)
def test_missing_runs_do_not_stop_a_figure(name):
    study = STUDIES["paper"]
    results = lose(make_results(study, collapse=True), seed=1)
    results = lose(results, ticket="snip")
    results = lose(results, ticket="full_network", network="resnet32")
    data = make_collected(study, results)
    partial = data.layers[~data.layers["run"].isin(results.loc[results["status"] == "missing", "run"])]
    assert draw(name, study, Collected(results, partial, data.histories, data.overlap, data.structures)).axes


@pytest.mark.parametrize("name", FIGURES)
def test_drawing_leaves_the_settings_of_matplotlib_alone(name):
    before = {key: mpl.rcParams[key] for key in mpl.rcParams}
    draw(name, STUDIES["quickstart"])
    assert {key: mpl.rcParams[key] for key in mpl.rcParams} == before


@pytest.mark.parametrize("name", FIGURES)
def test_colours_are_those_of_the_palette(name):
    figure = draw(name, STUDIES["paper"])
    shades = {*COLOURS, GREY, "#BBBBBB", "#FFFFFF"}
    used = {to_hex(line.get_color()).upper() for axis in figure.axes for line in axis.get_lines()}
    assert used <= {shade.upper() for shade in shades}
    assert len(used) > 1


def test_many_names_still_look_different():
    found = looks(str(number) for number in range(40))
    assert len({(look["color"], look["marker"]) for look in found.values()}) == 40


def test_only_the_papers_study_is_compared_with_the_paper():
    assert set(figures_of(STUDIES["paper"])) - set(figures_of(STUDIES["quickstart"])) == {
        "paper_against_ours"
    }


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
    assert not {"collapsed, at chance", "some seeds collapsed", "no finished run"} & set(words(figure))


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
    assert "some seeds collapsed" in words(figure)


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


def test_the_paper_and_we_share_a_scale_that_leaves_out_collapse():
    figure = draw("paper_against_ours", STUDIES["paper"])
    axis = figure.axes[0]
    assert axis.get_xlim() == axis.get_ylim()
    assert axis.get_xlim()[0] > 85
    assert "off the axes" in words(figure)


def test_a_study_that_is_not_the_papers_is_told_so():
    assert (
        "no finished run that the paper published"
        in words(draw("paper_against_ours", STUDIES["quickstart"]))[0]
    )


# Speed


def seconds_for(seeds, save_to=None):
    study = (
        make_paper_study(seeds) if save_to else make_study("paper", PAPER_TICKETS, seeds=list(range(seeds)))
    )
    data = make_collected(study)
    start = time.process_time()
    for name in TABLES if save_to else ():
        build_table(name, data.results, study)
    for name in FIGURES:
        figure = draw(name, study, data)
        if save_to:
            save_figure(figure, save_to / f"{name}.svg", save_to / f"{name}.png")
    return len(data.results), time.process_time() - start


def test_tables_and_figures_of_two_thousand_runs_take_under_half_a_minute(tmp_path):
    runs, seconds = seconds_for(8, tmp_path)
    assert runs > 2000
    assert seconds < 30


def test_time_grows_at_most_linearly_with_the_runs():
    small, small_seconds = seconds_for(42)
    large, large_seconds = seconds_for(420)
    assert large > 9 * small > 17000
    assert large_seconds < 10 * small_seconds
