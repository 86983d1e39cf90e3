"""Make small random changes to the client, one at a time, and report those that no test notices.

cosmic-ray makes the changes (mutants) in a copy of the repository. For each mutant only the tests of its part of the
client run. Ends with status 0 if enough mutants were killed, 1 if too many survived, 2 if the tests fail without one.

Not changed, because no test could notice it or because it promises nothing: annotations, what only type checkers read,
arguments of log calls, and the numbers of module constants, which are limits and delays; the arguments of
`@dataclass`, which are tested for all public classes together; `strict` of `zip`, because the lengths are compared
before, with an error for the user, or equal by construction; and two functions that change only the speed of streams.

A mutant that makes the tests hang counts as killed, and is printed as a timeout: on a busy machine, try those again.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeAlias

from mutant_tests import TESTS_OF

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "packages/mxaccess-gateway-client/src/mxgateway"
TESTS = "packages/mxaccess-gateway-client/tests"
PACKAGES = ("mxaccess-gateway-proto", "mxaccess-gateway-client", "mxaccess-gateway-cli")
# Equality and identity are the same for None, enum members and the other values that are compared so.
EQUIVALENT_OPERATORS = re.compile(r"_(Is_Eq|Eq_Is|IsNot_NotEq|NotEq_IsNot)$")
CONSTANT_OPERATORS = re.compile(r"/(NumberReplacer|ReplaceBinaryOperator|ReplaceUnaryOperator)")
# How long fast messages are collected, and which busy thread reads next: both change nothing but the speed.
SPEED_ONLY = frozenset({"_collect", "_share_gil"})
# Only type checkers report that an abstract method is missing before a call of it fails.
TYPE_DECORATORS = frozenset({"overload", "final", "abstractmethod"})
SECONDS_PER_TEST = 30
MIN_SECONDS_PER_MUTANT = 60.0
NO_END = "no end"

Position: TypeAlias = tuple[int, int]
Span: TypeAlias = tuple[Position, Position]


class SetupError(Exception):
    """The tests cannot judge mutants here; the message says why."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Mutant:
    """One small change.

    Attributes:
        module: The module's path below `src/mxgateway`.
        start: Line (from 1) and column (from 0) where the changed code starts.
        end: Line and column behind it.
        operator: The operator of cosmic-ray that makes the change.
        occurrence: Which of the operator's places in the module is changed.
    """

    module: str
    start: Position
    end: Position
    operator: str
    occurrence: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sample and return the exit status."""
    options = parse(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            clones = [Path(folder, f"clone-{number}") for number in range(options.jobs)]
            for clone in clones:
                copy_repository(clone)
            mutants = sample(all_mutants(clones[0], options.only), options.seed, options.count)
            print(f"seed {options.seed}: up to {len(mutants)} mutants in {options.seconds:g} s", flush=True)
            killed, survivors = run(clones, mutants, options.seconds)
    except SetupError as error:
        print(f"mutants.py: {error}", file=sys.stderr)
        return 2
    return report(killed, survivors, options.minimum)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=100, help="the most mutants to try (%(default)s)")
    parser.add_argument("--seconds", type=float, default=1800.0, help="start no mutant after this time (%(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at the same time (%(default)s)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="the sample's seed (random)")
    parser.add_argument("--minimum", type=float, default=90.0, help="percent that must be killed (%(default)s)")
    parser.add_argument("--only", choices=sorted(TESTS_OF), help="only modules whose path begins with this")
    return parser.parse_args(arguments)


def copy_repository(clone: Path) -> None:
    """Copy the files of the repository, changed ones included, so that mutants never appear in the original."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, listing.decode().split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)


def all_mutants(clone: Path, only: str | None) -> list[Mutant]:
    """Return every mutant that cosmic-ray can make and that a test could notice, in a fixed order."""
    source = clone / SOURCE
    folders = [only] if only else sorted({part.partition("/")[0] for part in TESTS_OF})
    configuration = {
        "module-path": [str(source / folder) for folder in folders],
        "timeout": 1.0,
        "test-command": "",
        "distributor": {"name": "local"},
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in configuration.items() if name != "distributor"]
    settings, session = clone.with_name("cosmic-ray.toml"), clone.with_name("session.sqlite")
    settings.write_text("\n".join(["[cosmic-ray]", *lines, '[cosmic-ray.distributor]\nname = "local"\n']))
    cosmic_ray("init", settings, session)
    mutants = [read_mutant(line, source) for line in cosmic_ray("dump", session).splitlines()]
    codes = {module: Code.of((source / module).read_text("utf-8")) for module in {each.module for each in mutants}}
    return sorted(each for each in mutants if is_worth_trying(each, codes[each.module]))


