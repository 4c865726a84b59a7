"""The main figure: every effect once, with its interval and word, and nothing lost at the edge."""

import numpy as np
import pytest
from simulated_figures import draw, words
from simulated_results import make_collected, make_results, make_study, with_accuracies

from prunepipe.reports.plots.effects import SHORT
from prunepipe.verdicts.judge import judge

SEEDS = list(range(8))
STUDY = make_study(
    tickets=("lottery", "random", "hybrid"),
    seeds=SEEDS,
    prune_ratios=[0.9],
    checks={"initial": ["rearrange"], "partially_trained": ["shuffle_weights"]},
    verdict={"margin": 1.0, "looks": [8]},
)
NOISE = np.array([0.1, -0.2, 0.3, 0.0, -0.1, 0.2, -0.3, 0.0])


def results(shuffled=-5.0):
    return with_accuracies(
        make_results(STUDY),
        {
            ("random", "none", 0.9): 80 + NOISE,
            ("random", "rearrange", 0.9): 80.1 + NOISE[::-1],
            ("lottery", "none", 0.9): 76 - NOISE,
            ("lottery", "rearrange", 0.9): 76 + NOISE[::-1],
            ("hybrid", "none", 0.9): 84 - NOISE,
            ("hybrid", "shuffle_weights", 0.9): 84 + shuffled + NOISE[::-1],
        },
    )


def figure_of(runs):
    return draw("effects", STUDY, make_collected(STUDY, runs))


def marks(figure):
    """Positions of all marks of means, from top to bottom."""
    axis = figure.axes[0]
    found = [line for line in axis.get_lines() if line.get_marker() in ("o", "s", "^", "v", "d", "X")]
    return [float(line.get_xdata()[0]) for line in sorted(found, key=lambda line: line.get_ydata()[0])]


def test_marks_and_words_are_those_of_the_judgement_in_the_order_of_its_tables():
    judgement = judge(results(), STUDY)
    figure = figure_of(results())
    random, checks = judgement.against_random, judgement.verdicts
    assert marks(figure) == pytest.approx([*random["difference"], *checks["effect"]])
    texts = [text.get_text().strip() for text in figure.axes[0].texts]
    assert texts == [SHORT.get(word, word) for word in (*random["word"], *checks["verdict"])]
    assert {"Method minus random", "Check minus none", "margin, ±1", "mean and 90 % interval"} <= set(
        words(figure)
    )


def test_intervals_are_drawn_to_their_ends():
    figure = figure_of(results())
    drawn = [segment for lines in figure.axes[0].collections for segment in lines.get_segments()]
    ends = sorted(tuple(float(x) for x in segment[:, 0]) for segment in drawn)
    judgement = judge(results(), STUDY)
    columns = ["interval_low", "interval_high"]
    wanted = [*judgement.against_random[columns].to_numpy(), *judgement.verdicts[columns].to_numpy()]
    assert np.allclose(ends, sorted(map(tuple, wanted)))


def test_an_effect_far_beyond_the_others_is_an_arrow_with_its_number():
    figure = figure_of(results(shuffled=-40.0))
    assert figure.axes[0].get_xlim()[0] > -12
    assert "−40" in words(figure)
    assert len(marks(figure)) == 4


def test_a_ceiling_and_a_partial_collapse_are_marked_and_explained():
    runs = with_accuracies(results(), {("full_network", "none", 0.0): 80.5 + NOISE})
    runs.loc[runs["ticket"].eq("lottery") & runs["check"].eq("none"), "unreachable_outputs"] = 1
    texts = words(figure_of(runs))
    assert "90 % pruned *" in texts
    assert {"* ceiling", "‡ partial collapse"} <= set(texts)
    assert sum(text.endswith("‡") for text in texts) == 2  # lottery against random, and under rearrange
    assert not {"* ceiling", "‡ partial collapse"} & set(words(figure_of(results())))
