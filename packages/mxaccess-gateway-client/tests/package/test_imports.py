"""What an import brings and what it leaves alone, so that a program starts as quickly as one on bare grpc.aio."""

from __future__ import annotations

import ast
import asyncio
import importlib
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import mxgateway
import mxgateway.testing
from mxgateway import ErrorFacts, MxAccessError
from mxgateway.testing import SimulatedGateway
from support.certificates import Certificates
from support.secure_gateways import gateway_with

# What a program needs that has TLS, takes many items at once, or asks for more than a session and its items.
USED_BY_SOME = {"alarms", "bulk", "diagnosis", "galaxy", "tags", "testing", "_transport.tls"}

GRPC_AND_GENERATED_CODE = "import grpc.aio, mxaccess_gateway.v1.mxaccess_gateway_pb2_grpc"

CONNECT_AND_LOOK = """
import asyncio, sys
from mxgateway import GatewayClient

async def main(endpoint, api_key):
    async with GatewayClient.connect(endpoint=endpoint, api_key=api_key, plaintext=True) as client:
        print(*sys.modules)
        async with client.open_session() as session:
            server = await session.register("imports")
            item = await session.add_item(server, "TestChildObject.TestInt")
            await session.advise(server, item)
            async with session.stream_events() as events:
                await anext(events)
            await session.write(server, item, 5)
        print(*sys.modules)

asyncio.run(main(*sys.argv[1:]))
"""

CONNECT_SAFELY_AND_LOOK = """
import asyncio, sys
from mxgateway import GatewayClient

async def main(endpoint, api_key, ca_file):
    async with GatewayClient.connect(endpoint=endpoint, api_key=api_key, ca_file=ca_file):
        print(*sys.modules)

asyncio.run(main(*sys.argv[1:]))
"""

LOOK_FROM_MANY_THREADS = """
import sys, threading
import mxgateway

names = mxgateway.__all__
start = threading.Barrier(8)
seen = [None] * 8

def look(number):
    start.wait()
    turned = names[number * 11 :] + names[: number * 11]
    seen[number] = {name: getattr(mxgateway, name) for name in turned}

threads = [threading.Thread(target=look, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert all(each == seen[0] and list(each.values()) for each in seen), seen
print("fine")
"""

STAR = """
from mxgateway import *
from mxgateway.testing import *
import mxgateway, mxgateway.testing
missing = {*mxgateway.__all__, *mxgateway.testing.__all__} - set(globals())
assert not missing, missing
print("fine")
"""


def run(program: str, *arguments: str) -> str:
    """Run a program in a fresh interpreter and give what it prints."""
    process = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


async def run_beside(program: str, *arguments: str) -> list[str]:
    """Run a program that talks to a gateway of the test, and give the lines that it prints."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await child.communicate()
    assert child.returncode == 0
    return printed.decode().splitlines()


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has after one statement."""
    return set(run(f"{statement}\nimport sys\nprint(*sys.modules)").split())


def ours(loaded: set[str]) -> set[str]:
    """The modules of this library among them, without the name of the package."""
    return {name.removeprefix("mxgateway.") for name in loaded if name.startswith("mxgateway.")}


def test_the_package_itself_brings_nothing() -> None:
    loaded = loaded_by("import mxgateway")

    assert not {"grpc", "google.protobuf", "mxaccess_gateway", "asyncio", "ssl", "dataclasses"} & loaded
    assert ours(loaded) == {"_support", "_support.on_demand"}


def test_the_client_brings_nothing_that_connecting_does_not_need() -> None:
    loaded = loaded_by("from mxgateway import GatewayClient")

    assert "client" in ours(loaded)
    assert not {*USED_BY_SOME, "session", "events", "values", "status"} & ours(loaded)
    # Beside grpc.aio and the generated code, only the standard library's dataclasses. What is built into the
    # interpreter costs nothing.
    others = loaded - loaded_by(f"{GRPC_AND_GENERATED_CODE}, dataclasses") - set(sys.builtin_module_names)
    assert not {name for name in others if not name.startswith("mxgateway")}


def test_errors_and_options_bring_no_client() -> None:
    for name in ("MxGatewayError", "ClientOptions"):
        assert not {"client", "_transport.channel"} & ours(loaded_by(f"from mxgateway import {name}"))


async def test_what_a_program_does_not_use_is_never_loaded(gateway: SimulatedGateway) -> None:
    connected, worked = await run_beside(CONNECT_AND_LOOK, gateway.endpoint, gateway.api_key)

    connecting, working = set(connected.split()), set(worked.split())
    assert not {"session", "events", "values"} & ours(connecting)
    assert not {"pathlib", "random", "secrets", "hashlib", "ipaddress", "importlib.metadata"} & connecting
    assert {"session", "events", "values"} <= ours(working)
    assert not USED_BY_SOME & ours(working)
    assert "mxaccess_gateway.v1.galaxy_repository_pb2" not in working


async def test_tls_brings_nothing_that_only_remembered_certificates_need(certificates: Certificates) -> None:
    async with gateway_with(certificates.gateway) as gateway:
        (connected,) = await run_beside(
            CONNECT_SAFELY_AND_LOOK, gateway.endpoint, gateway.api_key, str(certificates.ca)
        )

    loaded = set(connected.split())
    assert "_transport.tls" in ours(loaded)
    assert not {*USED_BY_SOME, "_transport.tls.known_gateways", "session"} - {"_transport.tls"} & ours(loaded)
    assert not {"hashlib", "random", "secrets", "tempfile"} & loaded


def test_a_star_brings_every_public_name() -> None:
    assert run(STAR) == "fine\n"


def test_threads_may_ask_for_names_at_the_same_time() -> None:
    assert run(LOOK_FROM_MANY_THREADS) == "fine\n"


def test_a_process_that_has_imported_nothing_of_ours_reads_a_pickled_error() -> None:
    error = MxAccessError("refused", ErrorFacts(method="Write", hresult=-2147467259))
    program = "import pickle, sys\nprint(repr(pickle.loads(bytes.fromhex(sys.argv[1])).hresult))"

    assert run(program, pickle.dumps(error).hex()) == "-2147467259\n"


def test_the_modules_are_attributes_of_the_package() -> None:
    program = "import mxgateway\nprint(mxgateway.errors.MxGatewayError is mxgateway.MxGatewayError)"

    assert run(program) == "True\n"


@pytest.mark.parametrize("package", [mxgateway, mxgateway.testing], ids=lambda package: package.__name__)
def test_the_type_checkers_see_each_name_where_it_comes_from(package: ModuleType) -> None:
    source = ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8"))
    (for_checkers,) = (node for node in source.body if isinstance(node, ast.If))
    imports = [node for node in for_checkers.body if isinstance(node, ast.ImportFrom)]
    seen = {each.name: str(node.module) for node in imports for each in node.names}

    assert set(seen) == set(package.__all__)
    for public, module in seen.items():
        assert getattr(package, public) is getattr(importlib.import_module(module), public), public


@pytest.mark.parametrize("package", [mxgateway, mxgateway.testing], ids=lambda package: package.__name__)
def test_the_public_names_are_listed_and_no_others_are_found(package: ModuleType) -> None:
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match=rf"module '{package.__name__}' has no attribute 'Gateway'") as caught:
        _ = package.Gateway
    assert (caught.value.name, caught.value.obj) == ("Gateway", package)
