"""Run the tests of the client and the command line on a contract with other numbers.

    hatch run renumbered-contract              all tests
    hatch run renumbered-contract --short      a selection
    hatch run renumbered-contract --seed 7     the numbers of an earlier run
    hatch run renumbered-contract -k write     with arguments of pytest, paths of tests included

Every field and every enum value but 0 gets another number at random. The code is generated into a temporary folder,
from which the tests import it. A test fails if the client, the command line or a test knows a number: the .proto files
are the only place that may.

The exit status is that of pytest, or 2 if the code could not be generated.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random, SystemRandom

from adopt_contract import PATHS, ROOT
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from proto_files.comments import read_comments
from proto_files.renumbering import renumber
from proto_files.text import proto_text

from mxgateway.contract import our_descriptors
from mxgateway.contract.descriptors import linked_files

MODULE = "mxaccess_gateway.v1.mxaccess_gateway_pb2"
PACKAGES = ROOT / "packages"
GENERATED = PACKAGES / "mxaccess-gateway-proto" / "src"
ALL = (PACKAGES / "mxaccess-gateway-client" / "tests", PACKAGES / "mxaccess-gateway-cli" / "tests")
# Commands, values, events, bulk results, alarms, the Galaxy, and what the command line prints of them.
SHORT = tuple(
    PACKAGES / path
    for path in (
        "mxaccess-gateway-client/tests/commands",
        "mxaccess-gateway-client/tests/values/test_status.py",
        "mxaccess-gateway-client/tests/values/test_values.py",
        "mxaccess-gateway-client/tests/alarms",
        "mxaccess-gateway-client/tests/hostile/test_messages.py",
        "mxaccess-gateway-client/tests/simulator/test_commands.py",
        "mxaccess-gateway-cli/tests/output/test_json_output.py",
    )
)


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Parse the command line. Arguments that are not ours are those of pytest."""
    parser = argparse.ArgumentParser(prog="renumbered-contract", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="run a selection of the tests, in less than a minute")
    parser.add_argument("--seed", type=int, help="choose the same numbers as an earlier run, which printed its seed")
    options, rest = parser.parse_known_args(arguments)
    return options, [argument for argument in rest if argument != "--"]


def renumbered(seed: int) -> FileDescriptorSet:
    """Return our descriptors with other numbers."""
    descriptors = our_descriptors()
    renumber([file for file in descriptors.file if file.package in PATHS], Random(seed))  # noqa: S311 - no secret
    return descriptors


def write_protos(seed: int, protos: Path) -> None:
    """Write our .proto files with other numbers."""
    for file in linked_files(renumbered(seed), "our contract"):
        path = protos / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(proto_text([file], read_comments(""), PATHS), encoding="utf-8", newline="\n")


def generate(protos: Path, sources: Path) -> bool:
    """Generate the code from .proto files, and return whether that succeeded."""
    shutil.copytree(GENERATED, sources, ignore=shutil.ignore_patterns("*_pb2*", "__pycache__"))
    task = ["gen-code:write", "--protos", str(protos), "--sources", str(sources)]
    return subprocess.run([sys.executable, str(ROOT / "tools" / "run.py"), *task], check=False).returncode == 0


def environment_with(sources: Path) -> dict[str, str]:
    """Return the environment of processes that import the generated code in a folder, as do those that they start."""
    # Entries of PYTHONPATH come before the editable package.
    path = os.pathsep.join(filter(None, (str(sources), os.environ.get("PYTHONPATH"))))
    return os.environ | {"PYTHONPATH": path}


def is_imported_from(sources: Path, environment: dict[str, str]) -> bool:
    """Return whether processes with this environment import the generated code in a folder."""
    program = [sys.executable, "-c", f"import {MODULE} as code; print(code.__file__)"]
    found = subprocess.run(program, env=environment, capture_output=True, text=True, check=True).stdout
    return Path(found.strip()).is_relative_to(sources)


def run_tests(environment: dict[str, str], tests: Sequence[str]) -> int:
    """Run pytest in an environment, and return its exit status."""
    command = [sys.executable, "-m", "pytest", "-c", str(PACKAGES / "pytest.ini"), "--rootdir", str(ROOT), *tests]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Renumber, generate, test, and return the exit status."""
    options, pytest_arguments = parse(arguments)
    seed = SystemRandom().randrange(2**32) if options.seed is None else options.seed
    print(f"renumbered_contract: seed {seed}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="renumbered-contract-") as directory:
        protos, sources = Path(directory, "protos"), Path(directory, "src")
        write_protos(seed, protos)
        environment = environment_with(sources)
        if not generate(protos, sources) or not is_imported_from(sources, environment):
            print("renumbered_contract: the code could not be generated or is not imported", file=sys.stderr)
            return 2
        # Paths among the arguments of pytest replace the tests that are run otherwise.
        own_paths = any(Path(argument).exists() for argument in pytest_arguments)
        tests = () if own_paths else SHORT if options.short else ALL
        distributed = ("-n", "auto", "--dist", "worksteal")
        status = run_tests(environment, [*map(str, tests), *distributed, *pytest_arguments])
    if status:
        print(f"renumbered_contract: failed, repeat with --seed {seed}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
