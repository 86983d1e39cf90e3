"""Generate the Python code of mxaccess-gateway-proto from its .proto files, or check that it is up to date.

Two generators are used, which cannot share an environment:

``code``
    ``*_pb2.py`` and ``*_pb2_grpc.py``, by an old grpcio-tools. Its output runs with every protobuf and grpcio since
    that release; the output of newer generators refuses older releases.
``stubs``
    ``*_pb2.pyi`` and ``*_pb2_grpc.pyi``, by a new grpcio-tools and mypy-protobuf. Only type checkers read them.

``hatch run gen`` and ``hatch run gen-check`` run both, each in its own environment. Exit status: 0 done or up to date,
1 out of date, 2 the generator failed.
"""

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "packages" / "mxaccess-gateway-proto"
PROTOS = PACKAGE / "protos"
SOURCES = PACKAGE / "src"


class GenerationError(Exception):
    """The generator failed or is not the pinned one; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """One of the two generators: its distributions, its options, and the files it owns."""

    distributions: Mapping[str, str]
    outputs: Sequence[str]
    plugins: Sequence[str]
    owned: Sequence[str]


GENERATORS: Mapping[str, Generator] = {
    "code": Generator(
        distributions={"grpcio-tools": "1.63.2"},
        outputs=("--python_out={target}", "--grpc_python_out={target}"),
        plugins=(),
        owned=("*_pb2.py", "*_pb2_grpc.py"),
    ),
    "stubs": Generator(
        distributions={"grpcio-tools": "1.85.1", "mypy-protobuf": "5.1.0"},
        outputs=("--mypy_out={target}", "--mypy_grpc_out=generate_concrete_servicer_stubs:{target}"),
        plugins=("protoc-gen-mypy", "protoc-gen-mypy_grpc"),
        owned=("*_pb2.pyi", "*_pb2_grpc.pyi"),
    ),
}


def require(distributions: Mapping[str, str]) -> None:
    """Check that the pinned releases are installed: others write other text, which would never be up to date."""
    for name, wanted in distributions.items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            raise GenerationError(f"{name} {wanted} is not installed: use `hatch run gen`") from None
        if installed != wanted:
            raise GenerationError(f"{name} {installed} is installed, but {wanted} is pinned: use `hatch run gen`")


def plugin_option(plugin: str) -> str:
    """Return the option that names the plugin's program: if the environment is not activated, it is not on PATH."""
    program = shutil.which(plugin, path=sysconfig.get_path("scripts"))
    if program is None:
        raise GenerationError(f"{plugin} is not next to {sys.executable}: use `hatch run gen`")
    return f"--plugin={plugin}={program}"


def generate(generator: Generator, protos: Path, target: Path) -> None:
    """Run the generator for every .proto file below `protos`, and write to `target`."""
    require(generator.distributions)
    files = sorted(path.relative_to(protos).as_posix() for path in protos.rglob("*.proto"))
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I."]
    command += [plugin_option(plugin) for plugin in generator.plugins]
    command += [output.format(target=target) for output in generator.outputs]
    finished = subprocess.run([*command, *files], cwd=protos, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise GenerationError(f"protoc failed:\n{finished.stderr.strip()}")


def owned_files(generator: Generator, root: Path) -> dict[str, str]:
    """Return the generator's files below `root`, path to text, with line ends normalized."""
    paths = {path for pattern in generator.owned for path in root.rglob(pattern)}
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(paths)}


def stale_files(fresh: Mapping[str, str], committed: Mapping[str, str]) -> list[str]:
    """Return one line for each file that is missing, differs, or is not generated any more."""
    lines: list[str] = []
    for path in sorted(fresh.keys() | committed.keys()):
        if path not in committed:
            lines.append(f"{path}: missing")
        elif path not in fresh:
            lines.append(f"{path}: not generated from any .proto file")
        elif fresh[path] != committed[path]:
            lines.append(f"{path}: out of date")
    return lines


def write_files(fresh: Mapping[str, str], committed: Mapping[str, str], root: Path) -> None:
    """Write `fresh` below `root`, and remove the committed files that are not in it."""
    for path in committed.keys() - fresh.keys():
        (root / path).unlink()
    for path, text in fresh.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8", newline="\n")


def run(generator: Generator, protos: Path, sources: Path, *, check: bool) -> list[str]:
    """Generate, then compare (`check`) or write. Return a line per file that is out of date; none after writing."""
    with tempfile.TemporaryDirectory(prefix="gen-proto-") as directory:
        generate(generator, protos, Path(directory))
        fresh = owned_files(generator, Path(directory))
    committed = owned_files(generator, sources)
    if check:
        return stale_files(fresh, committed)
    write_files(fresh, committed, sources)
    return []


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate or check, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("generator", choices=sorted(GENERATORS), help="which generator to run")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name outdated files")
    parser.add_argument("--protos", type=Path, default=PROTOS, metavar="FOLDER", help="read the .proto files from here")
    parser.add_argument("--sources", type=Path, default=SOURCES, metavar="FOLDER", help="write the code to here")
    options = parser.parse_args(arguments)
    try:
        stale = run(GENERATORS[options.generator], options.protos, options.sources, check=options.check)
    except GenerationError as error:
        print(f"gen_proto: {error}", file=sys.stderr)
        return 2
    for line in stale:
        print(f"{line}; run `hatch run gen`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