def cosmic_ray(*arguments: object) -> str:
    """Run a command of cosmic-ray and return its output.

    Raises:
        SetupError: The command fails.
    """
    command = [sys.executable, "-m", "cosmic_ray.cli", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SetupError(f"cosmic-ray {arguments[0]} failed: {result.stderr.strip() or result.stdout.strip()}")
    return result.stdout


def read_mutant(line: str, source: Path) -> Mutant:
    """Return the mutant of one line of cosmic-ray's dump."""
    item: dict[str, Any] = json.loads(line)[0]
    (mutation,) = item["mutations"]
    return Mutant(
        module=Path(mutation["module_path"]).relative_to(source).as_posix(),
        start=(mutation["start_pos"][0], mutation["start_pos"][1]),
        end=(mutation["end_pos"][0], mutation["end_pos"][1]),
        operator=mutation["operator_name"],
        occurrence=mutation["occurrence"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What decides whether a mutant of a module is worth trying.

    Attributes:
        unmutated: The code that is not changed.
        constants: The assignments of the module's constants.
        operators: The places of binary operators. To cosmic-ray the `*` of a signature is one as well.
        type_decorators: The lines of decorators that only type checkers read.
    """

    unmutated: Sequence[Span]
    constants: Sequence[Span]
    operators: Sequence[Span]
    type_decorators: frozenset[int]

    @classmethod
    def of(cls, source: str) -> Code:
        """Return what is known of a module's source."""
        tree = ast.parse(source)
        binary = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp)]
        decorators = [
            each
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            for each in node.decorator_list
        ]
        return cls(
            unmutated=[span(node) for each in ast.walk(tree) for node in _unmutated(each)],
            constants=[span(node) for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)],
            operators=[(span(node.left)[1], span(node.right)[0]) for node in binary],
            type_decorators=frozenset(each.lineno for each in decorators if ast.unparse(each) in TYPE_DECORATORS),
        )


def span(node: ast.AST) -> Span:
    """Return where a node starts and ends: line from 1, column from 0."""
    located: Any = node
    return (located.lineno, located.col_offset), (located.end_lineno, located.end_col_offset)


