"""What code means: one text for it under every Python, whatever is said to people, and another for any other code."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from prunepipe.results import code_meaning
from prunepipe.results.code_meaning import meaning, parse_source

CONSTRUCTS = Path(__file__).parents[1] / "data" / "python_constructs.txt"
DIGEST = "313226b5e50f2e76"
"""Of what `CONSTRUCTS` means, as every Python found it that this was tried with."""

PROGRAM = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from code_meaning import meaning, parse_source
text = meaning(parse_source(open(sys.argv[2], "rb").read()))
print(hashlib.sha256(text.encode()).hexdigest()[:16])
"""


def of(source: str) -> str:
    return meaning(parse_source(source.encode()))


def test_what_code_means_has_the_stored_checksum() -> None:
    text = meaning(parse_source(CONSTRUCTS.read_bytes()))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == DIGEST


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_other_pythons_find_the_same(minor: int) -> None:
    python = shutil.which(f"python3.{minor}")
    if python is None or subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip("not on this machine")
    folder = Path(code_meaning.__file__).parent
    command = [python, "-I", "-c", PROGRAM, str(folder), str(CONSTRUCTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == DIGEST


PLAIN = """
def load(path, count):
    if count > 3:
        raise ValueError(f"{path}: too many")
    return path
"""


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace("count > 3:", "(count   >  0x3 ):  # why"),
        PLAIN.replace("def load(path, count):", 'def load(path, count):\n    """Load."""'),
        PLAIN.replace("    return path", "    pass\n    return path") + '\n"""Of load."""\n...\n',
        PLAIN.replace('f"{path}: too many"', 'f"{count} is more than {path} may hold: {count - 3}"'),
        PLAIN.replace('f"{path}: too many"', '"too " "many"'),
        "\ufeff" + PLAIN.replace("\n", "\r\n"),
        "# -*- coding: utf-8 -*-" + PLAIN,
    ],
)
def test_what_only_people_read_does_not_count(other: str) -> None:
    assert of(other) == of(PLAIN)


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit('TEXT')",
        "raise errors.Missing('a', hint='TEXT')",
        "def f(path):\n    return ArtifactError(path, 'TEXT')",
        "print('TEXT', file=sys.stderr)",
        "sys.exit('TEXT')",
        "warnings.warn('TEXT', stacklevel=2)",
        "log.info('TEXT', 1)",
        "self.logger.warning('TEXT')",
        "assert x, 'TEXT'",
        "def f(path):\n    reason = 'TEXT' if path else 'none'\n    raise E(reason)",
        "def f(path):\n    raise E(_text(path))\ndef _text(path):\n    return f'{path} TEXT'",
        "def f(path):\n    raise E(_text(1))\ndef _text(p):\n    what = 'TEXT'\n    return _more(what)\n"
        "def _more(what):\n    return what + 'TEXT'",
        "class C:\n    def f(self):\n        raise E(self._why())\n    def _why(self):\n        return 'TEXT'",
    ],
)
def test_the_text_of_a_message_does_not_count(code: str) -> None:
    assert of(code.replace("TEXT", "one way")) == of(code.replace("TEXT", "another way"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("x = 0.0", "x = -0.0"),
        ("x = 'one'", "x = 'other'"),
        ("x = a - b", "x = a + b"),
        ("x = (a, b)", "x = [a, b]"),
        ("f(a, b)", "f(b, a)"),
        ("f(a=b)", "f(b=a)"),
        ("import a", "import a as b"),
        ("from . import a", "from .. import a"),
        ("def f(a, b=1): g()", "def f(a=1, b=1): g()"),
        ("def f(*, a, b=1): g()", "def f(*, a=1, b): g()"),
        ("def f(a): g()", "def f(*a): g()"),
        ("def f(a: int): g()", "def f(a: float): g()"),
        ("@cache\ndef f(): g()", "def f(): g()"),
        ("if a:\n    b()\nc()", "if a:\n    b()\n    c()"),
        ("for x in y: f()\nelse: g()", "for x in y: f()\ng()"),
        ("return_ = {**a, 'b': 1}", "return_ = {'b': 1, **a}"),
        ("x = f'{a:.2f}'", "x = f'{a:.3f}'"),
        ("x = f'{a!r}'", "x = f'{a}'"),
        ("x = f'{a}b'", "x = f'{a}c'"),
        ("x: int = 1", "x: float = 1"),
        ("async def f(): g()", "def f(): g()"),
        ("raise ValueError('a')", "raise KeyError('a')"),
        ("raise ValueError('a', 1)", "raise ValueError('a', 2)"),
        ("raise ValueError('a') from None", "raise ValueError('a')"),
        ("print('a', file=results)", "print('b', file=results)"),
        ("text = 'a'\nraise E(text)", "text = 'b'\nraise E(text)"),  # others can import a module's name
        (
            "def f():\n    t = 'a'\n    g(t)\n    raise E(t)",
            "def f():\n    t = 'b'\n    g(t)\n    raise E(t)",
        ),
        (
            "def f():\n    raise E(g())\ndef g(): return 'a'",
            "def f():\n    raise E(g())\ndef g(): return 'b'",
        ),
        (
            "def f():\n    raise E(_g())\ndef _g(): open('a')",
            "def f():\n    raise E(_g())\ndef _g(): open('b')",
        ),
        ("def f():\n    x = _g()\ndef _g(): return 'a'", "def f():\n    x = _g()\ndef _g(): return 'b'"),
        ("if 'a' in str(error): f()", "if 'b' in str(error): f()"),
    ],
)
def test_everything_else_counts(one: str, other: str) -> None:
    assert of(one) != of(other)


@pytest.mark.parametrize("source", [b"def f(", b"x = '\x00'", b"# coding: nothing\n", b"\xff"])
def test_what_is_not_python_is_a_syntax_error(source: bytes) -> None:
    with pytest.raises(SyntaxError):
        parse_source(source)


def test_a_declared_encoding_is_the_one_that_is_read() -> None:
    assert meaning(parse_source("# coding: latin-1\nx = 'ä'".encode("latin-1"))) == of("x = 'ä'")
