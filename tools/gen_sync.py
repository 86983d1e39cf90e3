"""Generate the synchronous classes of `mxgateway.sync` from the asynchronous ones, or check that they are up to date.

Each public method becomes an ordinary one with the same parameters and defaults, whose docstring says the same without
`await`. The bases of the generated classes, and what they need of threads, are written by hand in `sync/wrapper.py`.

Exit status: 0 done or up to date, 1 out of date, 2 the generated code could not be formatted.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from sync_words import synchronous

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "packages" / "mxaccess-gateway-client" / "src" / "mxgateway"
TARGET = CLIENT / "sync"
SESSION = ("session", "Session")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """A class to wrap.

    Attributes:
        module: Its module, below `mxgateway`.
        name: Its name.
        base: The base of its wrapper in `mxgateway.sync.wrapper`.
        item: The annotation of its items, if it is an iterator.
        inherits: Where inherited public methods come from: modules and names of base classes in the client.
        parts: The names of generated classes that it inherits from, by module below `mxgateway.sync`.
        holder: The module and name of the class whose object is wrapped, if it is another one.
    """

    module: str
    name: str
    base: str = "Wrapper"
    item: str | None = None
    inherits: Sequence[tuple[str, str]] = ()
    parts: Mapping[str, str] = field(default_factory=dict[str, str])
    holder: tuple[str, str] | None = None


STREAM = ("_transport.streams.stream", "Stream")
# The generated modules below `mxgateway.sync`, and the classes of each.
MODULES: Mapping[str, Sequence[Wrapped]] = {
    "client": [Wrapped(module="client", name="GatewayClient", base="Entering")],
    "session": [
        Wrapped(
            module="session",
            name="Session",
            base="Entering",
            parts={
                "commands.items": "ItemCommands",
                "commands.writes": "WriteCommands",
                "commands.bulk": "BulkCommands",
                "commands.alarms": "AlarmCommands",
                "commands.control": "ControlCommands",
            },
        )
    ],
    "commands.items": [Wrapped(module="_commands.items", name="ItemCommands", holder=SESSION)],
    "commands.writes": [Wrapped(module="_commands.writes", name="WriteCommands", holder=SESSION)],
    "commands.bulk": [Wrapped(module="_commands.bulk", name="BulkCommands", holder=SESSION)],
    "commands.alarms": [Wrapped(module="_commands.alarms", name="AlarmCommands", holder=SESSION)],
    "commands.control": [Wrapped(module="_commands.control", name="ControlCommands", holder=SESSION)],
    "events": [Wrapped(module="events.stream", name="EventStream", base="Closing", item="MxEvent", inherits=[STREAM])],
    "tags": [
        Wrapped(module="tags.client", name="TagClient", base="Entering"),
        Wrapped(module="tags.watches.watch", name="TagWatch", base="Closing", item="WatchItem"),
        Wrapped(module="tags.calls.polling", name="TagPoll", base="Iterating", item="TagSnapshot"),
    ],
    "alarms": [
        Wrapped(module="alarms.feed", name="AlarmFeed", base="Closing", item="AlarmFeedItem", inherits=[STREAM]),
        Wrapped(module="alarms.active", name="ActiveAlarms", base="Closing", item="ActiveAlarm", inherits=[STREAM]),
        Wrapped(module="alarms.watch", name="AlarmWatch", base="Closing", item="AlarmWatchItem"),
    ],
    "galaxy": [
        Wrapped(module="galaxy.client", name="Galaxy"),
        Wrapped(module="galaxy.pages", name="GalaxyObjects", base="Iterating", item="GalaxyObject"),
        Wrapped(module="galaxy.deploys", name="DeployWatch", base="Closing", item="DeployEvent", inherits=[STREAM]),
    ],
}
HOME = {each.name: module for module, classes in MODULES.items() for each in classes if each.holder is None}

# Bodies that are more than the call of the wrapped method. Items that were fetched are not delivered yet.
BODIES = {
    ("pending",): "return len(self._items) + self._wrapped.pending",
    ("delivered",): "return self._wrapped.delivered - len(self._items)",
    ("last_sequence",): "waiting = next((event.sequence for event in self._items if event.sequence), 0)\n"
    "return waiting - 1 if waiting else self._wrapped.last_sequence",
    ("TagWatch", "take"): "return self._take(limit)",
    ("AlarmWatch", "take"): "return self._take(limit)",
    ("AlarmWatch", "active"): "return self._call(lambda: dict(self._wrapped.active))",
    ("GatewayClient", "connect"): "threads = loop_thread()\n"
    "opened = threads.run(_connect, options, **fields)\n"
    "client = cls(opened, threads)\n"
    "threads.close_with(client, opened, opened.options.close_timeout)\n"
    "return client",
}
# What a class has beside its methods.
EXTRAS = {
    "GatewayClient": """

