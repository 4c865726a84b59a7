"""What keeps verdicts from being trusted: ceilings, partial layer collapse, networks at chance, failed controls."""

import numpy as np
import pytest
from simulated_results import make_results, make_study, with_accuracies

from prunepipe.verdicts.answer import CEILING
from prunepipe.verdicts.judge import judge
from prunepipe.verdicts.pairing import partly_collapsed
from prunepipe.verdicts.trust import dense_at_chance

SEEDS = list(range(5))


def study_of(control="shuffle_weights", **changes):
    controls = {"learning_rate_rewinding": [control]}
    values = {
        "tickets": ("random", "learning_rate_rewinding"),
        "checks": {"initial": ["rearrange"], "partially_trained": ["shuffle_weights", "half_dataset"]},
        "prune_ratios": [0.9],
        "seeds": SEEDS,
        "verdict": {"margin": 1.0, "looks": [5], "positive_controls": controls},
    }
    return make_study(**{**values, **changes})


def results_of(study, *, dense=90.0, hurt=5.0):
    noise = np.array([0.1, -0.1, 0.2, 0.0, -0.2])
    return with_accuracies(
        make_results(study),
        {
            ("full_network", "none", 0.0): dense + noise,
            ("random", "none", 0.9): 80 + noise,
            ("random", "rearrange", 0.9): 80 + noise[::-1],
            ("learning_rate_rewinding", "none", 0.9): 84 + noise,
            ("learning_rate_rewinding", "shuffle_weights", 0.9): 84 - hurt - noise,
            ("learning_rate_rewinding", "half_dataset", 0.9): 84 + noise[::-1],
        },
    )


def test_a_study_that_works_has_no_caveat_and_no_flag():
    study = study_of()
    judgement = judge(results_of(study), study)
    assert set(judgement.verdicts["caveat"]) == {""}
    assert set(judgement.summaries["caveat"]) == {""}
    assert judgement.flags == []


def test_every_verdict_at_a_ceiling_says_so():
    study = study_of()
    judgement = judge(results_of(study, dense=80.9), study)
    assert set(judgement.verdicts["caveat"]) == {CEILING}
    assert judgement.verdicts["reason"].str.endswith(f"C{CEILING[1:]}.").all()
    assert judgement.summaries["caveat"].str.contains(CEILING).all()


@pytest.mark.parametrize("hurt", [0.0, 5.0])
def test_a_positive_control_that_is_not_uses_flags_the_study(hurt):
    study = study_of()
    judgement = judge(results_of(study, hurt=hurt), study)
    words = judgement.verdicts.set_index("check")["verdict"]
    assert words["shuffle_weights"] == ("uses" if hurt else "ignores")
    assert len(judgement.flags) == (0 if hurt else 1)
    if not hurt:
        assert (
            "LR rewinding + shuffle weights, which must come out as `uses`, is ignores" in judgement.flags[0]
        )
        assert f"Not to be trusted: {judgement.flags[0]}" in judgement.provenance


def test_a_positive_control_is_not_held_to_account_before_the_last_look():
    study = study_of(
        seeds=[*SEEDS, 5, 6, 7],
        verdict={
            "looks": [5, 8],
            "margin": 1.0,
            **study_of().verdict.model_dump(include={"positive_controls"}),
        },
    )
    first = make_results(study)
    runs = results_of(study_of(), hurt=0.0)
    assert judge(runs, study).flags == []
    assert set(judge(first, study).verdicts["look"]) == {8}


@pytest.mark.parametrize(
    ("controls", "said"),
    [({"obd": ["shuffle_weights"]}, "'obd'"), ({"random": ["shuffle_weights"]}, "add the check to it")],
)
def test_a_positive_control_that_is_not_run_is_refused(controls, said):
    with pytest.raises(ValueError, match=said):
        study_of(verdict={"positive_controls": controls})


@pytest.mark.parametrize(("accuracy", "stops"), [(11.9, True), (12.1, False)])
def test_a_dense_network_at_chance_stops_the_verdicts(accuracy, stops):
    study = study_of()
    results = results_of(study, dense=accuracy)
    results = results.assign(chance=np.where(results["ticket"] == "full_network", 10.0, np.nan))
    judgement = judge(results, study)
    assert bool(dense_at_chance(results)) == stops
    assert (set(judgement.verdicts["verdict"]) == {"not judged"}) == stops
    assert (set(judgement.against_random["word"]) == {"not judged"}) == stops
    if stops:
        assert judgement.flags[0].startswith(
            "the dense network reaches 11.9 % on CIFAR-10, VGG19, and guessing 10 %"
        )
        assert judgement.summaries["why"].str.startswith("Not judged: the dense network").all()
        assert judgement.provenance[0].startswith("Not to be trusted: the dense network")


def test_networks_with_unreachable_classes_or_narrow_layers_are_counted_on_both_sides():
    study = study_of()
    results = results_of(study)
    rewound = results["ticket"].eq("learning_rate_rewinding")
    results.loc[rewound & results["check"].eq("none") & results["seed"].le(2), "unreachable_outputs"] = 2
    results.loc[rewound & results["check"].eq("half_dataset") & results["seed"].eq(4), "narrow_layers"] = 1
    row = judge(results, study).verdicts.set_index("check").loc["half_dataset"]
    assert (row["partial"], row["partial_reference"]) == (1, 3)
    assert row["caveat"] == "partial layer collapse in 1 of 5 networks with the check, 3 without"
    summary = judge(results, study).summaries.set_index("ticket")["caveat"]["learning_rate_rewinding"]
    assert summary == "at 90 % (CIFAR-10, VGG19), partial layer collapse in 3 of 5 networks"


def test_a_collapsed_network_is_not_partly_collapsed_as_well():
    study = study_of()
    results = results_of(study).assign(unreachable_outputs=10, collapsed=True)
    assert partly_collapsed(results).all()
    assert (judge(results, study).verdicts[["partial", "partial_reference"]] == 0).all(axis=None)
