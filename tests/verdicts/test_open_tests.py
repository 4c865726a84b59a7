"""Which tests a further look can decide, and the seeds that it takes."""

from results_frames import judged, study

from prunepipe.verdicts.open_tests import OPEN_COLUMNS, open_tests


def test_open_tests_are_what_a_further_look_can_decide():
    results = study({"a": {"x": -9.0, "y": -0.3}}, seeds=6, prune_ratios=(0.9,), noise=0.3)
    table = judged(results)
    found = open_tests(table, seeds=range(10))
    assert list(found) == OPEN_COLUMNS
    assert found[["check", "look", "next_look"]].to_numpy().tolist() == [["y", 5, 8]]
    assert found["seeds"][0] == tuple(range(8))
    assert open_tests(table, seeds=range(6)).empty  # the study has no seeds for the next look
