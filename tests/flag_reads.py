"""Who reads a flag or an option: a search through the functions that a command reaches, by the types of what they name.

An option counts as read where a function takes it off an object whose declared type is an options class (`config.seed`
with `config: WaveGANConfig`), a flag where one takes it off absl's FLAGS. That a check reads it, or the arithmetic of
sizes, or a loop over all fields, does not count: these would read one that has no effect, too.
"""

from __future__ import annotations

import ast
import collections
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator

from tests.syntax import FUNCTIONS, Function, bounds_of, functions_of, imports_of, last_name, pairs_of, parsed, within

FLAGS = "FLAGS"  # stands for the type of absl's flags
# Functions that read options to refuse them.
CHECKS = ("__post_init__", "need", "require_memory")
# Methods that run though nobody names them.
CALLED_UNNAMED = ("__init__", "__call__", "__enter__", "__exit__", "__iter__", "__len__", "build", "call")


@dataclasses.dataclass
class Class:
    """Facts about a class, by its name."""

    bases: list[str]
    attributes: dict[str, set[str]]  # types
    fields: list[str]


class Program:
    """The modules that one imports, directly or not."""

    def __init__(self, start: str, source_of: Callable[[str], str | None]):
        """Reads them.

        Args:
          start: the module of a command, whose `run` is its beginning.
          source_of: the text of a module of ours, None for another.
        """
        self.start, self.trees = start, dict[str, ast.Module]()
        self.imports: dict[str, dict[str, tuple[str, str]]] = {}  # by module, name -> module and name in it
        waiting = [start]
        while waiting:
            module = waiting.pop()
            source = source_of(module) if module not in self.trees else None
            if source is not None:
                self.trees[module] = parsed(source)
                self.imports[module] = imports_of(self.trees[module])
                waiting += [part for place in self.imports[module].values() for part in (place[0], ".".join(place))]
        self.functions = [f for module, tree in self.trees.items() for f in functions_of(module, tree)]
        self.by_name, self.by_owner = collections.defaultdict(list), collections.defaultdict(list)
        for function in self.functions:
            self.by_name[function.name].append(function)
            self.by_owner[function.owner].append(function)
        self.bounds = collections.defaultdict(set)  # of type variables, by name
        for name, bound in (pair for tree in self.trees.values() for pair in bounds_of(tree)):
            self.bounds[name].add(bound)
        self.classes = {name: found for tree in self.trees.values() for name, found in self._classes(tree)}
        for function in self.functions:
            if function.owner:
                self._add_attributes(function)

    def _classes(self, tree: ast.Module) -> Iterator[tuple[str, Class]]:
        for node in within(tree):
            if isinstance(node, ast.ClassDef):
                bases = [last_name(base) for base in node.bases]
                given = [part for part in node.body if isinstance(part, ast.AnnAssign)]
                names = [part.target.id for part in given if isinstance(part.target, ast.Name)]
                types = [self.types(part.annotation) for part in given]
                made = [part for part in node.body if isinstance(part, FUNCTIONS)]
                properties = {part.name: self.types(part.returns) for part in made if part.decorator_list}
                yield node.name, Class(bases, {**dict(zip(names, types, strict=True)), **properties}, names)

    def _add_attributes(self, method: Function) -> None:
        """Types of what a method assigns to `self`."""
        scope = Scope(self, method)
        for node in within(*method.body):
            if isinstance(node, ast.Assign):
                for target, value in pairs_of(node):
                    if isinstance(target, ast.Attribute) and last_name(target.value) == "self":
                        found = self.classes[method.owner].attributes.setdefault(target.attr, set())
                        found |= scope.infer(value)

    def types(self, annotation: ast.AST | None) -> set[str]:
        """Names of classes in an annotation, whose type variables count as their bounds."""
        if annotation is None:
            return set()
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            annotation = ast.parse(annotation.value, mode="eval").body
        found = {last_name(node) for node in within(annotation) if isinstance(node, ast.Name | ast.Attribute)}
        return set[str]().union(*(self.bounds.get(name, {name}) for name in found))

    def ancestors(self, name: str) -> list[str]:
        """A class and those that it is derived from, by name."""
        bases = self.classes[name].bases if name in self.classes else []
        return [name, *(other for base in bases for other in self.ancestors(base))]

    def are_options(self, name: str) -> bool:
        """Says whether a class is one of options."""
        return "Options" in self.ancestors(name)

    def reachable(self) -> set[Function]:
        """The functions that run, as far as names tell: more rather than fewer, but none of `CHECKS`."""
        waiting = [f for f in self.functions if not f.name or (f.module == self.start and f.name == "run")]
        found: set[Function] = set()
        while waiting:
            function = waiting.pop()
            if function not in found and function.name not in CHECKS:
                found.add(function)
                waiting += self._named_in(function)
        return found

    def _named_in(self, function: Function) -> Iterator[Function]:
        imports = self.imports[function.module]
        for node in within(*function.body):
            if isinstance(node, ast.Name):
                module, name = imports.get(node.id, (function.module, node.id))
                yield from (f for f in self.by_name[name] if f.module == module and not f.owner)
                yield from (f for f in self.by_owner[name] if f.name in CALLED_UNNAMED)
            elif isinstance(node, ast.Attribute):
                base = imports.get(node.value.id) if isinstance(node.value, ast.Name) else None
                of_module = ".".join(base) if base else ""
                if of_module in self.trees:
                    yield from (f for f in self.by_name[node.attr] if f.module == of_module and not f.owner)
                    yield from (f for f in self.by_owner[node.attr] if f.name in CALLED_UNNAMED)
                else:
                    yield from (f for f in self.by_name[node.attr] if f.owner)

    @functools.cached_property
    def reads(self) -> set[tuple[str, str]]:
        """(class of options or FLAGS, name) of all that is read."""
        return {read for function in self.reachable() for read in Scope(self, function).reads()}

    def reads_flag(self, name: str) -> bool:
        """Says whether a flag is read off absl's FLAGS."""
        return (FLAGS, name) in self.reads

    def reads_option(self, kind: str, name: str) -> bool:
        """Says whether an option of a class is read, off an object of it, of one derived from it, or of one above."""
        related = {*self.ancestors(kind), *(other for other in self.classes if kind in self.ancestors(other))}
        return any(known in related and other == name for known, other in self.reads)


