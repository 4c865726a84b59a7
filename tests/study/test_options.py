"""Options of scores and allocations: read from the source, refused before any job where they cannot work."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from test_study import VALID, written

from prunepipe.errors import ConfigError
from prunepipe.plugins import load_function
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.study.loading import load_study
from prunepipe.study.names import SCORE_REFERENCES
from prunepipe.study.options import TYPES, options_of
from prunepipe.study.study import Study


@pytest.mark.parametrize("reference", [*SCORE_REFERENCES.values(), *ALLOCATIONS.values()])
def test_what_the_source_says_is_what_the_function_takes(reference: str) -> None:
    known = options_of(reference)
    assert known is not None
    parameters = inspect.signature(load_function(reference)).parameters.values()
    keywords = {item.name: str(item.annotation) for item in parameters if item.kind is item.KEYWORD_ONLY}
    keywords.pop("generator", None)
    assert {name: option.annotation for name, option in known.items()} == keywords
    assert all(part in TYPES for option in known.values() for part in option.annotation.split(" | "))


def test_functions_of_others_are_not_read() -> None:
    assert options_of("my_package.pruning:score") is None
    assert options_of("mine.py:score") is None


RANDOM, GRASP = "random: {{allocation_options: {{{}}}}}", "grasp: {{score_options: {{{}}}}}"
MISTAKES = [
    (RANDOM, "linear_kep: 0.3", "unknown option 'linear_kep'. Did you mean 'linear_keep'?"),
    (RANDOM, "linear_keep: abc", "linear_keep is 'abc'; it must be a number"),
    (RANDOM, "linear_keep: null", "linear_keep is None; it must be a number"),
    (RANDOM, "linear_keep: [1]", "linear_keep is [1]; it must be a number"),
    (RANDOM, "linear_keep: true", "linear_keep is True; it must be a number"),
    (RANDOM, "linear_keep: .nan", "linear_keep is 'nan' (float); options are finite numbers"),
    (RANDOM, "linear_keep: -1", "linear_keep is -1; it must be from 0 to 1"),
    (RANDOM, "linear_keep: 3", "linear_keep is 3; it must be from 0 to 1"),
    (RANDOM, "divide_by_square: 'no'", "divide_by_square is 'no'; it must be true or false or null"),
    (GRASP, "temperature: '200'", "temperature is '200'; it must be a number"),
    (GRASP, "temperature: 0", "temperature is 0; it must be above 0"),
    (GRASP, "halves: interleaves", "unknown value 'interleaves'. Did you mean 'interleaved'?"),
    (GRASP, "generator: 1", "score_options.generator: the pipeline gives it"),
    (GRASP, "temperature: 2020-01-01", "temperature is '2020-01-01' (date); options are finite numbers"),
    (
        "lottery: {{score_options: {{{}}}}}",
        "power: 2",
        "score magnitude: it takes no options; leave them out",
    ),
    ("obd: {{score_options: {{{}}}}}", "curvature: hessian", "unknown value 'hessian'"),
    ("obd: {{score_options: {{{}}}}}", "draws: 0", "draws is 0; it must be at least 1"),
    ("snip: {{score_options: {{{}}}}}", "dtype: bfloat16", "unknown value 'bfloat16'"),
    ("snip: {{score: 'mine.py:f', score_options: {{{}}}}}", "a: !!set {b}", "a is \"{'b'}\" (set)"),
]


@pytest.mark.parametrize(("ticket", "option", "message"), MISTAKES)
def test_an_impossible_option_is_refused_in_a_line(
    tmp_path: Path, ticket: str, option: str, message: str
) -> None:
    text = VALID.replace("[lottery, hybrid]", "{" + ticket.format(option) + "}")
    with pytest.raises(ConfigError) as raised:
        load_study(written(tmp_path, text))
    assert message in str(raised.value)
    assert f"_options.{option.partition(':')[0]}" in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"allocation_options": {"linear_keep": 1, "divide_by_square": None}},
        {"score": "mine.py:f", "score_options": {"whatever": [1, {"a": None}]}},
    ],
)
def test_possible_options_are_taken(small: dict, options: dict[str, Any]) -> None:
    assert Study.model_validate(small | {"tickets": {"random": options}})


def test_a_replaced_score_does_not_inherit_the_options_of_the_built_in_one(small: dict) -> None:
    rows = {"grasp": {"score": "snip"}}
    assert Study.model_validate(small | {"tickets": rows}).tickets["grasp"].score_options == {}
    kept = {"grasp": {"score": "grasp", "allocation": "erk"}}
    assert Study.model_validate(small | {"tickets": kept}).tickets["grasp"].score_options == {
        "redraw_linear": True
    }
