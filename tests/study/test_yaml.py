"""Files that are no study, and values of the wrong kind: one line in plain words, never a traceback."""

from pathlib import Path

import pytest
from test_study import VALID, written

from prunepipe.errors import ConfigError
from prunepipe.study.loading import (
    Site,
    load_site,
    load_study,
    require_threads,
    require_unique_keys,
    study_path,
)

ODD_YAML = {
    "unhashable key": "? [a]\n: 1",
    "mapping as key": "{{a: 1}: 2}",
    "bad date": "seeds: 2020-13-45",
    "bad timestamp": "seeds: 2020-01-01 99:00:00",
    "bad binary": "seeds: 0b",
    "bad octal": "seeds: 0o9",
    "huge integer": f"seeds: {'9' * 5000}",
    "huge hexadecimal": f"seeds: [0x{'f' * 5000}]",
    "deep nesting": "[" * 5000,
    "deep mapping": "{a: " * 3000,
    "merge": "base: &b {a: 1}\nrecipe: {<<: *b}",
    "itself": "seeds: &s [*s]",
    "unknown tag": "seeds: !!python/object:os.system 1",
    "alias of nothing": "seeds: *nothing",
    "number as key": "1: 2",
    "null as key": "null: 2",
    "two documents": "a: 1\n---\nb: 2",
}


@pytest.mark.parametrize("text", ODD_YAML.values(), ids=ODD_YAML)
def test_odd_yaml_is_refused_in_a_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="mine.yaml: ") as raised:
        load_study(written(tmp_path, text))
    first = str(raised.value).splitlines()[0]
    assert len(first) < len(str(tmp_path)) + 400
    assert "Error" not in first


@pytest.mark.parametrize("text", ["base: &b {a: 1}\nc: {<<: *b}", "a: 1\nb:\n  c: 1\n  c: 2"])
def test_the_line_of_a_key_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"line [24]: (merge keys|the key 'c' is given twice)"):
        load_study(written(tmp_path, text))


def test_a_name_too_long_for_any_file_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no study"):
        study_path("a" * 5000, tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_study(tmp_path / ("a" * 5000 + ".yaml"))


WORDS = [
    ("[0.9]", "[1.0]", "prune_ratios.0: got 1.0; it should be less than 1."),
    ("[0.9]", "0.9", "prune_ratios: got 0.9; it should be a list."),
    (
        "{epochs: 4, learning_rate: 0.1, milestones: [2]}",
        "fast",
        "recipe: got 'fast'; it should be a mapping, key: value.",
    ),
    ("[digits]", "digits", "datasets: got 'digits'; it should be a list of names, or a mapping"),
    (
        "[digits]",
        "{my-digits: {source: digits}}",
        "got 'my-digits'; it should be letters, digits and _, at most 80",
    ),
    (
        "[lottery, hybrid]",
        "{lottery: {start: later}}",
        "got 'later'; it should be a rewind point of the dense run: init",
    ),
    ("[lottery, hybrid]", "{lottery: {start: epoch 12345678}}", "it should be a rewind point"),
    ("seeds: [0]", "seeds: [0]\ntrain_collapsed: 'no'", "got 'no'; it should be true or false."),
    ("seeds: [0]", f"seeds: [0]\nname: [{'a' * 500}]", "...; it should be text."),
]


@pytest.mark.parametrize(("right", "wrong", "message"), WORDS)
def test_a_mistake_is_one_line_of_plain_words(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    assert right in VALID
    with pytest.raises(ConfigError) as raised:
        load_study(written(tmp_path, VALID.replace(right, wrong)))
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_a_file_whose_name_is_no_studys_is_to_be_renamed(tmp_path: Path) -> None:
    path = tmp_path / "my-study.yaml"
    path.write_text(VALID)
    with pytest.raises(ConfigError, match="'my-study' should be letters, digits and _.*; rename the file"):
        load_study(path)
    path.write_text(VALID + "name: my_study\n")
    assert load_study(path).name == "my_study"


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ({"channels_last": "true", "threads": "2", "checkpoint_seconds": "0.5"}, (True, 2, 0.5)),
        ({"channels_last": "false", "threads": 3, "checkpoint_seconds": 60}, (False, 3, 60.0)),
    ],
)
def test_text_of_the_command_line_is_read_as_config_yaml_is(values: dict, read: tuple) -> None:
    site = load_site(values)
    assert (site.channels_last, site.threads, site.checkpoint_seconds) == read


@pytest.mark.parametrize("value", ["maybe", "[", "\n", "2020-13-45", None, ["true"]])
def test_what_is_no_truth_value_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="config.yaml: channels_last: got .*; it should be true or false"):
        load_site({"channels_last": value})


def test_more_threads_than_this_machine_has_cores_are_refused() -> None:
    require_threads(Site(threads=2), 2)
    require_threads(Site(threads=2), None)
    with pytest.raises(
        ConfigError, match="config.yaml: threads: 3 is more than this machine's 2 cores; lower it"
    ):
        require_threads(Site(threads=3), 2)


def test_a_key_given_twice_in_the_site_configuration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("device: cpu\nthreads: 1\ndevice: cuda\n")
    with pytest.raises(ConfigError, match="config.yaml: line 3: the key 'device' is given twice"):
        require_unique_keys([str(path)])
