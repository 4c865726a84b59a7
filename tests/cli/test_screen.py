"""The live table: in place, within the terminal, and lines where there is no terminal that can move its cursor."""

from __future__ import annotations

import io
import os
import re
import shutil

import pytest

from prunepipe.cli.decision_table import LEGEND, DecisionRow, table_lines
from prunepipe.cli.screen import LiveTable, PlainLines, screen_of

LONG = "a_method_with_a_very_long_name_that_fits_on_no_line_beside_the_effect_and_the_rest"
ESCAPES = re.compile(r"(\x1b\[\d*[FJK]|\n)")


class Terminal(io.StringIO):
    """A terminal that knows the escapes that the live table uses, and no others.

    Attributes:
        lines: what it shows.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lines, self.at = [""], 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for part in ESCAPES.split(text):
            self._take(part)
        return len(text)

    def _take(self, part: str) -> None:
        if part.endswith("F"):
            self.at -= int(part[2:-1])
            self.written = ""
        elif part == "\n":
            self.at += 1
            self.lines += [""] * (self.at == len(self.lines))
        elif part.endswith("K"):
            assert self.lines[self.at][: len(self.now)] == self.now
            self.lines[self.at] = self.now
        elif part.endswith("J"):
            self.lines[self.at :] = [""]
        else:
            assert "\x1b" not in part
            self.now = part
            self.lines[self.at] = part + self.lines[self.at][len(part) :]


def rows(words: dict[tuple[str, str], str], asked: str = "open") -> list[DecisionRow]:
    found = []
    for (method, check), word in words.items():
        cells = (check, "97.5 %", word, "-12.3 [-45.6, +78.9]", "12", "now 12/20, 70 %" * (word == asked))
        found.append(DecisionRow((method, check), method, cells, word, word == asked))
    return found


@pytest.fixture
def size(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Width and height of the terminal, to be changed."""
    found = [80, 24]
    monkeypatch.setattr(shutil, "get_terminal_size", lambda *fallback, **named: os.terminal_size(found))
    return found


@pytest.mark.usefixtures("size")
def test_it_is_drawn_again_in_place_and_nothing_of_the_last_one_stays() -> None:
    terminal = Terminal()
    terminal.write("the line above\n")
    table = LiveTable(terminal)
    words = {("snip", check): "open" for check in ("corrupted_data", "rearrange", "shuffle_weights")}
    table.show("Look at 12 seeds: 9 of 12 runs made, 1 running", rows(words))
    first = list(terminal.lines)
    assert first[:2] == ["the line above", "Look at 12 seeds: 9 of 12 runs made, 1 running"]
    table.show("Look at 12 seeds: 10 of 12 runs made", rows(words))
    assert terminal.lines == [first[0], "Look at 12 seeds: 10 of 12 runs made", *first[2:]]
    table.show("", rows({("snip", "rearrange"): "uses"}))
    assert len(terminal.lines) == len(first) - 2
    assert "rearrange" in terminal.lines[4]
    assert "uses" in terminal.lines[4]
    assert "open" not in "".join(terminal.lines)


@pytest.mark.usefixtures("size")
def test_a_line_that_stays_takes_the_place_of_the_table_which_follows_it() -> None:
    terminal, tests = Terminal(), rows({("snip", "rearrange"): "open"})
    table = LiveTable(terminal)
    table.show("Look at 3 seeds", tests)
    drawn = list(terminal.lines)
    table.tell("error: it diverged")
    assert terminal.lines == ["error: it diverged", ""]
    table.show("Look at 3 seeds", tests)
    assert terminal.lines == ["error: it diverged", *drawn]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 24), (60, 10), (40, 8)])
def test_no_line_is_wider_and_no_table_higher_than_the_terminal(
    size: list[int], width: int, height: int
) -> None:
    size[:] = width, height
    words = {
        (f"{LONG}{number}", check): "uses little"
        for number in range(9)
        for check in ("corrupted_data", "shuffle_weights")
    }
    terminal = Terminal()
    LiveTable(terminal).show("a status that is long " * 9, rows(words))
    assert max(map(len, terminal.lines)) < width
    assert len(terminal.lines) <= height
    assert ("and 15 more; 18 uses little" in terminal.lines) == (height == 10)


def test_at_eighty_columns_only_names_are_cut() -> None:
    lines = table_lines(
        rows({(LONG, "shuffle_weights"): "open", (LONG, "a_check_of_mine_too_long"): "uses"}), 79, 20
    )
    assert lines[1] == LONG[:78] + "…"
    assert lines[2] == "  shuffle_weights    97.5 %  open  -12.3 [-45.6, +78.9]  12     now 12/20, 70 %"
    assert lines[3] == "  a_check_of_mine_…  97.5 %  uses  -12.3 [-45.6, +78.9]  12"
    assert lines[-1] == LEGEND


def test_a_low_terminal_shows_what_runs_now_before_what_is_open_and_decided() -> None:
    words = {("snip", "rearrange"): "uses", ("snip", "reinit"): "later", ("grasp", "rearrange"): "open"}
    lines = table_lines(rows(words), 79, 6)
    assert [line.split()[0] for line in lines] == ["check", "grasp", "rearrange", "and", "next"]
    assert lines[-2].startswith("and 2 more; ")


def test_a_terminal_that_became_narrower_gets_the_table_anew_below_the_broken_one(size: list[int]) -> None:
    terminal = Terminal()
    table = LiveTable(terminal)
    table.show("one", rows({("snip", "rearrange"): "open"}))
    before = list(terminal.lines)
    size[0] = 60
    table.show("two", rows({("snip", "rearrange"): "open"}))
    assert terminal.lines[: len(before)] == [*before[:-1], "two"]


def test_lines_where_the_cursor_cannot_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(screen_of(Terminal()), LiveTable)
    assert isinstance(screen_of(io.StringIO()), PlainLines)
    for value in ("dumb", ""):
        monkeypatch.setenv("TERM", value)
        assert isinstance(screen_of(Terminal()), PlainLines)
    monkeypatch.delenv("TERM")
    assert isinstance(screen_of(Terminal()), PlainLines)
