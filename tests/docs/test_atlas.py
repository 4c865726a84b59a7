"""The collapse atlas: its page follows from its table, and its table from the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

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
    assert written == page.page(page.cells(pd.read_csv(page.MASKS))), "run: python benchmarks/atlas_page.py"


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


def test_the_tables_masks_are_made_again(page: Any, atlas: Any) -> None:
    torch.set_num_threads(1)
    known = pd.read_csv(page.MASKS).query("network == 'vgg11_average_pool' and seed == 0")
    known = known[known["score"] == "magnitude_at_init"].set_index("log10_compression")
    rows = atlas.measured("vgg11_average_pool", 0, "magnitude_at_init", None)
    for row in (row for row in rows if row["log10_compression"] in (2.25, 2.5)):
        expected = known.loc[row["log10_compression"]]
        assert row["kept"] == expected["kept"] == round(9_222_848 / 10 ** row["log10_compression"])
        assert row["collapsed"] == expected["collapsed"]
        assert row["living_channels_by_layer"] == expected["living_channels_by_layer"]
