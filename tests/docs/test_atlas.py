"""The collapse atlas: its page follows from its table, and its table from the code."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import nn

from prunepipe.networks.initialisation import initialise
from prunepipe.networks.resnet import resnet18
from prunepipe.networks.tracing import trace
from prunepipe.seeds import torch_generator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import atlas_page

    return atlas_page


@pytest.fixture
def atlas(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import collapse_atlas

    return collapse_atlas


def test_the_page_is_that_of_its_table(page: Any) -> None:
    written = (ROOT / "docs" / "atlas.md").read_text(encoding="utf-8")
    masks = pd.read_csv(page.MASKS)
    assert written == page.page(page.cells(masks), masks), "run: python benchmarks/atlas_page.py"


def test_the_readme_counts_as_the_page(page: Any) -> None:
    found = page.cells(pd.read_csv(page.MASKS))
    predicted, missed, false, sound = (
        int(found[kind].sum()) for kind in ("predicted", "missed", "false", "sound")
    )
    written = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{predicted} of the {predicted + missed} runs" in written
    assert f"{false} of the {false + sound} runs above chance" in written


@pytest.mark.parametrize(
    ("cut", "at_chance", "expected"),
    [(0, 0, (3, 0, 0, 0)), (3, 3, (0, 3, 0, 0)), (1, 2, (1, 1, 1, 0)), (2, 0, (1, 0, 0, 2))],
)
def test_runs_are_matched_by_their_number(
    page: Any, cut: int, at_chance: int, expected: tuple[int, ...]
) -> None:
    assert tuple(page.kinds(cut, at_chance).values()) == expected


def test_every_published_run_is_of_one_kind(page: Any) -> None:
    found = page.cells(pd.read_csv(page.MASKS))
    assert (found[list(page.KINDS)].sum(axis=1) == 3).all()
    low = sum(value <= page.AT_CHANCE for values in found["accuracies"] for value in values)
    assert found[["predicted", "missed"]].to_numpy().sum() == low


def test_the_tables_masks_are_made_again(page: Any, atlas: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(atlas, "COMPRESSIONS", (2.25, 2.5))
    known = pd.read_csv(page.MASKS).query("network == 'vgg11_average_pool' and seed == 0")
    known = known[known["score"] == "magnitude_at_init"].set_index("log10_compression")
    for row in atlas.measured("vgg11_average_pool", 0, "magnitude_at_init", None):
        expected = known.loc[row["log10_compression"]]
        assert row["kept"] == expected["kept"] == round(9_222_848 / 10 ** row["log10_compression"])
        assert row["collapsed"] == expected["collapsed"]
        assert row["living_channels_by_layer"] == expected["living_channels_by_layer"]


def test_synflow_prunes_on_the_way_and_never_returns_a_weight(
    atlas: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atlas, "IMAGE", (3, 8, 8))
    network = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10))
    structure = trace(network, (3, 8, 8))
    masks = dict(atlas.of_synflow(network, structure))
    assert list(masks) == list(atlas.COMPRESSIONS)
    assert [sum(int(layer.sum()) for layer in mask.values()) for mask in masks.values()] == [
        round(structure.size / 10**compression) for compression in masks
    ]
    for larger, smaller in pairwise(masks.values()):
        assert all((larger[name] >= smaller[name]).all() for name in larger)


def test_a_shortcut_of_resnet18_carries_a_hundredth_of_synflows_flow(atlas: Any) -> None:
    network = resnet18(channels=3, classes=10, image_size=32)
    initialise(network, generator=torch_generator(0, "init"))
    scores = atlas.synflow(
        network, atlas.blank_batches(*atlas.IMAGE), atlas.F.cross_entropy, generator=torch.Generator()
    )
    flow = {name: float(layer.sum()) for name, layer in scores.items()}
    for name in (f"layer{stage}.0" for stage in (2, 3, 4)):
        together = flow[f"{name}.downsample.0.weight"] + flow[f"{name}.conv1.weight"]
        assert together == pytest.approx(flow["fc.weight"], rel=0.01)
        assert 0.985 < flow[f"{name}.conv1.weight"] / together < 0.995


def test_the_table_is_continued_in_order(atlas: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atlas, "MASKS", tmp_path / "masks.csv")
    assert atlas.table().empty
    for network in ("vgg", "resnet"):
        rows = [
            {"network": network, "seed": 0, "score": "snip", "log10_compression": power}
            for power in (0.0, 0.25)
        ]
        atlas.add(pd.DataFrame(rows))
    assert list(atlas.table()["network"]) == ["resnet", "resnet", "vgg", "vgg"]
    assert list(atlas.table()["log10_compression"]) == [0.0, 0.25, 0.0, 0.25]
