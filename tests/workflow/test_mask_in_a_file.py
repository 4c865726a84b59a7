"""A random mask in a file, with trained weights, through the workflow: words at the end, and stale when it changes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from audit_files import beside, masked, save, vgg
from workflow_runs import edit, make_project, planned, snakemake

from prunepipe.artifacts import read_arrays
from prunepipe.pruning.tickets import read_ticket

ROW = {"scored": "init", "score": "from_file", "score_options": {"file": "theirs.pt"}}
ROW |= {"allocation": "constructed", "start": "file theirs.pt", "checks": ["rearrange"]}
CELL = "results/runs/tiny/digits/vgg_digits/tickets/theirs/{}/p0.9/seed{}/ticket.safetensors"


def random_mask(path: Path, seed: int) -> dict[str, torch.Tensor]:
    """Write a random mask of density 0.1 in every layer, beside weights that are zero where it prunes."""
    generator = torch.Generator().manual_seed(seed)
    state = {name: value.detach() for name, value in vgg().state_dict().items()}
    masks = {}
    for name, weight in state.items():
        if weight.ndim in (2, 4):
            order = torch.randperm(weight.numel(), generator=generator)
            masks[name] = (order < round(0.1 * weight.numel())).view(weight.shape)
    save(path, beside(masked(state, masks), masks), "theirs.pt")
    return masks


@pytest.mark.workflow
@pytest.mark.xdist_group("workflow")
def test_a_mask_in_a_file_comes_to_a_verdict_and_is_stale_when_the_file_changes(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    study = project / "config" / "tiny.yaml"
    edit(study, "tickets: [lottery, hybrid]", f"tickets: {{theirs: {ROW}}}")
    edit(study, "seeds: [0]", "seeds: [0, 1, 2]")
    edit(
        study,
        "recipe: {epochs: 2, learning_rate: 0.05, milestones: [1]}",
        "recipe: {epochs: 1, learning_rate: 0.05}",
    )
    absent = snakemake(project, "-n")
    assert absent.returncode == 1
    assert "error: tickets.theirs.start: theirs.pt: no such file below" in absent.stderr
    masks = random_mask(project, 0)
    done = snakemake(project, "results/tables/verdicts.md")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    words = pd.read_csv(project / "results/tables/verdicts.csv").set_index("check")["verdict"]
    assert words["rearrange"] in {"uses", "ignores", "improves", "inconclusive", "collapses"}

    trained = {name: value.detach().numpy() for name, value in vgg().named_parameters()}
    for seed in range(3):
        weights, mask, _ = read_ticket(project / CELL.format("none", seed))
        moved = read_ticket(project / CELL.format("rearrange", seed))[1]
        for name, kept in masks.items():
            assert (mask[name] == kept.numpy()).all()
            assert (weights[name][kept.numpy()] == trained[name][kept.numpy()]).all()
            assert moved[name].sum() == kept.sum()
            assert not np.array_equal(moved[name], mask[name])
    results = pd.read_csv(project / "results/results.csv")
    assert (
        results.query("check == 'none' and ticket == 'theirs'")["loss"].nunique() == 3
    )  # the order of images

    assert set(results["images_total"]) == {200}  # one epoch: a mask in a file needs no dense run

    assert planned(project, "results/tables/verdicts.md") == {}
    random_mask(project, 1)
    stale = planned(project, "results/tables/verdicts.md")
    assert stale["read_given"] == stale["score"] == 3
    assert stale["retrain"] == 6
    assert "train_dense" not in stale
    assert read_arrays(project / CELL.format("none", 0).replace("ticket.", "trained."))[0]
