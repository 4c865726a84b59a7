"""`prunepipe judge --mask`: the study that it derives, what it refuses, and a mask on its way to a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import audit_files
import pytest
import torch
from audit_files import beside, pruned, save, vgg

from prunepipe.cli import judge
from prunepipe.cli.main import main
from prunepipe.study.loading import load_study

SMALL = """
datasets:
  digits: {train_images: 200, test_images: 100}
networks: [vgg_digits]
recipe: {epochs: 1, learning_rate: 0.05}
tickets: [snip]
prune_ratios: [0.9]
seeds: [0]
"""


@pytest.fixture(autouse=True)
def _in_a_folder_with_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)
    monkeypatch.setattr(judge, "_decide", lambda *_: 0)  # stops where the first job would start


def judged(path: Path, *options: str) -> Any:
    """Return the study that judges a file."""
    assert main(["judge", "--mask", str(path), "--study", "small.yaml", *options]) == 0
    return load_study(Path("judged") / path.stem / f"{path.stem}.yaml")


def test_a_file_of_weights_starts_from_them_and_they_are_shuffled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = judged(save(tmp_path, pruned(vgg(), 0.05)[0], "theirs.pt"), "--seeds", "8")
    row = study.tickets["theirs"]
    assert study.checks_of("theirs") == ("none", "rearrange", "reinit", "shuffle_weights")
    assert row.start == f"file {tmp_path / 'theirs.pt'}"
    assert row.mask_file == str(tmp_path / "theirs.pt")
    assert not row.needs_dense_run
    assert study.prune_ratios == (0.95,)
    assert set(study.tickets) == {"theirs", "lottery", "random", "random_uniform"}
    printed = capsys.readouterr().out
    assert "keeps 3,495 of 69,904 prunable weights of vgg_digits (digits), prune ratio 95 %" in printed
    assert "weights that are exactly zero count as pruned" in printed
    assert "Every seed retrains it from the weights in the file" in printed


def test_masks_alone_start_from_the_seeds_initial_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = judged(save(tmp_path, pruned(vgg(), 0.05)[1], "theirs.pt"))
    assert study.checks_of("theirs") == ("none", "rearrange", "reinit")
    assert study.tickets["theirs"].start == "init"
    printed = capsys.readouterr().out
    assert "from its own initial weights" in printed
    assert "exactly zero" not in printed


def test_weights_are_left_aside_if_asked(tmp_path: Path) -> None:
    study = judged(save(tmp_path, pruned(vgg(), 0.05)[0], "theirs.pt"), "--start", "init")
    assert study.tickets["theirs"].start == "init"


def test_a_ratio_is_written_with_the_digits_that_its_counts_need(tmp_path: Path) -> None:
    masks = {name: mask.clone() for name, mask in pruned(vgg(), 0.05)[1].items()}
    masks[audit_files.LARGE].view(-1)[:100] = True
    study = judged(save(tmp_path, masks, "theirs.pt"))
    kept = sum(int(mask.sum()) for mask in masks.values())
    size = sum(mask.numel() for mask in masks.values())
    (ratio,) = study.prune_ratios
    assert ratio == round(1 - kept / size, 4) != round(1 - kept / size, 3)


def test_the_network_and_the_data_set_can_be_others_than_the_studys(tmp_path: Path) -> None:
    Path("several.yaml").write_text(SMALL.replace("[vgg_digits]", "[vgg_digits, resnet8_small]"))
    path = save(tmp_path, pruned(vgg(), 0.05)[1], "theirs.pt")
    options = ["--study", "several.yaml", "--network", "prunepipe.networks.vgg:vgg_digits"]
    study = judged(path, *options, "--dataset", "digits")
    assert study.networks["vgg_digits"].architecture == "prunepipe.networks.vgg:vgg_digits"
    assert study.datasets["digits"].train_images == 200


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["judge"], "nothing to judge: name a score"),
        (["judge", "snip", "--network", "vgg11"], "--network is for --mask"),
        (["judge", "snip", "--mask", "theirs.pt"], "a mask in a file needs no score"),
        (["judge", "--mask", "theirs.pt", "--rounds", "3"], "--rounds says how a method finds its mask"),
        (["judge", "--mask", "theirs.pt", "--prune-ratio", "0.9"], "--prune-ratio says how"),
        (["judge", "--mask", "absent.pt"], "no such file"),
        (["judge", "--mask", "theirs.pt", "--network", "vgg12"], "unknown network 'vgg12'"),
        (
            ["judge", "--mask", "theirs.pt", "--network", "resnet8_small"],
            "belongs to no prunable layer (closest: 'conv1",
        ),
        (
            ["judge", "--mask", "theirs.pt", "--study", "several.yaml"],
            "has vgg_digits, resnet8_small; name the one",
        ),
        (["judge", "--mask", "dense.pt"], "keeps every weight (prune ratio 0)"),
        (["judge", "--mask", "theirs.pt", "--name", "random"], "a built-in ticket is called that"),
    ],
)
def test_mistakes_end_in_one_line_before_any_file_is_written(
    options: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("several.yaml").write_text(SMALL.replace("[vgg_digits]", "[vgg_digits, resnet8_small]"))
    save(tmp_path, pruned(vgg(), 0.05)[1], "theirs.pt")
    save(tmp_path, vgg().state_dict(), "dense.pt")
    status = main([*options, *([] if "--study" in options else ["--study", "small.yaml"])])
    assert status == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.startswith("error: ")
    assert len(error.splitlines()) == 1
    assert not Path("judged").exists()


def test_a_fault_of_the_mask_is_told_with_its_layer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, masks = pruned(vgg(), 0.05)
    masks[audit_files.LAST] = torch.zeros_like(masks[audit_files.LAST])
    path = save(tmp_path, beside(audit_files.masked(state, masks), masks), "theirs.pt")
    assert main(["judge", "--mask", str(path), "--study", "small.yaml"]) == 1
    assert f"'{audit_files.LAST}' keeps none of its 640 weights" in capsys.readouterr().err
