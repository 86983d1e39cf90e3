"""A real mosquitto on loopback, in a process and a folder of its own, and a subscriber to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from support.certificates import Pair
from support.nginx import free_port

paho: Any = import_module("paho.mqtt.client")
_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")


def find_mosquitto() -> str:
    """Return the program. Skip the test if there is none, or fail it in CI."""
    found = shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), *_SYSTEM_FOLDERS]))
    if found is not None and sys.platform != "win32":
        return found
    if os.environ.get("CI") == "true" and sys.platform == "linux":
        pytest.fail("mosquitto is missing: CI must run the MQTT tests (apt-get install mosquitto)")
    pytest.skip("mosquitto is not installed: no test used a real MQTT broker (apt-get install mosquitto)")


class Mosquitto:
    """A broker that can be killed and started again with what it has stored.

    Args:
        folder: Its files.
        shown: Its certificate; without, it has no TLS.
        client_ca: The CA of the certificates that clients must have, or None.
        password: The password of the user `plant`; None lets every client in.
        settings: More lines of its configuration.
        acl: Who may use which topics, as in mosquitto's file of them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        shown: Pair | None = None,
        client_ca: Path | None = None,
        password: str | None = None,
        settings: str = "",
        acl: str = "",
    ) -> None:
        self._program = find_mosquitto()
        self._process: asyncio.subprocess.Process | None = None
        self.port: int = free_port()
        self.url: str = f"{'mqtts' if shown else 'mqtt'}://127.0.0.1:{self.port}"
        folder.mkdir()
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {'true' if password is None else 'false'}",
            f"persistence true\npersistence_location {folder}/",
            "max_queued_messages 0",
            settings,
        ]
        if os.name == "posix" and os.geteuid() == 0:
            # It would switch to a user that cannot read the tests' folder.
            lines.insert(0, "user root")
        if shown is not None:
            lines += [f"certfile {shown.certificate}", f"keyfile {shown.key}"]
        if client_ca is not None:
            lines += [f"cafile {client_ca}", "require_certificate true"]
        if password is not None:
            users = folder / "passwords"
            users.write_text(f"plant:{password}\n")
            tool = shutil.which("mosquitto_passwd") or "mosquitto_passwd"
            subprocess.run([tool, "-U", str(users)], check=True, capture_output=True)
            lines.append(f"password_file {users}")
        if acl:
            (folder / "acl").write_text(acl)
            lines.append(f"acl_file {folder / 'acl'}")
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text("\n".join(lines))

    async def start(self) -> None:
        """Start the broker, and return once it answers."""
        self._process = await asyncio.create_subprocess_exec(
            self._program, "-c", str(self._configuration), stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                assert self._process.returncode is None, self._configuration.read_text()
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Stop the broker in good order, so that it stores all that it has."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()
            self._process = None


@contextlib.asynccontextmanager
async def running(broker: Mosquitto) -> AsyncGenerator[Mosquitto]:
    """Start a broker, and stop it afterwards."""
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message that a subscriber has received."""

    topic: str
    payload: bytes
    retained: bool
    properties: dict[str, Any] = field(default_factory=dict[str, Any])


class Subscriber:
    """A client with a session that outlives its connection, which connects again whenever the connection is lost."""

    def __init__(self, port: int, topic: str) -> None:
        self.messages: list[Received] = []
        self.ready = False
        self._topic = topic
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="subscriber", protocol=paho.MQTTv5)
        self._client.reconnect_delay_set(0.05, 0.2)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        properties = import_module("paho.mqtt.properties").Properties(1)
        properties.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, clean_start=False, properties=properties)
        self._client.loop_start()

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, *_: object) -> None:
        self._client.subscribe(self._topic, qos=1)

    def _on_subscribe(self, *_: object) -> None:
        self.ready = True

    def _on_message(self, _: object, __: object, message: Any) -> None:
        properties: dict[str, Any] = message.properties.json()
        self.messages.append(
            Received(topic=message.topic, payload=message.payload, retained=bool(message.retain), properties=properties)
        )


@contextlib.contextmanager
def subscriber(broker: Mosquitto, topic: str = "#") -> Generator[Subscriber]:
    """Subscribe to a broker without TLS and without users."""
    client = Subscriber(broker.port, topic)
    try:
        yield client
    finally:
        client.close()