def _connect(options: ClientOptions | str | None, **fields: Any) -> Awaitable[async_client.GatewayClient]:
    # Imported here, so that importing this module stays quick.
    from mxgateway.client import GatewayClient  # noqa: PLC0415

    connect: Any = GatewayClient.connect
    return cast("Awaitable[async_client.GatewayClient]", connect(options, **fields))
"""
}


class Source:
    """A module of the client: its classes, and where the names in it come from."""

    def __init__(self, module: str) -> None:
        self.module = module
        path = CLIENT / f"{module.replace('.', '/')}.py"
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.imports = dict(_imports(self.tree, module))

    def class_named(self, name: str) -> ast.ClassDef:
        """Return a class of the module."""
        return next(node for node in self.tree.body if isinstance(node, ast.ClassDef) and node.name == name)

    def literal(self, default: ast.expr | None) -> ast.expr | None:
        """Return the value of a default that is a constant of the module, and any other default unchanged."""
        for node in self.tree.body:
            if (
                isinstance(default, ast.Name)
                and isinstance(node, ast.AnnAssign)
                and isinstance(node.target, ast.Name)
                and node.target.id == default.id
            ):
                return node.value
        return default


def _imports(tree: ast.Module, module: str) -> Iterator[tuple[str, str]]:
    """Yield each name of a module with the statement that imports it elsewhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module != "__future__":
            for alias in node.names:
                yield (
                    alias.asname or alias.name,
                    f"from {node.module} import {alias.name}" + (f" as {alias.asname}" if alias.asname else ""),
                )
    for statement in tree.body:
        names = [statement.name] if isinstance(statement, ast.ClassDef) else []
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            names = [statement.target.id]
        for name in names:
            yield name, f"from mxgateway.{module} import {name}"


@dataclass(slots=True)
class Module:
    """A generated module as it grows."""

    name: str
    annotations: dict[str, str] = field(default_factory=dict[str, str])
    runtime: set[str] = field(default_factory=set[str])
    body: list[str] = field(default_factory=list[str])

    def need(self, annotation: ast.expr | None, source: Source) -> None:
        """Import the names of an annotation for type checkers."""
        for node in ast.walk(annotation) if annotation is not None else ():
            if isinstance(node, ast.Name):
                self.need_name(node.id, source)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self.need(ast.parse(node.value, mode="eval").body, source)

    def need_name(self, name: str, source: Source) -> None:
        """Import one name for type checkers."""
        if name in HOME:
            if HOME[name] != self.name:
                self.annotations[name] = f"from mxgateway.sync.{HOME[name]} import {name}"
        elif name in source.imports:
            self.annotations[name] = source.imports[name]


def _synchronous(annotation: ast.expr | None) -> ast.expr | None:
    """Return the annotation of an opened object for that of one to be awaited."""
    match annotation:
        case ast.Subscript(value=ast.Name(id="AwaitableContextManager"), slice=opened):
            return opened
        case _:
            return annotation


def _wrapper_of(annotation: ast.expr | None) -> str | None:
    return annotation.id if isinstance(annotation, ast.Name) and annotation.id in HOME else None


