"""User code that forgets its generator, or has none: it repeats, and differs between seeds, whatever ran before."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_study import OWN, make_place, mask_of, scored

from prunepipe.artifacts import Arrays
from prunepipe.datasets import prepare
from prunepipe.errors import ScoreError
from prunepipe.stages.allocating import allocate
from prunepipe.stages.checking import apply_check
from prunepipe.stages.inputs import corrupted
from prunepipe.stages.own_checks import checked
from prunepipe.stages.schemas.checking import CheckSettings

MASK = {"conv.weight": np.arange(60).reshape(3, 20) % 3 == 0}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make_place(tmp_path_factory.mktemp("place"))


def same(first: Arrays, second: Arrays) -> bool:
    return all(np.array_equal(first[name], second[name]) for name in first)


def disturbed(answer: Callable[[], Arrays]) -> Arrays:
    """Return an answer after something else has drawn from the global streams."""
    np.random.seed(7)
    torch.manual_seed(7)
    return answer()


def scattered(function: str, seed: int) -> Arrays:
    weights = {name: layer.astype(np.float32) for name, layer in MASK.items()}
    return apply_check(weights, MASK, {}, CheckSettings(check="mine", mask_check=OWN + function, seed=seed))[
        1
    ]


def relabelled(function: str, seed: int) -> Arrays:
    return {"labels": corrupted(prepare(OWN + "squares", Path()), OWN + function, seed)[1]}


@pytest.mark.parametrize(
    "answer",
    [
        lambda seed: scattered("scattered_globally", seed),
        lambda seed: relabelled("relabelled_globally", seed),
    ],
)
def test_a_check_that_draws_globally_depends_on_its_seed_and_on_nothing_else(
    answer: Callable[[int], Arrays],
) -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]
    first = answer(0)
    assert np.array_equal(before, np.random.get_state()[1])  # type: ignore[index]
    assert same(first, disturbed(lambda: answer(0)))
    assert not same(first, answer(1))


def test_what_has_no_generator_draws_by_what_it_is_given(place) -> None:
    scores = scored(place)
    others = {name: layer + 1 for name, layer in scores.items()}

    def inverted(given: Arrays) -> Arrays:
        return checked("score", OWN + "inverted_by_chance", given)

    def spread(given: Arrays) -> Arrays:
        kept = allocate(OWN + "spread_by_chance", given, place["structure"], 20, {})
        return {name: np.array(count) for name, count in kept.items()}

    for answer in (inverted, spread):
        assert same(answer(scores), disturbed(lambda answer=answer: answer(scores)))
        assert not same(answer(scores), answer(others))
    assert all(layer.any() for layer in scores.values())  # it worked on a copy


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (lambda place: scattered("scattered_anew", 0), "mask check .*conv.weight"),
        (lambda place: relabelled("relabelled_anew", 0), "data check .*labels"),
        (lambda place: mask_of(place, scored(place), OWN + "spread_anew"), "allocation .*0.weight"),
    ],
)
def test_what_draws_from_a_stream_that_nobody_seeded_is_refused(
    place, answer: Callable[[dict[str, Any]], Arrays], name: str
) -> None:
    kind, key = name.split(" .*")
    with pytest.raises(ScoreError, match=f"{kind} .*: does not repeat: .* differ in '{key}'.*`generator`"):
        answer(place)


LATE_IMPORT = """
def scatter(mask, *, generator):
    import torch
    return {name: layer[torch.randperm(layer.size).numpy()] for name, layer in mask.items()}
"""


def test_a_check_that_imports_torch_when_called_draws_the_same_in_a_warm_process(tmp_path: Path) -> None:
    own = tmp_path / "late.py"
    own.write_text(LATE_IMPORT, encoding="utf-8")
    lines = [
        "import numpy as np",
        "from prunepipe.stages.checking import apply_check",
        "mask = {'w': np.arange(60) % 3 == 0}",
        "from prunepipe.stages.schemas.checking import CheckSettings",
        f"settings = CheckSettings(check='c', mask_check={f'{own}:scatter'!r}, seed=SEED)",
        "changed = apply_check({'w': np.ones(60, np.float32)}, mask, {}, settings)[1]",
        "print(''.join('01'[int(kept)] for kept in changed['w']))",
    ]

    def said(seed: int, *before: str) -> bytes:
        program = "\n".join([*before, *lines]).replace("SEED", str(seed))
        return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout

    assert said(3) == said(3, "import torch; torch.rand(3)")
    assert said(3) != said(4)
