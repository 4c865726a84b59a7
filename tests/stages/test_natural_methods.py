"""Methods as others write them: every usual form gives the same scores; what breaks a rule is told in one message."""

import os
from pathlib import Path
from typing import Any

import foreign_methods
import numpy as np
import pytest
from own_study import make_place, mask_of, own_study, scored

from prunepipe.errors import ScoreError
from prunepipe.pruning.masks import kept_total
from prunepipe.stages.execution import Execution
from prunepipe.study.built_in import CHECKS

FOREIGN = str(Path(foreign_methods.__file__)) + ":"
CONSTRUCTED = "prunepipe.pruning.allocations.constructed:constructed"
GLOBAL = "prunepipe.pruning.allocations.scored:global_"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make_place(tmp_path_factory.mktemp("place"))


def assert_same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
    assert list(first) == list(second)
    for name, layer in first.items():
        np.testing.assert_allclose(layer, second[name], rtol=1e-5)


# Forms


@pytest.mark.parametrize(
    "form",
    [
        *("by_name", "by_module_name", "by_module", "by_parameter", "by_id", "by_module_and_name", "as_list"),
        *("with_biases", "after_a_mess", "any_arguments", "Magnitude", "scorer", "Callable"),
    ],
)
def test_every_form_of_a_score_gives_the_same_scores(place, form: str) -> None:
    assert_same(scored(place, score=FOREIGN + form), scored(place, score="magnitude"))


def test_plain_backward_gives_the_gradient(place) -> None:
    """SNIP is |weight * gradient|: an independent way to the gradient of the same images."""
    snip, gradient = scored(place, score="snip"), scored(place, score=FOREIGN + "plain_gradient")
    assert_same(snip, {name: layer * np.abs(place["weights"][name]) for name, layer in gradient.items()})


def test_a_snip_class_ranks_as_snip_does(place) -> None:
    ours, theirs = scored(place, score="snip"), scored(place, score=FOREIGN + "Snip")
    total = sum(layer.sum() for layer in ours.values())
    assert_same(theirs, {name: layer / total for name, layer in ours.items()})


def test_a_synflow_class_with_scores_by_id_is_synflow(place) -> None:
    assert_same(scored(place, score=FOREIGN + "SynFlow"), scored(place, score="synflow", rounds=1))


@pytest.mark.parametrize("form", ["global_pruner", "layer_pruner", "pruned_copy"])
def test_a_pruned_network_is_a_mask(place, form: str) -> None:
    zeros = {"zeros": "removed"} if form == "pruned_copy" else {}
    mask = mask_of(place, scored(place, score=FOREIGN + form, allocation="constructed", **zeros), CONSTRUCTED)
    expected = mask_of(place, scored(place, score="magnitude"), GLOBAL)
    total = kept_total(place["structure"].size, 0.5)
    assert abs(sum(int(layer.sum()) for layer in mask.values()) - total) <= len(mask)
    if form != "layer_pruner":
        assert all(np.array_equal(mask[name], expected[name]) for name in expected)


@pytest.mark.parametrize("form", ["in_bfloat16", "in_float16", "of_inference"])
def test_scores_in_short_types_and_of_inference_are_taken(place, form: str) -> None:
    found, expected = scored(place, score=FOREIGN + form), scored(place, score="magnitude")
    assert {layer.dtype for layer in found.values()} == {np.dtype(np.float32)}
    for name, layer in expected.items():
        np.testing.assert_allclose(found[name], layer, rtol=0.01, atol=1e-6)


def test_sparse_scores_are_what_they_store(place) -> None:
    assert_same(scored(place, score=FOREIGN + "sparse"), scored(place, score="magnitude"))


def test_options_go_to_the_function_that_names_them(place) -> None:
    squared = scored(place, score=FOREIGN + "Callable", score_options={"power": 2.0})
    assert_same(squared, {name: layer**2 for name, layer in scored(place, score="magnitude").items()})


def test_what_a_score_leaves_out_is_kept_if_it_says_so(place) -> None:
    scores = scored(place, score=FOREIGN + "convolutions_only", missing="keep")
    mask = mask_of(place, scores, GLOBAL)
    assert mask["4.weight"].all()
    assert sum(int(layer.sum()) for layer in mask.values()) == kept_total(place["structure"].size, 0.5)
    with pytest.raises(ScoreError, match="leaves out 8 weights, which are kept .* but only 4 are to be kept"):
        mask_of(place, scores, GLOBAL, prune_ratio=0.9)
    with pytest.raises(ValueError, match="missing: keep leaves whole layers unpruned"):
        own_study(missing="keep", allocation="uniform")
    ticket = own_study(missing="keep").tickets["mine"]
    assert "has no opposite" in str(ticket.refusal(CHECKS["invert"]))


