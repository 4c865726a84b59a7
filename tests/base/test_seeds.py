"""Random streams: one for each (seed, purpose), the same everywhere."""

import torch

from prunepipe.seeds import numpy_generator, stream_key, torch_generator


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
