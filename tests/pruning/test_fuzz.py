"""Fuzz: any study is planned or refused in a line; any damage to a file is noticed, never run, never a wrong result."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prunepipe.artifacts import read_arrays, read_json, write_arrays, write_json
from prunepipe.errors import ConfigError, PrunepipeError
from prunepipe.pruning.tickets import read_mask, read_ticket, write_mask, write_ticket
from prunepipe.study.built_in import CHECKS, TICKETS
from prunepipe.study.loading import load_study

relaxed = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

unique = {"unique": True, "min_size": 1, "max_size": 3}
checks = st.lists(
    st.sampled_from([name for name in CHECKS if name not in ("none", "invert")]), unique=True, max_size=4
)
VALID = st.fixed_dictionaries(
    {
        "datasets": st.lists(st.sampled_from(["digits", "fashion_mnist", "cifar10"]), **unique),
        "networks": st.lists(st.sampled_from(["vgg_fashion", "resnet8", "resnet20"]), **unique),
        "recipe": st.fixed_dictionaries(
            {  # small batches: masks that move need more than 100 steps before they stay, on half of the digits too
                "epochs": st.integers(2, 9),
                "learning_rate": st.floats(1e-3, 1.0),
                "batch_size": st.sampled_from([2, 4]),
            }
        ),
        "tickets": st.lists(st.sampled_from(sorted(TICKETS)), **unique),
        "prune_ratios": st.lists(st.sampled_from([0.5, 0.8, 0.9, 0.95]), **unique),
        "seeds": st.lists(st.integers(0, 1000), **unique),
    },
    optional={"checks": st.fixed_dictionaries({"initial": checks, "partially_trained": checks})},
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def load(folder: Path, values: Any) -> Any:
    path = folder / "fuzzed.yaml"
    path.write_text(yaml.safe_dump(values))
    return load_study(path)


@relaxed
@given(VALID)
def test_valid_studies_are_planned(tmp_path: Path, values: dict) -> None:
    study = load(tmp_path, values)
    cells = list(study.cells())
    assert len(cells) == len(set(cells))
    assert {cell.ticket for cell in cells} == set(values["tickets"])
    assert {cell.seed for cell in cells} == set(values["seeds"])


@relaxed
@given(VALID, st.data())
def test_damaged_studies_are_planned_or_refused_in_words(
    tmp_path: Path, values: dict, data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from([*values, "unknown"]))
    values[key] = data.draw(JUNK)
    try:
        list(load(tmp_path, values).cells())
    except ConfigError as error:
        assert "fuzzed.yaml" in str(error)
        assert "Traceback" not in str(error)


@relaxed
@given(VALID, st.data())
def test_an_entry_listed_twice_is_refused(tmp_path: Path, values: dict, data: st.DataObject) -> None:
    lists = [value for value in [*values.values(), *values.get("checks", {}).values()] if value]
    repeated = data.draw(st.sampled_from([entry for entry in lists if isinstance(entry, list)]))
    repeated.append(data.draw(st.sampled_from(repeated)))
    with pytest.raises(ConfigError, match="is listed twice; list it once"):
        load(tmp_path, values)


NUMBERS = ["recipe.epochs", "recipe.learning_rate", "recipe.weight_decay", "recipe.batch_size", "seeds.0"]
NUMBERS += ["recipe.augmentation.crop_padding", "networks.resnet8.width", "datasets.digits.train_images"]
NUMBERS += ["datasets.digits.pool", "scoring.images_per_class", "scoring.batches", "verdict.margin"]
NUMBERS += [
    "verdict.significance",
    "prune_ratios.0",
    "tickets.snip.rounds",
    "recipe.momentum",
    "recipe.gamma",
]
ABSURD = [
    float("inf"),
    float("-inf"),
    float("nan"),
    1e308,
    -1e308,
    10**30,
    -(10**30),
    10**400,
    -1,
    "9" * 5000,
]


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("number", ABSURD, ids=lambda number: str(number)[:8])
def test_absurd_numbers_are_refused_in_a_line(tmp_path: Path, key: str, number: Any) -> None:
    values: dict[str, Any] = {
        "datasets": {"digits": {}},
        "networks": {"resnet8": {}},
        "recipe": {"epochs": 2, "learning_rate": 0.1, "augmentation": {}},
        "tickets": {"snip": {}},
        "scoring": {},
        "verdict": {},
        "prune_ratios": [0.9],
        "seeds": [0],
    }
    *parents, last = key.split(".")
    place: Any = values
    for part in parents:
        place = place[part]
    place[int(last) if isinstance(place, list) else last] = number
    with pytest.raises(ConfigError, match=f"fuzzed.yaml: {key}: got ") as raised:
        load(tmp_path, values)
    assert len(str(raised.value).splitlines()) == 1
    assert len(str(raised.value)) < 400


MASK = {"w": np.random.default_rng(0).random((7, 5)) < 0.5}
WEIGHTS = {"w": np.where(MASK["w"], 1.5, 0).astype(np.float32), "bias": np.arange(5, dtype=np.float32)}
FILES: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any]]] = {
    "arrays": (lambda path: write_arrays(path, WEIGHTS, seed=1), read_arrays),
    "mask": (lambda path: write_mask(path, MASK, seed=1), read_mask),
    "ticket": (lambda path: write_ticket(path, WEIGHTS, MASK, seed=1), read_ticket),
    "json": (lambda path: write_json(path, {"epochs": [{"test_accuracy": 77.5}], "seed": 3}), read_json),
}


def plain(value: Any) -> str:
    return json.dumps(value, default=lambda array: [str(array.dtype), array.tolist()], sort_keys=True)


@pytest.mark.parametrize("kind", FILES)
@relaxed
@given(st.data())
def test_damaged_files_are_refused_or_unharmed(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    write, read = FILES[kind]
    path = tmp_path / "file"
    write(path)
    whole, before = path.read_bytes(), plain(read(path))
    place = data.draw(st.integers(0, len(whole) - 1))
    flip = bytes([whole[place] ^ data.draw(st.integers(1, 255))])
    damaged = data.draw(
        st.sampled_from(
            [whole[:place], whole[:place] + flip + whole[place + 1 :], whole + flip, flip + whole]
        )
    )
    path.write_bytes(damaged)
    try:
        assert plain(read(path)) == before
    except PrunepipeError as error:
        assert "Remake it with: snakemake" in str(error)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("other", FILES)
def test_swapped_files_are_refused(tmp_path: Path, kind: str, other: str) -> None:
    FILES[other][0](tmp_path / "file")
    readable = {
        ("arrays", "mask"),
        ("arrays", "ticket"),
        ("mask", "ticket"),
    }  # a ticket holds a mask and arrays
    if kind == other or (kind, other) in readable:
        FILES[kind][1](tmp_path / "file")
        return
    with pytest.raises(PrunepipeError, match="Remake it with"):
        FILES[kind][1](tmp_path / "file")
