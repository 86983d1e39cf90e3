"""Mistakes of users raise the right error with one clear line that says what to change, and leave no session open."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mxgateway import (
    ClientOptions,
    GatewayClient,
    MxAccessError,
    MxDataType,
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayConfigurationError,
    MxGatewayError,
    MxGatewaySessionError,
    MxGatewayTransportError,
    Session,
)
from mxgateway.testing import SimulatedGateway
from support.certificates import Certificates


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A plaintext gateway, a TLS gateway, and the files of a user."""

    plain: SimulatedGateway
    tls: SimulatedGateway
    expired: SimulatedGateway
    certificates: Certificates
    folder: Path

    def connect(self, gateway: SimulatedGateway, **fields: Any) -> Awaitable[GatewayClient]:
        """Connect to one of the gateways with the user's options."""
        given: dict[str, Any] = {"endpoint": gateway.endpoint, "api_key": gateway.api_key, **fields}
        return GatewayClient.connect(**given)

    async def use(self, work: Callable[[Session], Awaitable[object]], **fields: Any) -> None:
        """Call a function with a session of the plaintext gateway."""
        async with await self.connect(self.plain, plaintext=True, **fields) as client, client.open_session() as session:
            await work(session)

    def free_port(self) -> int:
        """Return an endpoint on which nothing listens."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port

    def file(self, content: bytes) -> Path:
        """Return a new file with this content."""
        path = self.folder / "file"
        path.write_bytes(content)
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A mistake, the class of its error, and the part of the message that says what to change."""

    make: Callable[[Site], Awaitable[object]]
    kind: type[Exception]
    words: str


async def unknown_session(session: Session) -> None:
    """Close the session and call a command."""
    await session.close()
    await session.register("test")


async def open_session(site: Site, key: str) -> None:
    """Open a session with another key."""
    async with await site.connect(site.plain, plaintext=True, api_key=key) as client:
        await client.open_session()


async def attach(site: Site, session_id: str) -> None:
    """Use a session that was never opened."""
    async with await site.connect(site.plain, plaintext=True) as client:
        await client.attach_session(session_id).register("test")


async def from_environment(environment: dict[str, str]) -> None:
    """Connect with the options of an environment."""
    await GatewayClient.connect(ClientOptions.from_env(environment))


