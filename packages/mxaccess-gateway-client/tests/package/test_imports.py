"""Imports load only what a program uses, so that it starts about as quickly as one on bare grpc.aio."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys

from mxgateway import ErrorFacts, MxAccessError
from mxgateway.testing import SimulatedGateway
from support.certificates import Certificates
from support.secure_gateways import gateway_with

# Modules for TLS, bulk commands and all that goes beyond a session and its items.
USED_BY_SOME = {"_watching", "alarms", "bulk", "diagnosis", "galaxy", "tags", "testing", "_transport.tls"}

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
    """Run a program in a fresh interpreter and return what it prints."""
    process = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


async def run_beside(program: str, *arguments: str) -> list[str]:
    """Run a program that talks to the test's gateway, and return the lines that it prints."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await child.communicate()
    assert child.returncode == 0
    return printed.decode().splitlines()


def loaded_by(statement: str) -> set[str]:
    """Return the names of the modules that a fresh interpreter has loaded after one statement."""
    return set(run(f"{statement}\nimport sys\nprint(*sys.modules)").split())


def ours(loaded: set[str]) -> set[str]:
    """Return the names of this library's modules among them, without the name of the package."""
    return {name.removeprefix("mxgateway.") for name in loaded if name.startswith("mxgateway.")}


def test_package_itself_loads_none_of_its_modules() -> None:
    loaded = loaded_by("import mxgateway")

    assert not {"grpc", "google.protobuf", "mxaccess_gateway", "asyncio", "ssl", "dataclasses"} & loaded
    assert not ours(loaded)


def test_client_loads_only_what_connecting_needs() -> None:
    loaded = loaded_by("from mxgateway import GatewayClient")

    assert "client" in ours(loaded)
    assert not {*USED_BY_SOME, "session", "events", "values", "status"} & ours(loaded)
    # Beside grpc.aio and the generated code, only dataclasses and lazy-loader. Modules built into the interpreter cost
    # nothing.
    others = loaded - loaded_by(f"{GRPC_AND_GENERATED_CODE}, dataclasses, lazy_loader") - set(sys.builtin_module_names)
    assert not {name for name in others if not name.startswith("mxgateway")}


def test_errors_and_options_do_not_load_the_client() -> None:
    for name in ("MxGatewayError", "ClientOptions"):
        assert not {"client", "_transport.channel"} & ours(loaded_by(f"from mxgateway import {name}"))


async def test_program_loads_only_the_modules_it_uses(gateway: SimulatedGateway) -> None:
    connected, worked = await run_beside(CONNECT_AND_LOOK, gateway.endpoint, gateway.api_key)

    connecting, working = set(connected.split()), set(worked.split())
    assert not {"session", "events", "values"} & ours(connecting)
    assert not {"pathlib", "random", "secrets", "hashlib", "ipaddress", "importlib.metadata"} & connecting
    assert {"session", "events", "values"} <= ours(working)
    assert not USED_BY_SOME & ours(working)
    assert "mxaccess_gateway.v1.galaxy_repository_pb2" not in working


async def test_tls_does_not_load_what_only_known_gateways_need(certificates: Certificates) -> None:
    async with gateway_with(certificates.gateway) as gateway:
        (connected,) = await run_beside(
            CONNECT_SAFELY_AND_LOOK, gateway.endpoint, gateway.api_key, str(certificates.ca)
        )

    loaded = set(connected.split())
    assert "_transport.tls" in ours(loaded)
    assert not {*USED_BY_SOME, "_transport.tls.known_gateways", "session"} - {"_transport.tls"} & ours(loaded)
    assert not {"hashlib", "random", "secrets", "tempfile"} & loaded


def test_star_import_binds_every_public_name() -> None:
    assert run(STAR) == "fine\n"


def test_threads_can_import_names_at_the_same_time() -> None:
    assert run(LOOK_FROM_MANY_THREADS) == "fine\n"


def test_pickled_error_loads_in_a_process_without_the_library_imported() -> None:
    error = MxAccessError("refused", ErrorFacts(method="Write", hresult=-2147467259))
    program = "import pickle, sys\nprint(repr(pickle.loads(bytes.fromhex(sys.argv[1])).hresult))"

    assert run(program, pickle.dumps(error).hex()) == "-2147467259\n"


def test_modules_are_attributes_of_the_package() -> None:
    program = "import mxgateway\nprint(mxgateway.errors.MxGatewayError is mxgateway.MxGatewayError)"

    assert run(program) == "True\n"
