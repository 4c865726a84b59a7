"""Options of scores and allocations: each has its model, and what cannot work is refused before any job."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from test_study import VALID, written

from prunepipe.errors import ConfigError
from prunepipe.plugins import load_function
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.pruning.scores import SCORES
from prunepipe.study.loading import load_study
from prunepipe.study.study import Study

ROWS = {**SCORES, **{f"allocation {name}": row for name, row in ALLOCATIONS.items()}}


@pytest.mark.parametrize("name", ROWS)
def test_the_model_of_the_options_is_what_the_function_takes(name: str) -> None:
    row = ROWS[name]
    assert row.options is not None
    parameters = inspect.signature(load_function(row.function)).parameters.values()
    taken = {item.name: item.default for item in parameters if item.kind is item.KEYWORD_ONLY}
    taken.pop("generator", None)
    assert row.options().model_dump() == taken


RANDOM, GRASP = "random: {{allocation_options: {{{}}}}}", "grasp: {{score_options: {{{}}}}}"
MISTAKES = [
    (RANDOM, "linear_kep: 0.3", "unknown key 'linear_kep'. Did you mean 'linear_keep'?"),
    (RANDOM, "linear_keep: abc", "linear_keep: got 'abc'; it should be a number"),
    (RANDOM, "linear_keep: null", "linear_keep: got None; it should be a number"),
    (RANDOM, "linear_keep: [1]", "linear_keep: got [1]; it should be a number"),
    (RANDOM, "linear_keep: true", "linear_keep: got True; it should be a number"),
    (RANDOM, "linear_keep: .nan", "linear_keep is 'nan' (float); options are finite numbers"),
    (RANDOM, "linear_keep: -1", "linear_keep: got -1; it should be greater than or equal to 0"),
    (RANDOM, "linear_keep: 3", "linear_keep: got 3; it should be less than or equal to 1"),
    (RANDOM, "divide_by_square: 'no'", "divide_by_square: got 'no'; it should be true or false"),
    (GRASP, "temperature: '200'", "temperature: got '200'; it should be a number"),
    (GRASP, "temperature: 0", "temperature: got 0; it should be greater than 0"),
    (GRASP, "halves: interleaves", "halves: got 'interleaves'; it should be 'first_last' or 'interleaved'"),
    (GRASP, "generator: 1", "score_options.generator: the pipeline gives it"),
    (GRASP, "temperature: 2020-01-01", "temperature is '2020-01-01' (date); options are finite numbers"),
    (
        "lottery: {{score_options: {{{}}}}}",
        "power: 2",
        "score magnitude takes no options; leave them out",
    ),
    ("obd: {{score_options: {{{}}}}}", "curvature: hessian", "curvature: got 'hessian'; it should be"),
    ("obd: {{score_options: {{{}}}}}", "draws: 0", "draws: got 0; it should be greater than or equal to 1"),
    ("snip: {{score_options: {{{}}}}}", "dtype: bfloat16", "dtype: got 'bfloat16'; it should be 'float64'"),
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