MISTAKES = {
    "endpoint without a port": Mistake(
        make=lambda site: site.connect(site.plain, endpoint="gateway"),
        kind=MxGatewayConfigurationError,
        words="is not host:port, for example localhost:5001",
    ),
    "endpoint as a URL": Mistake(
        make=lambda site: site.connect(site.plain, endpoint="http://gateway:5000"),
        kind=MxGatewayConfigurationError,
        words="use 'gateway:5000' and plaintext=True",
    ),
    "unknown host": Mistake(
        make=lambda site: site.connect(site.plain, endpoint="gateway.invalid:5000", plaintext=True),
        kind=MxGatewayTransportError,
        words="check the spelling",
    ),
    "closed port": Mistake(
        make=lambda site: site.connect(site.plain, endpoint=f"127.0.0.1:{site.free_port()}", plaintext=True),
        kind=MxGatewayTransportError,
        words="nothing listens on port",
    ),
    "plaintext to a TLS port": Mistake(
        make=lambda site: site.connect(site.tls, plaintext=True),
        kind=MxGatewayTransportError,
        words="the port speaks TLS: remove plaintext=True",
    ),
    "TLS to a plaintext port": Mistake(
        make=lambda site: site.connect(site.plain),
        kind=MxGatewayTransportError,
        words="plaintext=True",
    ),
    "missing CA file": Mistake(
        make=lambda site: site.connect(site.tls, ca_file=site.folder / "missing"),
        kind=MxGatewayConfigurationError,
        words="missing does not exist",
    ),
    "CA file without PEM": Mistake(
        make=lambda site: site.connect(site.tls, ca_file=site.file(b"\x30\x82\x01\x00")),
        kind=MxGatewayConfigurationError,
        words="is not a PEM file",
    ),
    "expired certificate": Mistake(
        make=lambda site: site.connect(site.expired, ca_file=site.certificates.ca),
        kind=MxGatewayTransportError,
        words="has expired: install a new one",
    ),
    "foreign certificate": Mistake(
        make=lambda site: site.connect(site.tls, ca_file=site.certificates.foreign_ca),
        kind=MxGatewayTransportError,
        words="was not issued by the CA in",
    ),
    "plaintext with TLS options": Mistake(
        make=lambda site: site.connect(site.plain, plaintext=True, ca_file=site.certificates.ca),
        kind=MxGatewayConfigurationError,
        words="remove plaintext=True or the TLS options",
    ),
    "wrong key": Mistake(
        make=lambda site: site.connect(site.plain, plaintext=True, api_key=f"{site.plain.api_key}x"),
        kind=MxGatewayAuthenticationError,
        words="check that the API key is complete",
    ),
    "no key": Mistake(
        make=lambda site: site.connect(site.plain, plaintext=True, api_key=None),
        kind=MxGatewayAuthenticationError,
        words="check that the API key is complete",
    ),
    "empty key": Mistake(
        make=lambda site: site.connect(site.plain, plaintext=True, api_key=" "),
        kind=MxGatewayConfigurationError,
        words="the API key is empty",
    ),
    "no endpoint in the environment": Mistake(
        make=lambda _: from_environment({}),
        kind=MxGatewayConfigurationError,
        words="set MXGATEWAY_ENDPOINT",
    ),
    "no key in the environment": Mistake(
        make=lambda site: from_environment({"MXGATEWAY_ENDPOINT": site.plain.endpoint, "MXGATEWAY_PLAINTEXT": "1"}),
        kind=MxGatewayAuthenticationError,
        words="check that the API key is complete",
    ),
    "missing scope to open": Mistake(
        make=lambda site: open_session(site, site.plain.add_key("invoke:read")),
        kind=MxGatewayAuthorizationError,
        words="session:open",
    ),
    "missing scope to invoke": Mistake(
        make=lambda site: site.use(
            lambda session: session.register("test"), api_key=site.plain.add_key("session:open", "session:close")
        ),
        kind=MxGatewayAuthorizationError,
        words="invoke:read",
    ),
    "missing scope to stream": Mistake(
        make=lambda site: site.use(
            lambda session: anext(session.stream_events()), api_key=site.plain.add_key("session:open", "session:close")
        ),
        kind=MxGatewayAuthorizationError,
        words="events:read",
    ),
    "unknown session": Mistake(
        make=lambda site: attach(site, "session-00000000000000000000000000000000"),
        kind=MxGatewaySessionError,
        words="session-00000000000000000000000000000000 is unknown",
    ),
    "closed session": Mistake(
        make=lambda site: site.use(unknown_session),
        kind=MxGatewaySessionError,
        words="CLOSED",
    ),
    "value over 64 bits": Mistake(
        make=lambda site: site.use(lambda session: session.write(1, 1, 2**63)),
        kind=ValueError,
        words="does not fit in 64 bits",
    ),
    "value of another type": Mistake(
        make=lambda site: site.use(lambda session: session.write(1, 1, "five", data_type=MxDataType.INTEGER)),
        kind=TypeError,
        words="'five' is not an int",
    ),
    "item handle for nothing": Mistake(
        make=lambda site: site.use(lambda session: session.advise(1, 99)),
        kind=MxAccessError,
        words="Value does not fall within the expected range",
    ),
    "name for a handle": Mistake(
        make=lambda site: site.use(lambda session: session.advise(1, "TestInt")),  # type: ignore[arg-type]  # the mistake
        kind=MxGatewayConfigurationError,
        words="invalid item_handle 'TestInt': use the int that add_item returned",
    ),
    "time that is none": Mistake(
        make=lambda site: site.use(lambda session: session.ping(timeout=-1)),
        kind=MxGatewayConfigurationError,
        words="timeout -1 is not a positive number of seconds",
    ),
}


@pytest.fixture
async def site(gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path) -> AsyncIterator[Site]:
    """Provide all that the mistakes need."""
    async with (
        SimulatedGateway(tls=certificates.gateway.server(), ramp_interval=None) as tls,
        SimulatedGateway(tls=certificates.expired.server(), ramp_interval=None) as expired,
    ):
        yield Site(plain=gateway, tls=tls, expired=expired, certificates=certificates, folder=tmp_path)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
async def test_mistake_raises_one_line_that_says_what_to_change(site: Site, mistake: Mistake) -> None:
    async def make() -> None:
        await mistake.make(site)

    with pytest.raises(mistake.kind) as caught:
        await asyncio.create_task(make())

    error, text = caught.value, str(caught.value)
    assert mistake.words in text
    assert "\n" not in text
    assert len(text) < 600
    for gateway in (site.plain, site.tls, site.expired):
        assert gateway.api_key.split("_", 2)[2] not in text + repr(error)
        assert not gateway.sessions
    assert isinstance(error, (MxGatewayError, TypeError, ValueError))
    assert error.__cause__ is None
