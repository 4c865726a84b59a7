"""Random streams: one for each (seed, purpose), the same everywhere."""

import random
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
import torch

from prunepipe.seeds import numpy_generator, seeded_globals, stream_key, torch_generator


def test_streams_differ_between_seeds_and_purposes_and_parts_do_not_run_together() -> None:
    keys = [
        stream_key(seed, *purpose)
        for seed in (0, 1, 11)
        for purpose in (("a",), ("b",), ("a", 1), ("a", 11), ("a1",), ("a", "1", "1"))
    ]
    assert len(set(keys)) == len(keys)


def test_a_stream_is_the_same_on_every_machine_and_day() -> None:
    assert stream_key(0, "init") == 1519069808562059438
    assert stream_key(1, "retrain", "epoch", 3) == 6130343484047188889
    assert numpy_generator(3, "x").integers(1000) == numpy_generator(3, "x").integers(1000)
    one, other = (torch.rand(3, generator=torch_generator(3, "x")) for _ in range(2))
    assert torch.equal(one, other)


def test_global_random_state_is_not_touched() -> None:
    before = torch.random.get_rng_state()
    torch.rand(3, generator=torch_generator(0, "x"))
    assert torch.equal(before, torch.random.get_rng_state())


def drawn() -> tuple[float, float, float]:
    return random.random(), float(np.random.random()), torch.rand(()).item()


def test_code_that_forgets_its_generator_draws_from_seed_and_purpose() -> None:
    drawn()  # whatever ran before
    values = []
    for seed, purpose in ((0, "a"), (1, "a"), (0, "b"), (0, "a")):
        with seeded_globals(seed, purpose):
            values.append(drawn())
        drawn()
    assert values[0] == values[3]
    for stream in zip(*values[:3], strict=True):
        assert len(set(stream)) == 3


@pytest.mark.parametrize("fails", [False, True])
def test_our_own_global_streams_go_on_as_if_nothing_was_lent(fails: bool) -> None:
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    expected = [drawn(), drawn()]
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    found = [drawn()]
    with suppress(ZeroDivisionError), seeded_globals(3, "x"):
        drawn()
        1 / int(not fails)
    assert [*found, drawn()] == expected


def test_torch_is_not_imported_to_be_seeded() -> None:
    code = (
        "import sys\nfrom prunepipe.seeds import seeded_globals\n"
        "with seeded_globals(0, 'x'): pass\nsys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