# Rules


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("of_another_network", r"layer '0.weight' has shape \(3, 3\), must be \(4, 1, 3, 3\)"),
        ("of_a_copy", "a Parameter that is not of the network it was given"),
        ("list_of_three", "returned list of 3; a list has one tensor for each of the 2 prunable weights"),
        ("twice_named", "two entries for '0.weight'"),
        ("partly_a_mask", "'4.weight' is a mask .bool., but '0.weight' has scores"),
        ("not_a_number", "layer '0.weight' has 36 scores that are NaN or infinite"),
        ("convolutions_only", "no scores for layer '4.weight'; .* say `missing: keep`"),
        ("returns_network", "returned a network without masks .*`zeros: removed`"),
        ("text", "layer '0.weight' is a str, must be a tensor or an array"),
        ("without_values", r"layer '0.weight' is a Tensor, must be .* \(Cannot copy out of meta tensor"),
        ("NoScore", "a NoScore has no method `score`"),
        ("ends_itself", "raised SystemExit: enough"),
        ("file_gone", "raised FileNotFoundError: .*no_such_folder"),
    ],
)
def test_a_method_that_breaks_a_rule_is_told_which_and_where(place, name: str, message: str) -> None:
    with pytest.raises(ScoreError, match=message) as error:
        scored(place, score=FOREIGN + name)
    assert f"score {FOREIGN}{name}: " in str(error.value)
    if name != "NoScore":
        assert "line " in str(error.value)
    assert "\n" not in str(error.value)


def test_the_line_of_a_broken_answer_is_its_return_statement(place) -> None:
    source = Path(foreign_methods.__file__).read_text(encoding="utf-8").splitlines()
    number = source.index("def not_a_number(network):") + 4
    with pytest.raises(ScoreError, match=rf"\(line {number} of .*foreign_methods.py: return scores\)$"):
        scored(place, score=FOREIGN + "not_a_number")


def test_a_bias_that_is_pruned_is_refused(place) -> None:
    with pytest.raises(ScoreError, match="prunes '4.bias', which is not among the prunable"):
        scored(place, score=FOREIGN + "bias_pruner", allocation="constructed")


# Bad manners


def test_a_method_that_needs_more_memory_than_there_is_fails_instead_of_being_killed(
    place, monkeypatch
) -> None:
    monkeypatch.setattr("prunepipe.pruning.scores.guard.free_memory", lambda: 200_000_000)
    with pytest.raises(ScoreError, match=r"hog: raised .*[Aa]llocate.*\(line \d+ of"):
        scored(place, score=FOREIGN + "hog")
    monkeypatch.undo()
    scored(place, score=FOREIGN + "by_name")


@pytest.mark.parametrize("name", ["never_returns", "waits_for_a_program", "tries_again_for_ever"])
def test_a_method_that_never_returns_is_ended_by_name_and_line(place, name: str) -> None:
    told = rf"{name}: did not return within 0.2 s; it was in line \d+ of .*foreign_methods.py. .*--time-limit"
    with pytest.raises(ScoreError, match=told):
        scored(place, score=FOREIGN + name, execution=Execution(score_time_limit=0.2))


def test_a_method_that_cannot_be_interrupted_ends_its_process(place, monkeypatch) -> None:
    ended: list[str] = []
    monkeypatch.setattr("prunepipe.pruning.scores.guard.GRACE_SECONDS", 0.05)
    monkeypatch.setattr("prunepipe.pruning.scores.guard._end_process", ended.append)
    with pytest.raises(ScoreError):
        scored(place, score=FOREIGN + "sleeps_on", execution=Execution(score_time_limit=0.1))
    (told,) = ended
    assert "sleeps_on: did not return within 0.1 s. Make it faster" in told


def test_a_method_that_prints_a_lot_is_cut_short(place, capsys) -> None:
    scored(place, score=FOREIGN + "prints_a_lot")
    printed = capsys.readouterr().out
    assert len(printed) < 25_000  # two calls
    assert "characters more, which are not shown" in printed


def test_a_process_that_a_method_forks_does_not_go_on_with_our_work(place) -> None:
    parent = os.getpid()
    scored(place, score=FOREIGN + "forks")
    assert os.getpid() == parent
    statuses = [os.waitpid(-1, 0)[1] for _ in range(2)]
    assert all(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 1 for status in statuses)
