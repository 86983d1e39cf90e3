"""A real nginx in front of a gateway, on loopback and in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.certificates import Pair

_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Nginx:
    """A running nginx. Its log is `error.log` in its folder."""

    def __init__(self, folder: Path, port: int, process: asyncio.subprocess.Process) -> None:
        self._folder = folder
        self._port = port
        self._process = process

    @property
    def endpoint(self) -> str:
        """The endpoint on which it listens."""
        return f"127.0.0.1:{self._port}"

    async def reload(self) -> None:
        """Reload the configuration, as `nginx -s reload` does, and wait until new workers have started."""
        generations = self._generations()
        self._process.send_signal(signal.SIGHUP)
        await self._until(lambda: self._generations() > generations)

    def _generations(self) -> int:
        return (self._folder / "error.log").read_text(encoding="utf-8").count("start worker process ")

    async def _until(self, condition: object) -> None:
        assert callable(condition)
        async with asyncio.timeout(10):
            while not condition():
                assert self._process.returncode is None, (self._folder / "error.log").read_text(encoding="utf-8")
                await asyncio.sleep(0.01)

    async def listens(self) -> None:
        """Wait until it accepts connections."""

        def answers() -> bool:
            with socket.socket() as attempt:
                return attempt.connect_ex(("127.0.0.1", self._port)) == 0

        await self._until(answers)


def find_nginx() -> str:
    """Return the program. Skip the test if there is none, or fail it in CI."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    if found is not None and sys.platform != "win32":
        return found
    if os.environ.get("CI") == "true" and sys.platform == "linux":
        pytest.fail("nginx is missing: CI must run the proxy tests (apt-get install nginx-light)")
    pytest.skip("nginx is not installed: no test used a real proxy (apt-get install nginx-light)")


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@asynccontextmanager
async def nginx_before(
    folder: Path,
    behind: str,
    *,
    shown: Pair | None = None,
    server: str = "",
    location: str = "",
    main: str = "",
    port: int = 0,
) -> AsyncGenerator[Nginx]:
    """Run an nginx that forwards calls to a gateway, with TLS if it has a certificate.

    `server`, `location` and `main` are additional directives for these parts of its configuration.
    """
    port = port or free_port()
    tls = "" if shown is None else f"ssl_certificate {shown.certificate}; ssl_certificate_key {shown.key};"
    block = f"""
        server {{
            listen 127.0.0.1:{port} {"" if shown is None else "ssl"} http2;
            {tls} {server}
            location / {{ grpc_pass grpc://{behind}; {location} }}
        }}
    """
    async with nginx_with(folder, block, port, main) as nginx:
        yield nginx


@asynccontextmanager
async def nginx_with(folder: Path, block: str, port: int, main: str = "") -> AsyncGenerator[Nginx]:
    """Run an nginx with this server block, which must listen on this port."""
    program = find_nginx()
    home = folder / f"nginx-{port}"
    await asyncio.to_thread(home.mkdir, exist_ok=True)
    log = home / "error.log"
    # The workers of a master that runs as root switch to a user that cannot read the tests' folder, unless configured.
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = "".join(f"{kind}_temp_path {home / kind};" for kind in _TEMPORARY)
    configuration = f"""
        daemon off; worker_processes 1; pid {home / "pid"}; error_log {log} notice; {user} {main}
        events {{ worker_connections 256; }}
        http {{ access_log off; {temporary} {block} }}
    """
    await asyncio.to_thread((home / "nginx.conf").write_text, configuration, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(program, "-e", log, "-p", home, "-c", home / "nginx.conf")
    nginx = Nginx(home, port, process)
    try:
        await nginx.listens()
        yield nginx
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
