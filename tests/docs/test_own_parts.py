"""The page on your own data set, check and network: its blocks are taken from the page and used."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from prunepipe.plugins import load_function
from prunepipe.study.loading import load_study

PAGE = Path(__file__).parents[2] / "docs" / "own_parts.md"
BLOCKS = dict(
    re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```', PAGE.read_text(encoding="utf-8"), re.M | re.S)
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a reader who saved every block under its title."""
    (tmp_path / "config").mkdir()
    for title, text in BLOCKS.items():
        (tmp_path / title).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def test_the_study_names_all_three_and_is_accepted(folder: Path) -> None:
    study = load_study(folder / "config" / "own.yaml")
    assert study.checks_of("synflow") == ("none", "rearrange", "swap_outputs")
    assert study.check("swap_outputs").stage == "mask"
    assert set(BLOCKS) == {"my_data.py", "my_check.py", "my_network.py", "config/own.yaml"}


@pytest.mark.usefixtures("folder")
def test_the_data_set_has_two_balanced_classes_that_can_mostly_be_told_apart() -> None:
    data = load_function("my_data.py:stripes")(None)
    assert np.bincount(data.test_labels).tolist() == [100, 100]
    pixels = data.test_images[:, 0].astype(float)
    upright = pixels[:, :, 1::2].mean((1, 2)) - pixels[:, :, ::2].mean((1, 2))
    flat = pixels[:, 1::2].mean((1, 2)) - pixels[:, ::2].mean((1, 2))
    pairs = (upright - flat)[data.test_labels == 0][:, None] > (upright - flat)[data.test_labels == 1]
    assert 0.8 < pairs.mean() < 1  # the share of pairs in the right order: harder than a study at its ceiling


@pytest.mark.usefixtures("folder")
def test_the_check_keeps_every_count_and_moves_whole_outputs() -> None:
    generator = np.random.default_rng(1)
    mask = {"a.weight": generator.random((8, 5)) < 0.3}
    changed = load_function("my_check.py:swap_outputs")(mask, generator=generator)["a.weight"]
    assert sorted(map(tuple, changed)) == sorted(map(tuple, mask["a.weight"]))
    assert not np.array_equal(changed, mask["a.weight"])


@pytest.mark.usefixtures("folder")
def test_the_network_returns_a_logit_per_class() -> None:
    network = load_function("my_network.py:small")(channels=1, classes=2, image_size=8)
    assert network(torch.zeros(3, 1, 8, 8)).shape == (3, 2)
