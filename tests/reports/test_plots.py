"""Figures: readable whatever the data, the same file for the same data, and drawn in time."""

import time
from itertools import combinations

import matplotlib as mpl
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Patch
from simulated_figures import STUDIES, draw, drawn, texts, words
from simulated_results import (
    PAPER_TICKETS,
    lose,
    make_collected,
    make_paper_study,
    make_results,
    make_study,
)

from prunepipe.reports.plots import FIGURES, figures_of
from prunepipe.reports.plots.style import COLOURS, COLUMN_WIDTH, GREY, looks, save_figure
from prunepipe.reports.tables import TABLES, build_table
from prunepipe.results.collected import Collected

# Every figure


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("name", FIGURES)
def test_all_text_is_inside_the_figure_and_titles_do_not_overlap(name, study):
    figure = drawn(name, study)
    frame = figure.bbox
    for text in texts(figure):
        box = text.get_window_extent()
        assert box.x0 >= frame.x0 - 1, text
        assert box.x1 <= frame.x1 + 1, text
        assert box.y0 >= frame.y0 - 1, text
        assert box.y1 <= frame.y1 + 1, text
    titles = [axis.title.get_window_extent() for axis in figure.axes if axis.get_title()]
    assert not any(one.overlaps(other) for one, other in combinations(titles, 2))


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_as_wide_as_a_column_and_their_text_can_be_read_there(name, study):
    figure = drawn(name, study)
    assert figure.get_figwidth() == COLUMN_WIDTH
    sizes = {text.get_fontsize() for text in texts(figure)}
    sizes |= {text.get_fontsize() for axis in figure.axes for text in axis.get_xticklabels()}
    assert min(sizes) >= 6.5


def look_of(line):
    if isinstance(line, Patch):
        return to_hex(line.get_facecolor())
    if line.get_linestyle() == line.get_marker() == "None":
        return line.get_label()  # a sign, which the label explains
    dashes = str(line._unscaled_dash_pattern)  # the public style says "--" for all dashes
    width = line.get_linewidth() if dashes != "None" else 0
    face = to_hex(line.get_markerfacecolor()) if line.get_marker() not in ("None", "", None) else ""
    return (to_hex(line.get_color()), line.get_linestyle(), dashes, width, str(line.get_marker()), face)


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("name", FIGURES)
def test_no_two_entries_of_a_legend_look_the_same(name, study):
    handles = [handle for legend in drawn(name, study).legends for handle in legend.legend_handles]
    shown = [look_of(handle) for handle in handles]
    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize("name", FIGURES)
def test_outer_axes_have_labels_with_their_units(name):
    figure = drawn(name, "paper")
    shared = {
        "effects": "difference in accuracy (points)",
        "keep_ratios": "layer (1: features.0, 9: classifier)",
    }
    if name in shared:
        assert shared[name] in words(figure)
    if name == "effects":  # its rows are labelled
        return
    labels = {axis.get_ylabel().splitlines()[-1] for axis in figure.axes if axis.get_ylabel()}
    assert labels <= {"test accuracy (%)", "weights kept (%)", "Jaccard index of masks", "ours (%)"}
    assert len(labels) == 1
    assert name in shared or {axis.get_xlabel() for axis in figure.axes} - {""} in [
        {unit} for unit in ("prune ratio (%)", "epoch", "published (%)")
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
    figure = drawn(name, "paper")
    shades = {*COLOURS, GREY, "#BBBBBB", "#FFFFFF"}
    used = {to_hex(line.get_color()).upper() for axis in figure.axes for line in axis.get_lines()}
    assert used <= {shade.upper() for shade in shades}
    assert len(used) > 1 or name == "effects"  # three seeds decide nothing, and all is grey


def test_many_names_still_look_different():
    found = looks(str(number) for number in range(40))
    assert len({(look["color"], look["marker"]) for look in found.values()}) == 40


def test_only_the_papers_study_is_compared_with_the_paper():
    assert set(figures_of(STUDIES["paper"])) - set(figures_of(STUDIES["quickstart"])) == {
        "paper_against_ours"
    }


def test_a_study_has_no_figure_of_tickets_that_it_does_not_check():
    initial = set(figures_of(make_study(tickets={"snip": {}, "hybrid": {"checks": []}})))
    partial = set(figures_of(make_study(tickets={"hybrid": {}, "snip": {"checks": []}})))
    assert initial ^ partial == {"initial_checks", "partial_checks"}
    assert "initial_checks" in initial


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
