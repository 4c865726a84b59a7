"""A user's file of published numbers: what is read, and what is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from prunepipe.errors import ConfigError
from prunepipe.study.loading import load_study
from prunepipe.study.published_file import PublishedCell, read_published

HEADER = "dataset,network,prune_ratio,ticket,check,accuracy_mean,accuracy_std,n\n"
ROW = "digits,vgg_digits,0.95,snip,none,97.6,0.4,8\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "theirs.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_read_with_and_without_a_check_a_spread_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = (
        "\ufeffdataset,network,prune_ratio,ticket,accuracy_mean,accuracy_std,n,source\nd,n,0.9,t,50.5,,,us\n"
    )
    assert read_published(write(tmp_path, text)) == [
        PublishedCell("d", "n", 0.9, "t", "none", 50.5, None, None)
    ]
    assert read_published(write(tmp_path, HEADER + ROW))[0].n == 8


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEADER.replace(",n\n", "\n"), "no column n; its columns are: dataset"),
        (HEADER.replace(",", ";") + ROW, "no column dataset.*separated by commas"),
        ("", "its columns are: none"),
        (HEADER + ROW.replace("97.6", "much"), "line 2: accuracy_mean is 'much', must be a number"),
        (HEADER + ROW.replace("97.6", "nan"), "line 2: accuracy_mean is nan, must be from 0 to 100"),
        (HEADER + ROW.replace("97.6", "976"), "accuracy_mean is 976, must be from 0 to 100"),
        (HEADER + ROW.replace("97.6", "0.976"), "must be in percent"),
        (HEADER + ROW.replace("0.95", "95"), "prune_ratio is 95, must be from 0 to 1, a share"),
        (HEADER + ROW.replace("0.95", "1"), "prune_ratio is 1, must be below 1"),
        (HEADER + ROW.replace(",8", ",2.5"), "n is 2.5, must be a whole number"),
        (HEADER + ROW.replace(",8", ",0"), "n is 0, must be from 1"),
        (HEADER + ROW + ROW, "two rows are about"),
        (HEADER + ROW.replace("vgg_digits", "vgg19"), "no row is a cell of this study; its first row is"),
        (HEADER, "no row is a cell of this study; it has no rows"),
    ],
)
def test_a_bad_file_is_refused_in_one_line_before_any_job(text: str, told: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=told) as caught:
        load_study(study_file(tmp_path, str(path)))
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_study(study_file(tmp_path, str(tmp_path / "absent.csv")))
    (tmp_path / "theirs.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a .csv file in UTF-8"):
        load_study(study_file(tmp_path, str(tmp_path / "theirs.csv")))
    with pytest.raises(ConfigError, match="neither tanaka2020 nor a file whose name ends in .csv"):
        load_study(study_file(tmp_path, "tanaka"))


def test_a_good_file_and_shipped_numbers_are_accepted(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + ROW)
    assert load_study(study_file(tmp_path, str(path))).published_file == str(path)
    assert load_study(study_file(tmp_path, "tanaka2020")).published_file is None


def study_file(folder: Path, published: str) -> Path:
    path = folder / "mine.yaml"
    study = {
        "datasets": ["digits"],
        "networks": ["vgg_digits"],
        "recipe": {"epochs": 2, "learning_rate": 0.1, "milestones": [1], "batch_size": 64},
        "tickets": ["snip"],
        "prune_ratios": [0.95],
        "seeds": [0, 1, 2],
        "published": published,
    }
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    return path
