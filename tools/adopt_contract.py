"""Write our .proto files from the descriptors of a gateway, and generate the code from them.

    hatch run adopt-contract gateway.binpb
    hatch run adopt-contract --live gateway:5001 --ca-file gateway-ca.crt
    hatch run adopt-contract --live localhost:5000 --plaintext

The descriptors are read from a file with a `FileDescriptorSet` (`protoc --include_imports --descriptor_set_out`,
`buf build -o`), or from a running gateway over gRPC server reflection. If the gateway requires a key, it is read from
the environment.

Comments, their marks of certainty and the order of declarations are kept where the name is the same. What changed is
printed with one line per difference: "here" is our contract before, "there" is the gateway's. Then the names are listed
that the client or the command line uses and that the gateway does not have.

Exit status: 0 adopted, 1 adopted, but names are missing that the client needs, 2 nothing was written, or the generator
failed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from proto_files.comments import read_comments
from proto_files.needed_names import needed_names
from proto_files.text import UnwritableError, proto_text

from mxgateway import ClientOptions, MxGatewayError
from mxgateway.contract import compare, contract_of, fetch_descriptors, our_contract, read_descriptors
from mxgateway.contract.descriptors import OUR_FILES, linked_files

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "packages" / "mxaccess-gateway-proto" / "protos"
USERS = (ROOT / "packages" / "mxaccess-gateway-client" / "src", ROOT / "packages" / "mxaccess-gateway-cli" / "src")
PATHS = {file.package: file.name for file in OUR_FILES}
DEFAULT_KEY_VARIABLE = "MXGATEWAY_API_KEY"
REGENERATE = (("gen",), ("contract-table",))


class AdoptionError(Exception):
    """The contract cannot be adopted; the message is one line that says what to change."""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line. If it is invalid, argparse ends the program with status 2."""
    description, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="adopt-contract",
        description=description,
        epilog=usage,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", metavar="FILE", help="a file with a FileDescriptorSet")
    source.add_argument("--live", metavar="HOST:PORT", help="a running gateway with gRPC server reflection")
    parser.add_argument("--plaintext", action="store_true", help="connect without TLS")
    parser.add_argument("--ca-file", metavar="FILE", help="trust only these PEM certificates")
    parser.add_argument("--server-name-override", metavar="NAME", help="the name that the certificate must have")
    parser.add_argument(
        "--api-key-env", metavar="NAME", help=f"the environment variable with the key ({DEFAULT_KEY_VARIABLE})"
    )
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="timeout of each request (10)")
    return parser.parse_args(arguments)


def descriptors_of(options: argparse.Namespace) -> FileDescriptorSet:
    """Return the descriptors in the source that the options name."""
    if options.file is not None:
        return read_descriptors(options.file)
    variable = options.api_key_env or DEFAULT_KEY_VARIABLE
    key = os.environ.get(variable, "").strip()
    if not key and options.api_key_env is not None:
        raise AdoptionError(f"the environment variable {variable} of --api-key-env is not set")
    try:
        client_options = ClientOptions(
            endpoint=options.live,
            api_key=key or None,
            plaintext=options.plaintext,
            ca_file=options.ca_file,
            server_name_override=options.server_name_override,
            timeout=options.timeout,
        )
    except ValueError as error:
        raise AdoptionError(f"the key in {variable} is invalid: {error}") from error
    return asyncio.run(fetch_descriptors(client_options))


def write(files: Sequence[FileDescriptor], protos: Path) -> list[Path]:
    """Write our .proto files from linked descriptors, and return the files that changed."""
    texts: dict[Path, str] = {}
    for package, name in PATHS.items():
        of_package = [file for file in files if file.package == package]
        if of_package:
            path = protos / name
            texts[path] = proto_text(of_package, read_comments(path.read_text(encoding="utf-8")), PATHS)
    changed = [path for path, text in texts.items() if path.read_text(encoding="utf-8") != text]
    for path in changed:
        path.write_text(texts[path], encoding="utf-8", newline="\n")
    return changed


def regenerate(tasks: Sequence[Sequence[str]]) -> bool:
    """Run tasks of hatch.toml, and return whether all of them succeeded."""
    runner = [sys.executable, str(ROOT / "tools" / "run.py")]
    return all(subprocess.run([*runner, *task], cwd=ROOT, check=False).returncode == 0 for task in tasks)


def adopt(options: argparse.Namespace, protos: Path) -> int:
    """Adopt the contract, print what changed, and return the exit status."""
    source = options.file or options.live
    descriptors = descriptors_of(options)
    differences = list(compare(our_contract(), contract_of(descriptors, source)))
    changed = write(linked_files(descriptors, source), protos)
    for difference in differences:
        print(difference)
    for path in changed:
        print(f"written: {path.name}")
    missing = list(needed_names(differences, (path for folder in USERS for path in folder.rglob("*.py"))))
    for line in missing:
        print(f"missing, but needed: {line}")
    count = f"{len(differences) or 'no'} difference{'' if len(differences) == 1 else 's'}"
    print(f"adopt_contract: {count}, {len(missing) or 'no'} needed names missing", file=sys.stderr, flush=True)
    # The table in the documentation cannot be made while the client lacks names.
    if not regenerate(REGENERATE[:1] if missing else REGENERATE):
        raise AdoptionError("the .proto files are written, but generating from them failed: see above")
    return 1 if missing else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Adopt the contract of a gateway and return the exit status."""
    options = parse(arguments)
    try:
        return adopt(options, PROTOS)
    except (AdoptionError, UnwritableError, MxGatewayError) as error:
        print(f"adopt_contract: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
