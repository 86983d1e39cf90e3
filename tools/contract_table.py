"""Write the contract table of the documentation, or check that it is up to date.

    python tools/contract_table.py            writes the table
    python tools/contract_table.py --check    prints what is missing or out of date, and changes nothing

The rows come from the descriptors of the contract: each rpc, each command kind, each event family. The cells are found
in the code: the public method that sends it or the class of the event, the file of the simulated gateway that answers,
the command of mxgw-py that calls the method, and a test that does. Exit status: 0 done or up to date, 1 a cell is
missing or the table is out of date, 2 invalid usage.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import TypeAlias

import click
from google.protobuf.descriptor import EnumDescriptor
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

import mxgateway
from mxgateway.events import MxEvent
from mxgateway.events.views import to_event
from mxgateway.testing.commands.table import COMMANDS
from mxgateway_cli.app import COMMANDS as COMMAND_LINE
from mxgateway_cli.app import app
from mxgateway_cli.connecting.client import Gateway

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "packages" / "mxaccess-gateway-client"
PAGE = CLIENT / "docs" / "reference" / "contract.md"
SIMULATOR = CLIENT / "src" / "mxgateway" / "testing"
TESTS = CLIENT / "tests"
BEGIN, END = "<!-- contract table: begin -->\n", "<!-- contract table: end -->"
SERVICES = (
    pb.DESCRIPTOR.services_by_name["MxAccessGateway"],
    galaxy_pb.DESCRIPTOR.services_by_name["GalaxyRepository"],
)
HEAD = ("contract", "in Python", "simulated by", "`mxgw-py`", "tested in")
PUBLIC_CLASSES = (mxgateway.GatewayClient, mxgateway.Session, mxgateway.Galaxy)
# This rpc carries all commands of a session, which have their own rows.
CARRIES_COMMANDS = "Invoke"


Use: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One part of the contract, and its places in the code.

    Attributes:
        contract: Its name in the contract.
        places: Its places, one per column; empty if it was not found.
    """

    contract: str
    places: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        """The columns without a place."""
        return [column for column, place in zip(HEAD[1:], self.places, strict=True) if not place]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A function and what it uses, itself or through the functions it calls.

    Attributes:
        name: Its name.
        place: Its place, as shown in the table.
        uses: The attributes it uses as (owner, name), where owner is the last name of the owner's expression. The owner
            of a plain name is empty.
    """

    name: str
    place: str
    uses: frozenset[Use]


def rows() -> Iterator[tuple[str, list[Row]]]:
    """Yield the rows of each section."""
    commands, tests = list(command_line()), list(tests_of(TESTS))
    for service in SERVICES:
        simulated = rpc_handlers()
        methods = [method.name for method in service.methods]
        yield f"rpcs of {service.name}", [rpc_row(name, simulated, commands, tests) for name in methods]
    yield (
        "commands",
        [command_row(name, number, commands, tests) for name, number in kinds(pb.MxCommandKind.DESCRIPTOR)],
    )
    raised = families_raised()
    yield (
        "events",
        [family_row(name, number, raised, commands, tests) for name, number in kinds(pb.MxEventFamily.DESCRIPTOR)],
    )


def kinds(enum: EnumDescriptor) -> list[tuple[str, int]]:
    """Return the names and numbers of an enum of the contract, without its zero."""
    return [(value.name, value.number) for value in enum.values if value.number]


def rpc_row(name: str, simulated: Mapping[str, str], commands: Sequence[Code], tests: Sequence[Code]) -> Row:
    """Return the row of an rpc."""
    methods = [each for each in public_methods() if f"(rpc `{name}`)" in (each.__doc__ or "")]
    ways = "every command below" if name == CARRIES_COMMANDS else users(commands, name, methods)
    return Row(contract=name, places=(named(methods), simulated.get(name, ""), ways, users(tests, name, methods)))


def command_row(name: str, number: int, commands: Sequence[Code], tests: Sequence[Code]) -> Row:
    """Return the row of a command kind."""
    methods = [each for each in public_methods() if ("pb", name) in uses_of(each)]
    handler = COMMANDS.get(pb.MxCommandKind.ValueType(number))
    simulated = "" if handler is None else linked(Path(inspect.getfile(handler.run)))
    contract = name.removeprefix("MX_COMMAND_KIND_")
    ways, tested = users(commands, contract, methods), users(tests, contract, methods)
    return Row(contract=contract, places=(named(methods), simulated, ways, tested))


def family_row(
    name: str, number: int, raised: Mapping[str, str], commands: Sequence[Code], tests: Sequence[Code]
) -> Row:
    """Return the row of an event family."""
    kind = type(to_event(pb.MxEvent(family=pb.MxEventFamily.ValueType(number))))
    known = kind is not MxEvent and kind.__name__ in dir(mxgateway)
    return Row(
        contract=name.removeprefix("MX_EVENT_FAMILY_"),
        places=(
            f"`{kind.__name__}`" if known else "",
            raised.get(name, ""),
            users(commands, "", [mxgateway.Session.stream_events]),
            best(tests, {kind.__name__}, lambda use: use == ("", kind.__name__)),
        ),
    )


def public_methods() -> list[FunctionType]:
    """Return the public methods of the classes that talk to a gateway."""
    return [
        method
        for each in PUBLIC_CLASSES
        for name, method in inspect.getmembers(each, inspect.isfunction)
        if not name.startswith("_")
    ]


def named(methods: Iterable[Callable[..., object]]) -> str:
    """Return the methods as `Class.method`."""
    return ", ".join(dict.fromkeys(f"`{owner(method).__name__}.{method.__name__}`" for method in methods))


def owner(method: Callable[..., object]) -> type[object]:
    """Return the public class of a method."""
    return next(each for each in PUBLIC_CLASSES if getattr(each, method.__name__, None) is method)


def users(code: Sequence[Code], contract: str, methods: Sequence[Callable[..., object]]) -> str:
    """Return the place of the code that uses one of these methods, preferably named after it or after the contract."""
    others = {each.__name__.lower().removeprefix("gateway") for each in PUBLIC_CLASSES}
    owners = {owner(method).__name__.lower().removeprefix("gateway") for method in methods}
    names = {method.__name__ for method in methods}

    def meant(use: Use) -> bool:
        """Return True for the method, and False for a method of another class with the same name."""
        return use[1] in names and not any(other in use[0].lower() for other in others - owners)

    return best(code, {contract, *names}, meant)


def best(code: Sequence[Code], names: set[str], meant: Callable[[Use], bool]) -> str:
    """Return the place of the code that uses something: preferably named after it, or using little else."""
    using = [each for each in code if not names.isdisjoint(names_in(each.uses)) and any(map(meant, each.uses))]
    words = {plain(name) for name in names}

    def distance(each: Code) -> tuple[bool, bool, int]:
        own = plain(each.name)
        return own not in words, not any(word in own or own in word for word in words), len(each.uses)

    return min(using, key=distance).place if using else ""


@cache
def names_in(uses: frozenset[Use]) -> frozenset[str]:
    """Return the names that are used, whatever they belong to."""
    return frozenset(name for _, name in uses)


def plain(name: str) -> str:
    """Return a name without the characters in which names of Python and of the command line differ."""
    return re.sub(r"\W|_", "", name).lower()


def linked(path: Path) -> str:
    """Return a link to a file of the client."""
    return f"[{path.stem}](../../{path.relative_to(CLIENT).as_posix()})"


def rpc_handlers() -> dict[str, str]:
    """Return the file of the simulated gateway that serves each rpc."""
    served = re.compile(r'^ +"(\w+)": Rpc\(', re.MULTILINE)
    return {
        name: linked(path)
        for path in sorted(SIMULATOR.rglob("*.py"))
        for name in served.findall(path.read_text(encoding="utf-8"))
    }


def families_raised() -> dict[str, str]:
    """Return the file of the simulated gateway that raises the events of each family."""
    raised = re.compile(r"\bfamily=pb\.(MX_EVENT_FAMILY_\w+)")
    return {
        name: linked(path)
        for path in sorted(SIMULATOR.rglob("*.py"))
        for name in raised.findall(path.read_text(encoding="utf-8"))
    }


def command_line() -> Iterator[Code]:
    """Yield the commands of mxgw-py with everything they use of the client."""
    for name in (name for section in COMMAND_LINE.values() for name in section):
        command = app.get_command(click.Context(app), name)
        if command is not None and command.callback is not None:
            function = inspect.unwrap(command.callback)
            yield Code(name=name, place=f"`{name}`", uses=frozenset(used_by(function, set())))


def used_by(thing: object, seen: set[object]) -> set[Use]:
    """Return what a function or class of the command line uses, itself or through the functions it calls."""
    if not (inspect.isfunction(thing) or inspect.isclass(thing)) or thing in seen:
        return set()
    if not thing.__module__.startswith("mxgateway_cli"):
        return set()
    seen.add(thing)
    code: Callable[..., object] = thing
    used = set(uses_of(code))
    known = {**vars(importlib.import_module(thing.__module__)), **imported_by(code)}
    if inspect.isfunction(thing) and thing.__annotations__.get("gateway") == Gateway.__name__:
        known["gateway"] = Gateway
    for of, name in tuple(used):
        handed_on = known.get(name) if not of else getattr(known.get(of), name, None) if of in known else None
        used |= used_by(handed_on, seen)
    return used


@cache
def parsed(thing: Callable[..., object]) -> ast.AST:
    """Return the syntax tree of a function or class."""
    return ast.parse(textwrap.dedent(inspect.getsource(thing)))


@cache
def imported_by(thing: Callable[..., object]) -> dict[str, object]:
    """Return what a function of the command line imports from the command line when it runs."""
    return {
        alias.name: getattr(importlib.import_module(str(node.module)), alias.name, None)
        for node in ast.walk(parsed(thing))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mxgateway_cli")
        for alias in node.names
    }


@cache
def uses_of(thing: Callable[..., object]) -> frozenset[Use]:
    """Return what a function or class itself uses."""
    return frozenset(uses_in(parsed(thing)))


def tests_of(folder: Path) -> Iterator[Code]:
    """Yield the tests in a folder and what they use, including the tables of their cases."""
    for path in sorted(folder.rglob("test_*.py")):
        yield from tests_in(path)


@cache
def tests_in(path: Path) -> Sequence[Code]:
    """Return the tests in a file."""
    found: list[Code] = []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tables = tables_in(path)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            used = uses_in(node)
            used |= {use for _, name in tuple(used) for use in tables.get(name, ())}
            found.append(Code(name=node.name, place=linked(path), uses=frozenset(used)))
    return found


@cache
def tables_in(path: Path) -> Mapping[str, set[Use]]:
    """Return what the tables of cases in a file use, including tables imported from a helper."""
    tables: dict[str, set[Use]] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        helper = TESTS / f"{(node.module or '').replace('.', '/')}.py" if isinstance(node, ast.ImportFrom) else path
        if isinstance(node, ast.ImportFrom) and helper.is_file():
            names = {each.name for each in node.names}
            tables |= {name: used for name, used in tables_in(helper).items() if name in names}
        for name in assigned(node):
            used = uses_in(node)
            tables[name] = used | {use for _, other in used for use in tables.get(other, ())}
    return tables


def assigned(node: ast.stmt) -> list[str]:
    """Return the names to which a statement assigns."""
    match node:
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []


def uses_in(node: ast.AST) -> set[Use]:
    """Return what a piece of code uses."""
    found = {(last_name(each.value), each.attr) for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    return found | {("", each.id) for each in ast.walk(node) if isinstance(each, ast.Name)}


def last_name(node: ast.expr) -> str:
    """Return the last name of an expression: `client` for `(await gateway.client())`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Await(value=value) | ast.Call(func=value):
            return last_name(value)
        case _:
            return "?"


