"""Fixtures of the command line's tests: a gateway, checked for leaked sessions and calls, and a session."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cli_support.gateways import API_KEY
from mxgateway import GatewayClient, Session
from mxgateway.testing import SimulatedGateway
from support.certificates import Certificates


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("MXGATEWAY_") or name.lower().endswith("_proxy") or name in {"NO_COLOR", "FORCE_COLOR"}:
            monkeypatch.delenv(name)
    # The user's own profiles and keys must not take part in a test. The folder is not there yet.
    monkeypatch.setenv("MXGATEWAY_CONFIG_DIR", str(tmp_path / "mxgw-py"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the names that commands see out of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def _no_poller_log() -> Iterator[None]:
    # The command line's event loop runs next to the gateway's in this process. Before grpcio 1.80 one event wakes both,
    # and asyncio logs that the poller of one of them found nothing to read.
    log = logging.getLogger("asyncio")
    log.addFilter(_is_not_from_poller)
    yield
    log.removeFilter(_is_not_from_poller)


def _is_not_from_poller(record: logging.LogRecord) -> bool:
    return "PollerCompletionQueue" not in record.getMessage()


@pytest.fixture
async def gateway(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimulatedGateway]:
    """A simulated gateway; the environment points at it. Tests must leave no session or running call."""
    async with SimulatedGateway(ramp_interval=None, api_key=API_KEY) as gateway:
        monkeypatch.setenv("MXGATEWAY_ENDPOINT", gateway.endpoint)
        monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.api_key)
        monkeypatch.setenv("MXGATEWAY_PLAINTEXT", "1")
        yield gateway
        await gateway.wait_for(lambda: not [call for call in gateway.calls if call.running])
        assert not gateway.sessions


@pytest.fixture
async def session(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    """An open session; the environment holds its id."""
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
    ):
        monkeypatch.setenv("MXGATEWAY_SESSION_ID", session.session_id)
        yield session


@pytest.fixture
async def advised_item(session: Session, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """The server and item handle of TestChildObject.TestInt, advised in the session; the environment holds them."""
    server_handle = await session.register("tests")
    item_handle = await session.add_item(server_handle, "TestChildObject.TestInt")
    await session.advise(server_handle, item_handle)
    monkeypatch.setenv("MXGATEWAY_SERVER_HANDLE", str(server_handle))
    monkeypatch.setenv("MXGATEWAY_ITEM_HANDLE", str(item_handle))
    return server_handle, item_handle


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Valid and invalid certificates for gateways and clients."""
    return Certificates.issue(Path(tmp_path_factory.mktemp("certificates")))
