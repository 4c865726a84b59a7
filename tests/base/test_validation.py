"""Settings given by hand: JSON or a file, checked with the messages of a study."""

from pathlib import Path

import pytest

from prunepipe.errors import ConfigError
from prunepipe.stages.schemas.masking import MaskSettings
from prunepipe.stages.schemas.scoring import ScoreSettings
from prunepipe.validation import parsed

GOOD = '{"allocation": "a:b", "prune_ratio": 0.9}'


def test_json_and_the_file_that_holds_it_are_the_same(tmp_path: Path) -> None:
    file = tmp_path / "mask.json"
    file.write_text(GOOD)
    expected = MaskSettings(allocation="a:b", prune_ratio=0.9)
    assert (
        parsed(MaskSettings, GOOD, "--settings") == parsed(MaskSettings, str(file), "--settings") == expected
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"allocation": "a:b"}', "--settings: prune_ratio: missing; it must be given"),
        ('{"allocation": "a:b", "prune_ratio": 2}', "prune_ratio: got 2; it should be less than 1"),
        (GOOD.replace("allocation", "alocation"), "unknown key 'alocation'. Did you mean 'allocation'?"),
        ("{broken", "--settings: no valid JSON"),
        ("no_such.json", "--settings: neither JSON nor a file that can be read"),
    ],
)
def test_a_mistake_names_the_option_the_key_the_value_and_the_rule(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parsed(MaskSettings, text, "--settings")
    assert message in str(raised.value)


def test_a_choice_between_kinds_of_settings_is_told_too() -> None:
    text = '{"network": {"reference": "a:b"}, "score": "c:d", "seed": 0, "images": {"reads": "all"}}'
    with pytest.raises(ConfigError, match=r"images: got .*; it .*'none', 'balanced', 'training_set'"):
        parsed(ScoreSettings, text, "--settings")
