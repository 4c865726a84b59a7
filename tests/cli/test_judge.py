"""The judgement of a study and its pages: controls judged rightly, gaps and doubts said, nothing hidden."""

import numpy as np
import pandas as pd
import pytest

from prunepipe.results.table import COLUMNS, collect
from prunepipe.study.study import FULL_NETWORK, Study
from prunepipe.verdicts.judge import Judgement, judge
from prunepipe.verdicts.pairing import NOT_LISTED
from prunepipe.verdicts.writing import decomposition_markdown, verdicts_markdown

TICKETS = {
    "random": {},
    "random_uniform": {"checks": []},
    "learning_rate_rewinding": {},
    "user": {"scored": "init", "score": "snip", "allocation": "global", "start": "init"},
}
LOSS = {("learning_rate_rewinding", "half_dataset"): 3.0, ("learning_rate_rewinding", "shuffle_weights"): 4.0}
LOSS |= {("user", "corrupted_data"): 5.0, ("user", "rearrange"): 6.0}


@pytest.fixture
def planned(small: dict) -> Study:
    return Study.model_validate(
        small | {"tickets": TICKETS, "seeds": list(range(6)), "verdict": {"margin": 1.0}}
    )


def simulated(study: Study) -> pd.DataFrame:
    """Results of a study in which `user` and learning-rate rewinding are hurt by their checks, random by none."""
    frame = collect(study)
    noise = np.random.default_rng(0)
    base = {seed: 80 + noise.normal(0, 0.3) for seed in study.seeds}
    frame["accuracy"] = [
        base[row.seed] - LOSS.get((row.ticket, row.check), 0.0) + noise.normal(0, 0.1)
        for row in frame.itertuples()
    ]
    uniform = frame["ticket"] == "random_uniform"
    frame.loc[uniform, "accuracy"] -= 10
    frame["loss"] = 1.0 + noise.normal(0, 0.01, len(frame))
    return frame.assign(
        status="done", cause="", collapsed=False, version="1", code="c", device="cpu", precision="p"
    )


def test_a_method_that_uses_the_data_and_one_that_does_not_are_judged_rightly(planned: Study) -> None:
    judgement = judge(simulated(planned), planned)
    words = judgement.summaries.set_index("ticket")["summary"]
    assert words["user"] == words["learning_rate_rewinding"] == "sane"
    assert words["random"] == "not sane"
    verdicts = judgement.verdicts.set_index(["ticket", "check"])["verdict"]
    assert set(verdicts["random"]) == {"ignores"}
    assert set(verdicts["user"]) == {"uses"}


def test_too_few_seeds_are_inconclusive_and_nothing_else(planned: Study) -> None:
    one = Study.model_validate({**planned.model_dump(), "seeds": [0]})
    judgement = judge(simulated(one), one)
    assert set(judgement.verdicts["verdict"]) == {"inconclusive"}
    assert set(judgement.summaries["summary"]) == {"undecided"}
    assert judgement.verdicts["reason"].str.contains("the first look is after 3 seeds").all()


def test_a_study_that_has_not_run_is_judged_undecided_with_the_cause(planned: Study) -> None:
    judgement = judge(collect(planned), planned)
    assert set(judgement.verdicts["verdict"]) == {"inconclusive"}
    assert judgement.verdicts["reason"].str.contains("not started").all()
    assert "0 of" in judgement.provenance[0]


def test_gains_add_up_to_the_method_minus_uniform_random(planned: Study) -> None:
    gains = judge(simulated(planned), planned).gains
    user = gains[gains["ticket"] == "user"].set_index("part")["gain"]
    assert user["positions"] == pytest.approx(6, abs=0.3)
    assert user["layer ratios"] == pytest.approx(10 - 6, abs=0.3)