class Scope:
    """Meanings of the names in a function."""

    def __init__(self, program: Program, function: Function):
        """Goes through its arguments and assignments."""
        self._program, self._function = program, function
        self._types: dict[str, set[str]] = collections.defaultdict(set)
        self._texts: dict[str, set[str]] = collections.defaultdict(set)
        if function.owner:
            self._types["self"] = {function.owner}
        nodes = within(*function.body)
        for node in [function.node, *nodes]:
            if isinstance(node, FUNCTIONS):
                for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                    self._types[argument.arg] |= program.types(argument.annotation)
        self._assign(within(program.trees[function.module]) if not function.name else nodes)
        self._nodes = nodes

    def _assign(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                self._types[node.target.id] |= self._program.types(node.annotation)
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                for target, value in pairs_of(node):
                    if isinstance(target, ast.Name):
                        self._types[target.id] |= self.infer(value)
                        self._texts[target.id] |= self.texts(value)
            elif isinstance(node, ast.For | ast.comprehension) and isinstance(node.target, ast.Name):
                self._texts[node.target.id] |= self.texts(node.iter)

    def infer(self, node: ast.AST) -> set[str]:
        """Names of the classes that a value may be of; FLAGS for absl's."""
        program = self._program
        if isinstance(node, ast.Name):
            return self._types[node.id]
        if isinstance(node, ast.Attribute):
            if node.attr == FLAGS:
                return {FLAGS}
            owners = [name for kind in self.infer(node.value) for name in program.ancestors(kind)]
            known = [program.classes[name] for name in owners if name in program.classes]
            return set[str]().union(*(kind.attributes.get(node.attr, set()) for kind in known))
        if isinstance(node, ast.IfExp):
            return self.infer(node.body) | self.infer(node.orelse)
        if isinstance(node, ast.BoolOp):
            return set[str]().union(*map(self.infer, node.values))
        if isinstance(node, ast.Call):
            name = last_name(node.func)
            of_arguments = set[str]().union(*map(self.infer, node.args))
            # A function that is given a class of options, or options, may give such back.
            named = {last_name(argument) for argument in node.args} & set(program.classes)
            of_arguments = {kind for kind in of_arguments | named if program.are_options(kind)}
            if name in program.classes:
                return {name}
            returned = [program.types(f.node.returns) for f in program.by_name[name] if f.node]
            found = set[str]().union(*returned)
            return found | (of_arguments if name == "replace" or any(map(program.are_options, found)) else set())
        return set()

    def texts(self, node: ast.AST) -> set[str]:
        """The strings that a value may be or hold, if that is written here."""
        if isinstance(node, ast.Constant):
            return {node.value} if isinstance(node.value, str) else set()
        if isinstance(node, ast.Name):
            return self._texts[node.id] or self._texts_of_module(node.id)
        if isinstance(node, ast.Attribute) and node.attr == "name" and isinstance(node.value, ast.Name):
            return self._texts[node.value.id]  # of a field
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return set[str]().union(*map(self.texts, node.elts))
        if isinstance(node, ast.IfExp):
            return self.texts(node.body) | self.texts(node.orelse)
        if isinstance(node, ast.Starred):
            return self.texts(node.value)
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            self._assign(node.generators)
            return self.texts(node.elt)
        if isinstance(node, ast.Call) and last_name(node.func) == "fields" and node.args:
            kind = last_name(node.args[0])
            # All of the options at once are read by what stores or compares them.
            is_other = kind in self._program.classes and not self._program.are_options(kind)
            return set(self._program.classes[kind].fields) if is_other else set()
        return set()

    def _texts_of_module(self, name: str) -> set[str]:
        for node in self._program.trees[self._function.module].body:
            if isinstance(node, ast.Assign) and [last_name(target) for target in node.targets] == [name]:
                return self.texts(node.value)
        return set()

    def reads(self) -> Iterator[tuple[str, str]]:
        """(class of options or FLAGS, name) of what the function reads."""
        for node in self._nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                yield from ((kind, node.attr) for kind in self.infer(node.value) if self._is_read_off(kind))
                if isinstance(node.value, ast.Subscript) and node.attr == "value":  # FLAGS["name"].value
                    given = self.infer(node.value.value) & {FLAGS}
                    yield from ((kind, name) for kind in given for name in self.texts(node.value.slice))
            elif isinstance(node, ast.Call) and len(node.args) > 1 and last_name(node.func) == "getattr":
                kinds = filter(self._is_read_off, self.infer(node.args[0]))
                yield from ((kind, name) for kind in kinds for name in self.texts(node.args[1]))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "own":
                names = [f"{model}_{name}" for model in ("wavegan", "specgan") for name in self.texts(node.args[0])]
                kinds = filter(self._is_read_off, self.infer(node.func.value))
                yield from ((kind, name) for kind in kinds for name in names)

    def _is_read_off(self, kind: str) -> bool:
        return kind == FLAGS or self._program.are_options(kind)
