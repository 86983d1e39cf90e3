"""What the client's tests share: gateways, clients, sessions, certificates, and that none of them is left behind."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mxgateway import GatewayClient, Session, TagClient
from mxgateway.testing import SimulatedGateway
from support.certificates import Certificates
from support.scripted_gateway import ScriptedGateway, scripted_gateway
from support.secure_gateways import KnownFile, gateway_with
from support.tagging import add_tags

API_KEY = "mxgw_0a1b2c3d_marker_secret-with_both-kinds_"


def pytest_xdist_auto_num_workers() -> int:
    """Start two processes per core for `-n auto`: tests spend a third of their time waiting for sockets."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("MXGATEWAY_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    # The user's own profiles and keys must not take part in a test. The folder is not there yet.
    monkeypatch.setenv("MXGATEWAY_CONFIG_DIR", str(tmp_path / "mxgw-py"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture(autouse=True)
async def _nothing_left_behind() -> AsyncIterator[None]:
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    yield
    left = asyncio.all_tasks() - tasks - {asyncio.current_task()}
    if left:
        # A server that has stopped may have a few turns of the loop to go.
        _, left = await asyncio.wait(left, timeout=1)
    assert not left, f"tasks left behind: {left}"
    # grpc.aio keeps one thread for all its event loops; asyncio and uvloop some for names and processes while the loop
    # lives. The thread of `mxgateway.sync` ends with the program.
    lasting = ("asyncio", "uvloop", "mxgateway sync")
    started = {thread.name for thread in set(threading.enumerate()) - threads}
    assert not {name for name in started if "_poll_wrapper" not in name and not name.startswith(lasting)}


@pytest.fixture(autouse=True)
def _event_loop_says_nothing(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    # What asyncio logs as an error is an exception that reached nobody. None of ours is that grpc.aio's own poller
    # finds nothing to read because one event woke the loops of two tests.
    yield
    said = [record for phase in ("setup", "call") for record in caplog.get_records(phase) if record.name == "asyncio"]
    errors = [record.getMessage() for record in said if record.levelno >= logging.ERROR]
    assert not [error for error in errors if "PollerCompletionQueue" not in error]


@pytest.fixture
async def gateway() -> AsyncIterator[SimulatedGateway]:
    """A simulated gateway, which no test may leave with a session or a call that still runs."""
    async with SimulatedGateway(ramp_interval=None) as gateway:
        yield gateway
        await gateway.wait_for(lambda: not [call for call in gateway.calls if call.running])
        assert not gateway.sessions


@pytest.fixture
async def client(gateway: SimulatedGateway) -> AsyncIterator[GatewayClient]:
    """A client of the simulated gateway."""
    async with GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client:
        yield client


@pytest.fixture
async def session(client: GatewayClient) -> AsyncIterator[Session]:
    """An open session of the simulated gateway."""
    async with client.open_session() as session:
        yield session


@pytest.fixture
async def tags(client: GatewayClient) -> AsyncIterator[TagClient]:
    """A TagClient of the simulated gateway, quick to come back."""
    async with client.tags("test", reconnect_delay=0.01, longest_reconnect_delay=0.05) as tags:
        yield tags


@pytest.fixture
async def slow_gateway() -> AsyncIterator[SimulatedGateway]:
    """A gateway that sends the outcome of a write when the test advances its clock by 10 s."""
    async with SimulatedGateway(write_time=10, ramp_interval=None) as gateway:
        yield gateway
        assert not gateway.sessions


@pytest.fixture
async def slow_tags(slow_gateway: SimulatedGateway) -> AsyncIterator[TagClient]:
    """A TagClient of the slow gateway."""
    async with (
        GatewayClient.connect(endpoint=slow_gateway.endpoint, api_key=slow_gateway.api_key, plaintext=True) as client,
        client.tags("test", reconnect_delay=0.01) as tags,
    ):
        yield tags


@pytest.fixture
def many(gateway: SimulatedGateway) -> list[str]:
    """The names of a thousand tags, whose values are their numbers."""
    return add_tags(gateway, 1000)


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedGateway]:
    """A gateway that answers what the test tells it to."""
    async with scripted_gateway() as gateway:
        yield gateway


@pytest.fixture
async def scripted_client(scripted: ScriptedGateway) -> AsyncIterator[GatewayClient]:
    """A client of the scripted gateway."""
    async with GatewayClient.connect(endpoint=scripted.endpoint, api_key=API_KEY, plaintext=True) as client:
        yield client


@pytest.fixture
def scripted_session(scripted: ScriptedGateway, scripted_client: GatewayClient) -> Session:
    """A session of the scripted gateway, which nobody needs to close."""
    return scripted_client.attach_session(scripted.open_reply.session_id)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of every sort that a plant may meet."""
    return Certificates.issue(Path(tmp_path_factory.mktemp("certificates")))


@pytest.fixture
def known(tmp_path: Path) -> KnownFile:
    """A file for known gateways, which isn't there yet."""
    return KnownFile(tmp_path / "known_gateways")


@pytest.fixture
async def foreign_gateway(certificates: Certificates) -> AsyncIterator[SimulatedGateway]:
    """A gateway whose CA nobody here knows, with a certificate for 127.0.0.1 and localhost."""
    async with gateway_with(certificates.gateway) as gateway:
        yield gateway