def docstring(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, indent: str) -> str:
    """Return the docstring of a class or function as a statement, in the words of synchronous programs."""
    text = ast.get_docstring(node) or ""
    text = synchronous(text, len(indent))
    opening = 'r"""' if "\\" in text else '"""'
    lines = [f"{indent}{line}" if line else "" for line in text.rstrip().splitlines()]
    closing = f'\n{indent}"""' if len(lines) > 1 else '"""'
    return f"{indent}{opening}" + "\n".join(lines).strip() + closing


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the arguments with which a method calls the wrapped one."""
    parts = [_unwrapping(each) for each in [*node.args.posonlyargs, *node.args.args][1:]]
    if node.args.vararg:
        parts.append(f"*{node.args.vararg.arg}")
    parts += [f"{each.arg}={_unwrapping(each)}" for each in node.args.kwonlyargs]
    if node.args.kwarg:
        parts.append(f"**{node.args.kwarg.arg}")
    return ", ".join(parts)


def _unwrapping(argument: ast.arg) -> str:
    return f"unwrapped({argument.arg})" if _wrapper_of(argument.annotation) else argument.arg


def _body(node: ast.FunctionDef | ast.AsyncFunctionDef, wrapped: Wrapped, module: Module, *, overloaded: bool) -> str:
    """Return the statements of a method."""
    special = BODIES.get((wrapped.name, node.name)) or BODIES.get((node.name,))
    if special is not None:
        return special
    wrapper = _wrapper_of(_synchronous(node.returns))
    if _is_property(node):
        value = f"self._wrapped.{node.name}"
        if wrapper is None:
            return f"return {value}"
        return f"return {_wrapping(wrapper, f'self._call(lambda: {value})', module)}"
    function = f"self._wrapped.{node.name}"
    opens = _synchronous(node.returns) is not node.returns
    runner = "_run" if isinstance(node, ast.AsyncFunctionDef) or opens else "_call"
    if overloaded or node.args.kwarg:
        # ParamSpec describes neither overloads nor keywords of a TypedDict.
        module.runtime.add("from typing import cast")
        home = (
            next(each for classes in MODULES.values() for each in classes if each.name == wrapper) if wrapper else None
        )
        if home is not None:
            module.annotations[f"async_{home.name}"] = (
                f"from mxgateway.{home.module} import {home.name} as Async{home.name}"
            )
        kind = f"Async{wrapper}" if wrapper else ast.unparse(node.returns) if node.returns else "None"
        if runner == "_run":
            module.annotations["Awaitable"] = "from collections.abc import Awaitable"
            kind = f"Awaitable[{kind}]"
        module.annotations["Callable"] = "from collections.abc import Callable"
        function = f'cast("Callable[..., {kind}]", {function})'
    arguments = _arguments(node)
    call = f"self.{runner}({function}{', ' if arguments else ''}{arguments})"
    if "unwrapped(" in call:
        module.runtime.add("from mxgateway.sync.wrapper import unwrapped")
    if wrapper == "TagClient":
        closing = "self._threads.close_with(tags, opened, self._wrapped.options.close_timeout)"
        return f"opened = {call}\ntags = {_wrapping(wrapper, 'opened', module)}\n{closing}\nreturn tags"
    if wrapper is not None:
        return f"return {_wrapping(wrapper, call, module)}"
    returns_nothing = isinstance(node.returns, ast.Constant) and node.returns.value is None
    return call if returns_nothing else f"return {call}"


def _wrapping(wrapper: str, call: str, module: Module) -> str:
    if HOME[wrapper] != module.name:
        module.runtime.add(f"from mxgateway.sync.{HOME[wrapper]} import {wrapper}")
    return f"{wrapper}({call}, self._threads, self)"


def _decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [ast.unparse(each) for each in node.decorator_list]


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return "property" in _decorators(node)


def _method(
    node: ast.FunctionDef | ast.AsyncFunctionDef, wrapped: Wrapped, module: Module, source: Source, *, overloaded: bool
) -> str:
    """Return the source of a synchronous method."""
    arguments = cast("ast.FunctionDef", ast.parse(f"def f({ast.unparse(node.args)}): ...").body[0])
    for each in ast.walk(arguments.args):
        if isinstance(each, ast.arg):
            module.need(each.annotation, source)
    arguments.args.kw_defaults = [source.literal(each) for each in arguments.args.kw_defaults]
    arguments.args.defaults = [each for each in map(source.literal, arguments.args.defaults) if each is not None]
    for default in [*arguments.args.defaults, *arguments.args.kw_defaults]:
        for each in ast.walk(default) if default is not None else ():
            if isinstance(each, ast.Name):
                module.runtime.add(source.imports[each.id])
    returns = _synchronous(node.returns)
    module.need(returns, source)
    decorators = _decorators(node)
    lines = [f"    @{decorator}" for decorator in decorators]
    if "overload" in decorators:
        module.runtime.add("from typing import overload")
    head = f"    def {node.name}({ast.unparse(arguments.args)}) -> {ast.unparse(returns) if returns else 'None'}:"
    if "overload" in decorators:
        return "\n".join([*lines, f"{head} ..."])
    body = _body(node, wrapped, module, overloaded=overloaded).splitlines()
    return "\n".join([*lines, head, docstring(node, " " * 8), *(f"        {line}" for line in body)])


def _methods(wrapped: Wrapped) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, Source]]:
    """Yield the public methods of a class, its own ones first, and the overloads before what they overload."""
    seen: set[str] = set()
    for module, name in [(wrapped.module, wrapped.name), *wrapped.inherits]:
        source = Source(module)
        own = [
            node
            for node in source.class_named(name).body
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_")
        ]
        for node in own:
            if node.name not in seen:
                yield node, source
        seen |= {node.name for node in own}


def add_class(wrapped: Wrapped, module: Module) -> None:
    """Add the synchronous class of an asynchronous one to a module."""
    source = Source(wrapped.module)
    holder_module, holder = wrapped.holder or (wrapped.module, wrapped.name)
    alias = f"async_{holder_module.rpartition('.')[2]}"
    package = f"mxgateway.{holder_module}".rpartition(".")[0]
    module.annotations[alias] = f"from {package} import {holder_module.rpartition('.')[2]} as {alias}"
    module.runtime.add(f"from mxgateway.sync.wrapper import {wrapped.base}")
    kind = f'{wrapped.base}["{alias}.{holder}"]'
    if wrapped.item is not None:
        kind = f'{wrapped.base}["{alias}.{holder}", "{wrapped.item}"]'
        module.need_name(wrapped.item, source)
        if wrapped.item not in module.annotations:
            raise SystemExit(f"{wrapped.item} is unknown in {wrapped.module}")
    for part, name in wrapped.parts.items():
        module.runtime.add(f"from mxgateway.sync.{part} import {name}")
    bases = ", ".join([kind, *wrapped.parts.values()])
    lines = [f"class {wrapped.name}({bases}):", docstring(source.class_named(wrapped.name), " " * 4)]
    overloaded: set[str] = set()
    for node, origin in _methods(wrapped):
        if "overload" in _decorators(node):
            overloaded.add(node.name)
        lines += ["", _method(node, wrapped, module, origin, overloaded=node.name in overloaded)]
    extra = EXTRAS.get(wrapped.name)
    if extra is not None:
        lines.append(extra)
        module.runtime |= {
            "from typing import Any",
            "from typing import cast",
            "from mxgateway.sync.loop_thread import loop_thread",
        }
        module.annotations["Awaitable"] = "from collections.abc import Awaitable"
    module.body.append("\n".join(lines))


def generated(name: str, classes: Sequence[Wrapped]) -> str:
    """Return the source of a generated module."""
    module = Module(name)
    for wrapped in classes:
        add_class(wrapped, module)
    names = sorted(wrapped.name for wrapped in classes)
    listed = ", ".join(f"`{each}`" for each in names)
    typing_only = sorted(set(module.annotations.values()) - module.runtime)
    return "\n".join(
        [
            f'"""The synchronous {listed}: generated by `gen-sync`, do not edit."""',
            "",
            "from __future__ import annotations",
            "",
            "from typing import TYPE_CHECKING",
            *sorted(module.runtime),
            "",
            "if TYPE_CHECKING:",
            *(f"    {statement}" for statement in typing_only),
            "",
            f"__all__ = {names!r}",
            "",
            *(f"\n{each}\n" for each in module.body),
        ]
    )


def formatted(sources: Mapping[str, str]) -> dict[str, str]:
    """Return the modules as ruff sorts and formats them."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in sources.items():
            (Path(folder) / f"{name}.py").write_text(text, encoding="utf-8")
        config = str(ROOT / "tools" / "ruff.toml")
        for command in (["check", "--fix", "--select", "I", "--quiet"], ["format", "--quiet"]):
            done = subprocess.run(["ruff", *command, "--config", config, folder], check=False)
            if done.returncode:
                raise SystemExit(2)
        return {name: (Path(folder) / f"{name}.py").read_text(encoding="utf-8") for name in sources}


def main() -> int:
    """Write or check the modules."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="report files that are out of date, and write nothing")
    check = parser.parse_args().check
    modules = formatted({name: generated(name, classes) for name, classes in MODULES.items()})
    stale = 0
    for name, text in modules.items():
        path = TARGET / f"{name.replace('.', '/')}.py"
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if check:
            print(f"{path.relative_to(ROOT)} is out of date: run gen-sync", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
