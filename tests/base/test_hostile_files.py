"""Files that someone made to harm: refused with the remedy, nothing in them is executed, no traceback."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prunepipe.artifacts import checksum, read_arrays, read_json, text_checksum
from prunepipe.errors import PrunepipeError
from prunepipe.pruning.tickets import read_mask, read_ticket


@pytest.mark.parametrize(
    "header",
    [
        {"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}},
        {"w": {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}},
        {"__metadata__": {"shapes": '{"w": [1, -1]}'}},
        {"__metadata__": {"order": "__import__('os').system('true')"}},
        [],
    ],
)
def test_hostile_headers_are_refused_and_never_executed(tmp_path: Path, header: Any) -> None:
    text = json.dumps(header).encode()
    (tmp_path / "file").write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * 8)
    for read in (read_arrays, read_mask, read_ticket):
        with pytest.raises(PrunepipeError, match="Remake it with"):
            read(tmp_path / "file")


def sealed(facts: Any) -> str:
    """Return a header that is sealed as ours are, whatever it says."""
    return json.dumps({**facts, "checksum": text_checksum(facts)})


SUM = checksum({"bits/w": np.zeros(8, np.uint8)})
HOSTILE_FACTS = {
    "text": '"text"',
    "number": "7",
    "null": "null",
    "list": "[1]",
    "deep": "[" * 100_000,
    "deep mapping": '{"a": ' * 100_000,
    "no sums": sealed({"arrays": [], "metadata": {}}),
    "sums of text": sealed({"arrays": "x", "metadata": {}}),
    "no metadata": sealed({"arrays": {"bits/w": SUM}, "metadata": None}),
    "other metadata": sealed({"arrays": {"bits/w": SUM}, "metadata": [1]}),
}
HOSTILE_SHAPES = [
    None,
    5,
    "w",
    [1],
    {"w": None},
    {"w": "ab"},
    {"w": [2**70]},
    {"w": [2**45]},
    {"w": [-1]},
    {"w": [[]]},
]


def foreign(path: Path, facts: str, dtype: str = "U8") -> Path:
    entry = {"dtype": dtype, "shape": [8], "data_offsets": [0, 8]}
    header = json.dumps({"__metadata__": {"prunepipe": facts}, "bits/w": entry}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 8)
    return path


@pytest.mark.parametrize("facts", HOSTILE_FACTS.values(), ids=HOSTILE_FACTS)
def test_hostile_facts_in_a_sound_header_are_refused(tmp_path: Path, facts: str) -> None:
    for read in (read_arrays, read_mask, read_ticket):
        with pytest.raises(PrunepipeError, match="Remake it with"):
            read(foreign(tmp_path / "file", facts))


@pytest.mark.parametrize("shapes", HOSTILE_SHAPES, ids=str)
def test_hostile_shapes_of_a_mask_are_refused(tmp_path: Path, shapes: Any) -> None:
    facts = {"arrays": {"bits/w": SUM}, "metadata": {"shapes": shapes, "order": shapes}}
    for read in (read_mask, read_ticket):
        with pytest.raises(PrunepipeError, match="Remake it with"):
            read(foreign(tmp_path / "file", sealed(facts)))


@pytest.mark.parametrize("dtype", ["F8_E4M3", "F8_E5M2", "F4", "NONE"])
def test_types_that_numpy_lacks_are_refused(tmp_path: Path, dtype: str) -> None:
    facts = sealed({"arrays": {"bits/w": SUM}, "metadata": {}})
    with pytest.raises(PrunepipeError, match="Remake it with"):
        read_arrays(foreign(tmp_path / "file", facts, dtype))


@pytest.mark.parametrize("text", ["[" * 100_000, '"text"', "null", "7", "[]", '{"a": ' * 100_000])
def test_hostile_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(PrunepipeError, match="Remake it with"):
        read_json(tmp_path / "file")