def table() -> str:
    """Return the table as Markdown.

    Raises:
        LookupError: Cells are missing; each is named.
    """
    lacking: list[str] = []
    lines: list[str] = []
    for section, found in rows():
        lines += ["", f"**{section[0].upper()}{section[1:]}**", "", line(HEAD), "|---" * len(HEAD) + "|"]
        for row in found:
            lines.append(line((f"`{row.contract}`", *row.places)))
            lacking += [f"{section}, {row.contract}: column {column} is missing" for column in row.missing]
    if lacking:
        raise LookupError("\n".join(lacking))
    return "\n".join([*lines, "", ""])


def line(cells: Iterable[str]) -> str:
    """Return one line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str]) -> int:
    """Write or check the table, and return the exit status."""
    parser = argparse.ArgumentParser(prog="contract_table.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, print what is missing or out of date")
    check = parser.parse_args(arguments).check
    try:
        true_table = table()
    except LookupError as lacking:
        print(lacking.args[0], file=sys.stderr)
        return 1
    text = PAGE.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        marks = f"{BEGIN.strip()} and {END}"
        print(f"{PAGE.relative_to(ROOT)} has no place for the table: add the lines {marks}", file=sys.stderr)
        return 1
    written = f"{before}{begin}{true_table}{end}{after}"
    if check and written != text:
        print(f"the table in {PAGE.relative_to(ROOT)} is out of date: run hatch run contract-table", file=sys.stderr)
        return 1
    if not check:
        PAGE.write_text(written, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
