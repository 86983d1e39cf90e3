"""Find every hint that the code can produce, by reading it: the texts that end an error message after `->`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
# What the code calls a hint: variables, parameters, keywords and attributes with these names.
_NAMES: Final = re.compile(r"hint|advice", re.IGNORECASE)
# A hint that consists of the texts of others has hardly any letters of its own.
_MIN_LETTERS: Final = 6


@dataclass(frozen=True, slots=True)
class Hint:
    """A hint, with `{}` in the place of what differs.

    Attributes:
        text: The hint.
        place: The file and line that produce it.
    """

    text: str
    place: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """A pattern of the hint in which anything may stand in each place."""
        return re.compile(".*".join(map(re.escape, self.text.split("{}"))))


@dataclass(frozen=True, slots=True)
class _Module:
    path: Path
    tree: ast.Module
    constants: dict[str, ast.expr] = field(default_factory=dict[str, ast.expr])


def hints(folders: Sequence[Path]) -> list[Hint]:
    """Return every hint in the source of these folders, without those of the simulated gateway."""
    paths = [path for folder in folders for path in sorted(folder.rglob("*.py")) if "testing" not in path.parts]
    return list(dict.fromkeys(_Finder(paths).find()))


class _Finder:
    def __init__(self, paths: Sequence[Path]) -> None:
        self._modules = [_Module(path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths]
        self._functions: dict[str, list[tuple[_Module, _Function]]] = {}
        self._followed: set[tuple[Path, str]] = set()
        for module in self._modules:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    self._functions.setdefault(node.name, []).append((module, node))
            for name, value in _assigned(module.tree.body):
                module.constants[name] = value

    def find(self) -> Iterator[Hint]:
        for module in self._modules:
            for name, value in module.constants.items():
                if _NAMES.search(name):
                    yield from self._texts(module, None, value)
            for node in ast.walk(module.tree):
                if isinstance(node, ast.ClassDef):
                    for name, value in _assigned(node.body):
                        if _NAMES.search(name):
                            yield from self._texts(module, None, value)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield from self._in_function(module, node)

    def _in_function(self, module: _Module, function: _Function) -> Iterator[Hint]:
        for name, value in _assigned(list(_statements(function))):
            if _NAMES.search(name):
                yield from self._texts(module, function, value)
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            for value in self._given(module, call):
                yield from self._texts(module, function, value)

    def _given(self, module: _Module, call: ast.Call) -> Iterator[ast.expr]:
        """Yield the arguments of a call that are hints."""
        yield from (keyword.value for keyword in call.keywords if keyword.arg and _NAMES.search(keyword.arg))
        name = _last(call.func)
        if name == "with_hint":
            yield from call.args[:1]
        for place, function in self._functions.get(name, ()):
            if place is module:
                parameters = [each.arg for each in function.args.args if each.arg not in {"self", "cls"}]
                yield from (value for each, value in zip(parameters, call.args, strict=False) if _NAMES.search(each))

    def _texts(self, module: _Module, function: _Function | None, value: ast.expr) -> Iterator[Hint]:
        match value:
            case ast.Constant(value=str(text)):
                yield from self._hint(module, value, text)
            case ast.JoinedStr(values=parts):
                yield from self._hint(module, value, "".join(self._part(module, part) for part in parts))
            case ast.Name(id=name):
                local = dict(_assigned(list(_statements(function)))) if function else {}
                if name in local and function:
                    for each, assigned in _assigned(list(_statements(function))):
                        if each == name and (module.path, f"{function.name}.{name}") not in self._followed:
                            yield from self._texts(module, None, assigned)
                            yield from self._of_call(module, assigned)
                elif name in module.constants:
                    yield from self._texts(module, None, module.constants[name])
            case ast.Call() | ast.Await():
                yield from self._of_call(module, value)
            case _:
                for child in _alternatives(value):
                    yield from self._texts(module, function, child)

    def _of_call(self, module: _Module, value: ast.expr) -> Iterator[Hint]:
        """Yield the texts that a function returns, or that a mapping made by a call has."""
        call = value.value if isinstance(value, ast.Await) else value
        if not isinstance(call, ast.Call):
            return
        name = _last(call.func)
        if name in {"MappingProxyType", "fromkeys", "cast"}:
            for argument in call.args:
                yield from self._texts(module, None, argument)
        for place, function in self._functions.get(name, ()):
            if (place.path, name) in self._followed or not _returns_text(function):
                continue
            self._followed.add((place.path, name))
            for node in ast.walk(function):
                if isinstance(node, ast.Return) and node.value is not None:
                    yield from self._texts(place, function, node.value)

    def _part(self, module: _Module, part: ast.expr) -> str:
        if isinstance(part, ast.Constant):
            return str(part.value)
        inner = part.value if isinstance(part, ast.FormattedValue) else part
        constant = module.constants.get(inner.id) if isinstance(inner, ast.Name) else None
        return constant.value if isinstance(constant, ast.Constant) and isinstance(constant.value, str) else "{}"

    def _hint(self, module: _Module, node: ast.expr, text: str) -> Iterator[Hint]:
        if len(re.findall(r"[a-z]", text)) >= _MIN_LETTERS:
            yield Hint(text.strip(), f"{module.path.name}:{node.lineno}")


def _assigned(statements: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that statements assign, and their values."""
    for statement in statements:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                yield _last(target), statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            yield _last(statement.target), statement.value


def _statements(function: _Function) -> Iterator[ast.stmt]:
    return (node for node in ast.walk(function) if isinstance(node, ast.stmt))


def _alternatives(value: ast.expr) -> list[ast.expr]:
    match value:
        case ast.IfExp(body=body, orelse=orelse):
            return [body, orelse]
        case ast.BoolOp(values=values):
            return values
        case ast.Dict(values=values):
            return values
        case _:
            return []


def _returns_text(function: _Function) -> bool:
    return function.returns is not None and ast.unparse(function.returns) in {"str", "str | None"}


def _last(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
