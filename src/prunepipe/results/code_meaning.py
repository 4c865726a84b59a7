"""Reduce Python source to its meaning: text that is the same under every Python and ignores what only people read.

It ignores comments, layout, docstrings and other stand-alone constants, `pass`, and the text of messages.
An expression makes a message if it is

* an argument of `raise X(...)` or of any call of a name that ends in Error, Exception or Warning;
* an argument of `print` to the screen, `sys.exit`, `warnings.warn` or a logger's methods, or the text of an `assert`;
* the value of a local name that is read only in messages;
* the return value of a private function of the module that is called only in messages.

Neither the strings nor the f-strings of a message count, including interpolated values. Everything else counts.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator

IGNORED_FIELDS = {"ctx", "kind", "type_comment", "type_ignores"}
"""Fields of syntax tree nodes that follow from the rest or are comments."""

EXCEPTIONS = ("Error", "Exception", "Warning")
SPEAKERS = {"print", "exit", "sys.exit", "warn", "warnings.warn"}
LOGGERS = {"log", "logger", "logging"}
LOGGER_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
SCREEN = {"sys.stdout", "sys.stderr"}

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def parse_source(source: bytes, name: str = "<unknown>") -> ast.Module:
    """Parse source as Python does, including a byte order mark or a declared encoding.

    Args:
        source: content of a whole file.
        name: name of the file, for the error.

    Raises:
        SyntaxError: the source is not valid Python.
    """
    with warnings.catch_warnings():  # Python shows them when the file is imported
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source, name)
        except ValueError as error:  # raised by Python 3.11 for a null byte
            raise SyntaxError(str(error)) from error


def meaning(tree: ast.Module, *, all_messages: bool = False) -> str:
    """Return the meaning of a module as text; equal texts mean equal code, whichever Python parsed it.

    Args:
        tree: syntax tree of the module.
        all_messages: whether to treat all strings of the module as messages.
    """
    messages: Iterable[ast.AST] = [tree] if all_messages else _messages(tree)
    return _text(tree, {id(node) for node in _texts(messages)})


def _text(value: object, unread: set[int]) -> str:
    """Return a node, a list of nodes or a plain field as text; `unread` holds the ids of the message strings."""
    if isinstance(value, list):
        return "[" + ",".join(_text(entry, unread) for entry in value if not _idle(entry)) + "]"
    if not isinstance(value, ast.AST):
        return ascii(value)
    if id(value) in unread:
        return "message"
    if isinstance(value, ast.Constant):
        return f"{type(value.value).__name__} {value.value!a}"
    if isinstance(value, ast.JoinedStr):
        return f"JoinedStr({_pieces(value, unread)})"
    fields = {
        name: getattr(value, name, None) for name in sorted(value._fields) if name not in IGNORED_FIELDS
    }
    # A field that an older Python lacks is absent there, and empty or None here.
    said = [f"{name}={_text(field, unread)}" for name, field in fields.items() if field not in (None, [])]
    return f"{type(value).__name__}({','.join(said)})"


def _idle(node: object) -> bool:
    """Return whether a statement does nothing: `pass`, or a stand-alone constant such as a docstring."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _pieces(node: ast.JoinedStr, unread: set[int]) -> str:
    """Return the pieces of an f-string, joining adjacent text, which Python versions split differently."""
    pieces: list[str] = []
    text = ""
    for piece in [*node.values, None]:
        if isinstance(piece, ast.Constant):
            text += str(piece.value)
            continue
        pieces += [ascii(text)] if text else []
        pieces += [_text(piece, unread)] if piece else []
        text = ""
    return ",".join(pieces)


def _texts(messages: Iterable[ast.AST]) -> Iterator[ast.expr]:
    """Yield the strings and f-strings in messages."""
    for message in messages:
        for node in ast.walk(message):
            if isinstance(node, ast.JoinedStr) or (
                isinstance(node, ast.Constant) and isinstance(node.value, str)
            ):
                yield node


def _messages(tree: ast.Module) -> list[ast.expr]:
    """Return the expressions that make messages, and code that serves only them."""
    nodes = list(ast.walk(tree))
    messages = [message for node in nodes for message in _said_by(node)]
    if not messages:
        return []
    readers = _reads(nodes)
    functions = {node: list(ast.walk(node)) for node in nodes if isinstance(node, FUNCTIONS)}
    inside: set[int] = set()
    while messages_left := [message for message in messages if id(message) not in inside]:
        inside |= {id(node) for message in messages_left for node in ast.walk(message)}
        for function, own in functions.items():
            if function.name.startswith("_") and _only_in(inside, readers.get(function.name)):
                messages += [node.value for node in own if isinstance(node, ast.Return) and node.value]
            if any(id(node) in inside for node in own):
                messages += _assigned(own, inside)
    return messages


def _said_by(node: ast.AST) -> list[ast.expr]:
    """Return the expressions of a node that people read."""
    if isinstance(node, ast.Assert):
        return [node.msg] if node.msg else []
    if isinstance(node, ast.Raise):
        node = node.exc or node
        return _arguments(node) if isinstance(node, ast.Call) else []
    return _arguments(node) if isinstance(node, ast.Call) and _speaks(node) else []


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _speaks(call: ast.Call) -> bool:
    """Return whether a call makes an exception or shows text to people."""
    name = ast.unparse(call.func) if isinstance(call.func, ast.Name | ast.Attribute) else ""
    owner, _, last = name.rpartition(".")
    if last.endswith(EXCEPTIONS):
        return True
    if owner.rpartition(".")[2].lower().lstrip("_") in LOGGERS:
        return last in LOGGER_METHODS
    files = [ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == "file"]
    return name in SPEAKERS and set(files) <= SCREEN


def _assigned(nodes: list[ast.AST], inside: set[int]) -> list[ast.expr]:
    """Return the values of a function's local names that are read only in messages."""
    readers = _reads(nodes)
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and len(node.targets) == 1
        and _only_in(inside, readers.get(node.targets[0].id))
    ]


def _only_in(inside: set[int], readers: list[int] | None) -> bool:
    return bool(readers) and inside.issuperset(readers or ())


def _reads(nodes: Iterable[ast.AST]) -> dict[str, list[int]]:
    """Return the ids of the nodes that read each name, directly or as an attribute."""
    reads: dict[str, list[int]] = {}
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            reads.setdefault(node.id, []).append(id(node))
        elif isinstance(node, ast.Attribute):
            reads.setdefault(node.attr, []).append(id(node))
    return reads