def test_the_page_names_methods_verdicts_margin_and_provenance(planned: Study) -> None:
    judgement = judge(simulated(planned), planned)
    page = verdicts_markdown(judgement)
    for text in (
        "**not sane**",
        "**sane**",
        "| uses |",
        "| ignores |",
        "margin 1 points; wrong claims in at most 5 % of studies",
        "effect (90 % interval)",
        "looks after 3, 5, 8, 12, 20 seeds of the list; 1 of the 6 seeds come after the look at 5",
    ):
        assert text in page, text
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert (
        len({row.count("|") for row in rows if "method" not in row and ":--" not in row}) == 3
    )  # three tables
    decomposed = decomposition_markdown(judgement.gains, judgement.provenance)
    assert "layer ratios" in decomposed
    assert "90 % interval" in decomposed
    assert "- device cpu, precision p" in decomposed
    assert "- Not part of this study: weight values (redrawn)." in decomposed
    assert NOT_LISTED not in decomposed
    assert "nan" not in decomposed


def test_what_all_rows_have_in_common_is_said_once_and_methods_are_named_once(planned: Study) -> None:
    page = verdicts_markdown(judge(simulated(planned), planned))
    title, _, header, _, *rows = page.partition("**What each check did**")[2].splitlines()
    assert title == " (check minus none, points of accuracy; Digits, VGG; 90 % pruned; look at 5 seeds)"
    names = [name.strip() for name in header.split("|")]
    assert names[1:5] == ["method", "check", "verdict", "effect (90 % interval)"]
    methods = [row.split("|")[1].strip() for row in rows if row.startswith("|")]
    assert [name for name in methods if name] == list(dict.fromkeys(name for name in methods if name))
    ratios = planned.model_copy(update={"prune_ratios": (0.9, 0.95)})
    page = verdicts_markdown(judge(simulated(ratios), ratios))
    assert "| check | pruned | verdict |" in page
    assert "; Digits, VGG; look at 5 seeds)" in page


def test_every_table_says_what_its_runs_were_made_with(planned: Study) -> None:
    runs = simulated(planned).assign(data_checksum="d1")
    lost = (runs["ticket"] == "user") & (runs["check"] == "rearrange")
    runs.loc[lost, ["collapsed", "device"]] = True, "none"  # not trained
    judgement = judge(runs, planned)
    for frame in (judgement.verdicts, judgement.effects, judgement.summaries, judgement.gains):
        found = frame[
            ["settings", "version", "code", "device", "precision", "data_checksum"]
        ].drop_duplicates()
        assert found.iloc[:, 1:].to_numpy().tolist() == [["1", "c", "cpu", "p", "d1"]]
        assert f"(settings {found['settings'].iloc[0]})" in judgement.provenance[0]
    assert "device cpu, precision p" in judgement.provenance
    loose = judge(runs.assign(deterministic=[False, *[True] * (len(runs) - 1)]), planned)
    assert any("precision p; deterministic: false in 1 of 72 runs" in line for line in loose.provenance)


def test_what_rounds_to_zero_has_no_minus_sign() -> None:
    gains = pd.DataFrame(
        [{"dataset": "d", "network": "n", "ticket": "t", "prune_ratio": 0.9, "part": "positions"}]
    )
    zero = gains.assign(gain=-1e-9, interval_low=-0.001, interval_high=0.2, interval_level=0.95, gaps="")
    assert "+0.00 [+0.00, +0.20]" in decomposition_markdown(zero, [])


def test_a_hostile_name_cannot_break_the_table() -> None:
    row = {"ticket": "a|b", "summary": "sane", "why": "because | so", "study": "s"}
    empty = pd.DataFrame(columns=["ticket"])
    page = verdicts_markdown(Judgement(empty, empty, pd.DataFrame([row]), empty, empty, [], []))
    assert "because \\| so" in page


def test_collect_enumerates_every_run_of_the_study(planned: Study) -> None:
    frame = collect(planned)
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == len(list(planned.cells())) + len(list(planned.dense_runs()))
    assert (frame["ticket"] == FULL_NETWORK).sum() == 2 * 6
    assert not frame.duplicated(["dataset", "network", "ticket", "check", "prune_ratio", "seed"]).any()
