"""Somebody's mask and weights as the start of a judgement: what is read, and what is refused, a line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from audit_files import LARGE, LAST, beside, masked, pruned, save, torch_pruned, vgg

from prunepipe.errors import ArtifactError
from prunepipe.networks.prunable import prunable_layers
from prunepipe.networks.state import arrays_of
from prunepipe.networks.structure import Structure
from prunepipe.pruning.given import read_given, start_weights
from prunepipe.pruning.scores.enforcing import Scorer
from prunepipe.pruning.scores.from_file import from_file
from prunepipe.pruning.tickets import write_mask

STRUCTURE = Structure(prunable_layers(vgg()))


@pytest.mark.parametrize("form", ["zeros", "beside", "masks", "ours", "safetensors"])
def test_every_form_gives_the_same_mask(form: str, tmp_path: Path) -> None:
    state, masks = pruned(vgg(), 0.05)
    path = tmp_path / "state.pt"
    if form == "ours":
        write_mask(path, {name: mask.numpy() for name, mask in masks.items()})
    else:
        held = {"zeros": state, "masks": masks}.get(form, beside(state, masks))
        path = save(tmp_path, held, "state.safetensors" if form == "safetensors" else "state.pt")
    given = read_given(path, STRUCTURE)
    assert all((given.mask[name] == mask.numpy()).all() for name, mask in masks.items())
    assert list(given.mask) == list(STRUCTURE.shapes)
    assert given.zeros_count == (form == "zeros")
    assert bool(given.weights) == (form not in ("masks", "ours"))
    assert given.kept == sum(int(mask.sum()) for mask in masks.values())


def test_the_score_returns_the_mask_of_the_file(tmp_path: Path) -> None:
    masks = pruned(vgg(), 0.05)[1]
    options = {"file": str(save(tmp_path, masks))}
    scorer = Scorer(from_file, "from_file", options, constructive=True)
    scores = scorer.scores(vgg(1), [], torch.nn.functional.cross_entropy, generator=torch.Generator())
    assert all((scores[name] == mask.numpy()).all() for name, mask in masks.items())


def test_retraining_starts_from_the_values_in_the_file(tmp_path: Path) -> None:
    held = torch_pruned(0.05)
    held["features.1.running_mean"] += 3.0
    initial = arrays_of(vgg(7))
    state = start_weights(read_given(save(tmp_path, held), STRUCTURE), initial)
    assert list(state) == list(initial)
    assert all(state[name].dtype == initial[name].dtype for name in initial)
    assert (state["features.1.running_mean"] == 3.0).all()
    assert (state[LARGE] == held[f"{LARGE}_orig"].numpy()).all()  # pruned values are known, and kept


def test_what_a_file_of_zeros_cannot_tell_is_the_seeds_initial_value(tmp_path: Path) -> None:
    network, (held, masks) = vgg(), pruned(vgg(), 0.05)
    given = read_given(save(tmp_path, held), STRUCTURE)
    for seed in (7, 8):
        initial = arrays_of(vgg(seed))
        state = start_weights(given, initial)
        for name, mask in masks.items():
            kept = mask.numpy()
            assert (state[name][kept] == dict(network.named_parameters())[name].detach().numpy()[kept]).all()
            assert (state[name][~kept] == initial[name][~kept]).all()


def test_half_precision_and_counters_are_read(tmp_path: Path) -> None:
    held = {name: value.half() for name, value in pruned(vgg(), 0.05)[0].items() if "num_batches" not in name}
    initial = {
        name: value.reshape(1) if value.ndim == 0 else value for name, value in arrays_of(vgg(7)).items()
    }
    state = start_weights(read_given(save(tmp_path, held), STRUCTURE), initial)
    assert state[LAST].dtype == np.float32
    assert state["features.1.num_batches_tracked"].shape == (1,)


def empty_layer(state: Any, masks: Any) -> Any:
    masks = {**masks, LARGE: torch.zeros_like(masks[LARGE])}
    return beside(masked(state, masks), masks)


FAULTS = {
    "keeps none of its": empty_layer,
    "keeps every weight (prune ratio 0)": lambda state, masks: vgg().state_dict(),
    "neither 0 nor 1": lambda state, masks: beside(state, {**masks, LAST: masks[LAST] * 0.5}),
    "its mask is missing": lambda state, masks: {
        name: value for name, value in torch_pruned().items() if name != f"{LARGE}_mask"
    },
    f"no '{LARGE}' [64, 64, 3, 3] (closest: 'features.16.weight'": lambda state, masks: {
        name.replace("features.14.", "features.16."): value for name, value in state.items()
    },
    f"'{LAST}' is [5, 64] in the file and [10, 64] in the network": lambda state, masks: {
        **state,
        LAST: state[LAST][:5],
    },
}


@pytest.mark.parametrize("said", FAULTS)
def test_what_cannot_be_judged_is_refused_in_one_line(said: str, tmp_path: Path) -> None:
    path = save(tmp_path, FAULTS[said](*pruned(vgg(), 0.05)))
    with pytest.raises(ArtifactError) as error:
        read_given(path, STRUCTURE)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


STARTS = {
    "lacks 'classifier.bias'. Save the whole state_dict": lambda state: {
        name: value for name, value in state.items() if name != "classifier.bias"
    },
    "is [3] in the file and [10] in the network": lambda state: {**state, "classifier.bias": torch.ones(3)},
    "'classifier.bias' has values that are not finite": lambda state: {
        **state,
        "classifier.bias": torch.full((10,), torch.nan),
    },
}


@pytest.mark.parametrize("said", STARTS)
def test_weights_that_are_no_start_are_refused(said: str, tmp_path: Path) -> None:
    given = read_given(save(tmp_path, STARTS[said](pruned(vgg(), 0.05)[0])), STRUCTURE)
    with pytest.raises(ArtifactError) as error:
        start_weights(given, arrays_of(vgg(7)))
    assert said in str(error.value)
    assert "\n" not in str(error.value)