def _unmutated(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a node that are not mutated."""
    if isinstance(node, ast.AnnAssign):
        yield node.annotation
    elif isinstance(node, ast.arg):
        yield from [node.annotation] if node.annotation is not None else []
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from [node.returns] if node.returns is not None else []
        yield from [node] if node.name in SPEED_ONLY else []
    elif isinstance(node, ast.If):
        yield from [node] if ast.unparse(node.test) == "TYPE_CHECKING" else []
    elif isinstance(node, ast.Call):
        function = ast.unparse(node.func)
        yield from [node] if function == "dataclass" or function.startswith("_logger.") else []
        yield from [each.value for each in node.keywords if function == "zip" and each.arg == "strict"]


def is_worth_trying(mutant: Mutant, code: Code) -> bool:
    """Whether a test could notice the mutant."""
    if EQUIVALENT_OPERATORS.search(mutant.operator) or _inside(mutant, code.unmutated):
        return False
    if mutant.operator.endswith("/RemoveDecorator") and mutant.start[0] in code.type_decorators:
        return False
    if "/ReplaceBinaryOperator" in mutant.operator and not _inside(mutant, code.operators):
        return False
    return not (CONSTANT_OPERATORS.search(mutant.operator) and _inside(mutant, code.constants))


def _inside(mutant: Mutant, spans: Sequence[Span]) -> bool:
    return any(start <= mutant.start and mutant.end <= end for start, end in spans)


def sample(mutants: Sequence[Mutant], seed: int, count: int) -> list[Mutant]:
    """Return up to `count` mutants in random order, at most one for each piece of code.

    Some code can be changed in a dozen ways; each piece of code has the same chance.
    """
    rng = random.Random(seed)  # noqa: S311 - it only picks a sample
    places: dict[tuple[str, Position, Position], list[Mutant]] = {}
    for mutant in mutants:
        places.setdefault((mutant.module, mutant.start, mutant.end), []).append(mutant)
    chosen = rng.sample(sorted(places), min(count, len(places)))
    return [rng.choice(sorted(places[place])) for place in chosen]


def run(clones: Sequence[Path], mutants: Sequence[Mutant], seconds: float) -> tuple[int, list[str]]:
    """Try mutants, one per copy at a time, and return how many were killed and a text for each survivor.

    Raises:
        SetupError: The tests fail without a mutant.
    """
    free: SimpleQueue[Path] = SimpleQueue()
    for clone in clones:
        free.put(clone)

    def measure(tests: tuple[str, ...]) -> float:
        with borrowed(free) as clone:
            return max(MIN_SECONDS_PER_MUTANT, 2 * duration_without_mutant(clone, tests))

    def attempt(mutant: Mutant) -> str | None:
        with borrowed(free) as clone:
            # Once the time is over, the rest of the sample is skipped.
            return try_mutant(clone, mutant, limits[tests_of(mutant.module)]) if time.monotonic() < end else None

    end = time.monotonic() + seconds
    with ThreadPoolExecutor(len(clones)) as pool:
        needed = sorted({tests_of(mutant.module) for mutant in mutants})
        limits = dict(zip(needed, pool.map(measure, needed), strict=True))
        changes = [change for change in pool.map(attempt, mutants) if change is not None]
    survivors = [change for change in changes if change]
    return len(changes) - len(survivors), survivors


@contextmanager
def borrowed(free: SimpleQueue[Path]) -> Generator[Path]:
    """Use a copy of the repository that no other thread uses."""
    clone = free.get()
    try:
        yield clone
    finally:
        free.put(clone)


def tests_of(module: str) -> tuple[str, ...]:
    """Return the tests for a module, by the longest prefix of its path."""
    return TESTS_OF[max((part for part in TESTS_OF if f"{module}/".startswith(f"{part}/")), key=len)]


def duration_without_mutant(clone: Path, tests: Sequence[str]) -> float:
    """Return the seconds that tests take when nothing is changed.

    Raises:
        SetupError: They fail, twice in a row.
    """
    output = ""
    for _ in range(2):
        began = time.monotonic()
        passed, output = run_tests(clone, tests, None)
        if passed:
            return time.monotonic() - began
    raise SetupError(f"these tests fail without a mutant: {', '.join(tests)}\n{output}")


def try_mutant(clone: Path, mutant: Mutant, seconds: float) -> str | None:
    """Make the change, run the tests and undo it. Return the change if it survived, otherwise an empty text.

    Return None if cosmic-ray cannot make the change: it replaces no exception with a dotted name.
    """
    path = clone / SOURCE / mutant.module
    original = path.read_text(encoding="utf-8")
    began = time.monotonic()
    try:
        try:
            cosmic_ray("apply", path, mutant.operator, mutant.occurrence)
        except SetupError:
            return None
        changed = path.read_text(encoding="utf-8")
        survived, output = run_tests(clone, tests_of(mutant.module), seconds)
    finally:
        path.write_text(original, encoding="utf-8")
    timed_out = output.startswith(NO_END) or "Timeout (>" in output
    verdict = "SURVIVED" if survived else "timeout" if timed_out else "killed"
    place = f"{mutant.module}:{mutant.start[0]} {mutant.operator.removeprefix('core/')}"
    print(f"{verdict:8}  {time.monotonic() - began:5.1f} s  {place}", flush=True)
    if not survived:
        return ""
    name = f"{SOURCE}/{mutant.module}"
    lines = difflib.unified_diff(original.splitlines(), changed.splitlines(), name, name, n=2, lineterm="")
    return "\n".join([f"{name}:{mutant.start[0]}  {mutant.operator}", *lines])


def run_tests(clone: Path, tests: Sequence[str], seconds: float | None) -> tuple[bool, str]:
    """Run tests of the copy; return whether all passed in time, and their output."""
    folders = [str(clone / "packages" / package / "src") for package in PACKAGES]
    # Without bytecode: two versions of a module in the same second would share it.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(folders), "PYTHONDONTWRITEBYTECODE": "1"}
    options = ["-c", "packages/pytest.ini", "--rootdir", ".", "-x", "-q", "-p", "no:cacheprovider"]
    paths = [f"{TESTS}/{test}" for test in tests]
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, "--timeout", str(SECONDS_PER_TEST), *paths],
        cwd=clone,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False, f"{NO_END} within {seconds} s"
    finally:
        stop(process)
    return process.returncode == 0, output


def stop(process: subprocess.Popen[str]) -> None:
    """Kill a process that still runs, and the processes that it started."""
    if process.poll() is None:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def report(killed: int, survivors: Sequence[str], minimum: float) -> int:
    """Print the survivors and the share of killed mutants, and return the exit status."""
    for survivor in survivors:
        print(f"\n{survivor}")
    total = killed + len(survivors)
    share = 100 * killed / total if total else 0.0
    print(f"\n{killed} of {total} mutants killed ({share:.0f} %), at least {minimum:g} % required")
    return 0 if total and share >= minimum else 1


if __name__ == "__main__":
    sys.exit(main())
