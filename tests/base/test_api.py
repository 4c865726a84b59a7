"""The public surface: its names are pinned, and they cost no torch until they are used."""

import subprocess
import sys

import pytest

import prunepipe.api as api

NAMES = [
    "AllocationRow",
    "Arrays",
    "Batch",
    "Batches",
    "CheckRow",
    "Dataset",
    "DatasetRow",
    "Facts",
    "Layer",
    "Loss",
    "NetworkRow",
    "Options",
    "PrunepipeError",
    "Reading",
    "ScoreRow",
    "Scores",
    "Structure",
    "UpdaterRow",
    "each_batch",
    "gradients",
    "prunable",
    "round_to_total",
    "scoring_copy",
    "select",
]


def test_the_public_names_are_these() -> None:
    assert api.__all__ == NAMES == dir(api)
    assert all(getattr(api, name) is not None for name in NAMES)


def test_an_unknown_name_is_an_attribute_error_that_lists_the_names() -> None:
    with pytest.raises(AttributeError, match=r"prunepipe.api has no 'prunabel'; it has .*prunable"):
        api.prunabel  # noqa: B018


def test_importing_the_surface_imports_no_torch_until_a_name_needs_it() -> None:
    code = (
        "import sys, prunepipe.api as api; assert 'torch' not in sys.modules;"
        "api.Dataset; assert 'torch' not in sys.modules; api.prunable; assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
