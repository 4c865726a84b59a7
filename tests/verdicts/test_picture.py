"""The drawing of an interval."""

from __future__ import annotations

from math import nan

import pytest

from prunepipe.verdicts.picture import WIDTH, picture


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ((-0.9, -1.2, -0.6), "···===o===:····│····:··········"),
        ((0.0, -0.1, 0.1), "··········:···=o=···:··········"),
        ((-9.0, -12.0, -6.0), "o·········:····│····:··········"),
        ((nan, nan, nan), "··········:····│····:··········"),
    ],
)
def test_it_shows_effect_interval_zero_and_margin(values, drawn):
    assert len(drawn) == WIDTH
    assert picture(*values, margin=0.5) == drawn


def test_an_interval_that_goes_on_ends_in_arrows():
    drawn = picture(0.5, -9.0, 9.0, margin=0.5)
    assert (drawn[0], drawn[-1]) == ("<", ">")
