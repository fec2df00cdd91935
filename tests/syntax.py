"""Contents of Python source: functions, imports, type variables and assignments, as the `ast` module has them."""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Iterator

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclasses.dataclass(frozen=True, eq=False)
class Function:
    """A function or a method with all that stands in it, or what stands in a module outside of them."""

    module: str
    owner: str  # its class, "" if it has none
    name: str  # "" for a module
    body: tuple[ast.AST, ...]
    node: ast.FunctionDef | ast.AsyncFunctionDef | None = None


@functools.cache
def parsed(source: str) -> ast.Module:
    """The tree of a module, parsed once."""
    return ast.parse(source)


@functools.cache
def within(*nodes: ast.AST) -> tuple[ast.AST, ...]:
    """Nodes and all that stand in them, gone through once."""
    return tuple(part for node in nodes for part in ast.walk(node))


def last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`, of `c`, and of `c[d]`."""
    if isinstance(node, ast.Subscript):
        return last_name(node.value)
    return str(getattr(node, "attr", getattr(node, "id", "")))


@functools.cache
def imports_of(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Name in the module -> the module that it is imported from, and its name there."""
    found = {}
    for node in within(tree):
        if isinstance(node, ast.Import):
            found.update({alias.asname or alias.name: (*alias.name.rpartition(".")[::2],) for alias in node.names})
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({alias.asname or alias.name: (node.module, alias.name) for alias in node.names})
    return found


def functions_of(module: str, tree: ast.Module) -> Iterator[Function]:
    """Functions and methods; those within others are parts of them."""
    rest: list[ast.AST] = []
    for node in tree.body:
        if isinstance(node, FUNCTIONS):
            yield Function(module, "", node.name, tuple(node.body), node)
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, FUNCTIONS):
                    yield Function(module, node.name, part.name, tuple(part.body), part)
                else:
                    rest.append(part)
        else:
            rest.append(node)
    yield Function(module, "", "", tuple(rest))


def bounds_of(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(name, bound) of type variables."""
    for node in tree.body:
        value = node.value if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.Assign) and isinstance(value, ast.Call) and last_name(value.func) == "TypeVar":
            for bound in (keyword.value for keyword in value.keywords if keyword.arg == "bound"):
                name = str(bound.value) if isinstance(bound, ast.Constant) else last_name(bound)
                yield last_name(node.targets[0]), name


def pairs_of(node: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Targets of an assignment with their values, one by one where both are tuples."""
    assert node.value is not None
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        else:
            yield target, node.value
