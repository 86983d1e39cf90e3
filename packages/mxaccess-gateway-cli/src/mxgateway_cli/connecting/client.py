"""A command's connection: from what was said on the command line to a client, and to a session that is open already."""

from __future__ import annotations

import logging
import os
import re
import traceback
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxgateway import ApiKey, ClientOptions, GatewayClient, MxGatewayError, ProtocolStatusCode, Session
from mxgateway_cli.connecting.runner import run
from mxgateway_cli.connecting.target import DEFAULT_API_KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from typing import Self

    from mxgateway_cli.connecting.target import Target
    from mxgateway_cli.output.console import Diagnostics, Output

__all__ = ["Connections", "Gateway", "client_options", "converse", "library_log"]

_QUESTION_TIMEOUT = 2.0
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Connections:
    """The connections of this process: one for each way to reach a gateway, made when it is first needed."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._clients: dict[ClientOptions, GatewayClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()

    async def client(self, options: ClientOptions) -> GatewayClient:
        """Give the client for these options, connected."""
        if options not in self._clients:
            self._clients[options] = await self._stack.enter_async_context(GatewayClient.connect(options))
        return self._clients[options]

    async def close(self) -> None:
        """Close all of them."""
        self._clients.clear()
        await self._stack.aclose()


class Gateway:
    """The gateway that a command talks to.

    Attributes:
        options: how to reach it.
        time_limit: seconds that somebody asked for with `--timeout`, or None.
    """

    def __init__(self, options: ClientOptions, connections: Connections, *, time_limit: float | None) -> None:
        self.options = options
        self.time_limit = time_limit
        self._connections = connections

    async def client(self) -> GatewayClient:
        """Give the client, connected."""
        return await self._connections.client(self.options)

    async def attach(self, session_id: str) -> Session:
        """Give the session with this id, which stays open when the command ends."""
        return (await self.client()).attach_session(session_id)

    async def close_session(self, session_id: str) -> None:
        """Close a session that is open already.

        Raises:
            MxGatewaySessionError: the gateway knows no such session, which a mere close would take for closed.
        """
        session = await self.attach(session_id)
        try:
            # Not what somebody waits for: a worker that hangs must not keep its session from being closed.
            await session.get_state(timeout=min(_QUESTION_TIMEOUT, self.options.timeout))
        except MxGatewayError as error:
            if error.grpc_status is not None and error.grpc_status.name == "NOT_FOUND":
                raise
            if error.protocol_status is ProtocolStatusCode.SESSION_NOT_FOUND:
                raise
        await session.close()


def converse(target: Target, output: Output, conversation: Callable[[Gateway], Awaitable[None]]) -> None:
    """Run a command's conversation with its gateway.

    Raises:
        click.UsageError: the target can't work.
        MxGatewayError: the conversation failed.
        KeyboardInterrupt: a signal ended it.
    """
    options = client_options(target, output.diagnostics)

    async def work() -> None:
        async with Connections() as connections:
            await conversation(Gateway(options, connections, time_limit=target.time_limit))

    with library_log(output.diagnostics):
        run(work)


def client_options(target: Target, diagnostics: Diagnostics) -> ClientOptions:
    """Give the library's options for a target; what has no option comes from the environment, as in `from_env`.

    Raises:
        click.UsageError: there is no endpoint or no key.
        MxGatewayConfigurationError: an option can't work.
    """
    if target.endpoint is None:
        raise click.UsageError("no endpoint: give --endpoint HOST:PORT or set MXGATEWAY_ENDPOINT")
    api_key = _api_key(target)
    diagnostics.hold(api_key)
    options = ClientOptions.from_env(
        endpoint=target.endpoint,
        api_key=api_key,
        plaintext=target.plaintext,
        ca_file=target.ca_file,
        server_name_override=target.server_name_override,
        client_certificate_file=target.client_certificate_file,
        client_key_file=target.client_key_file,
        certificate_fingerprint=target.certificate_fingerprint,
        known_gateways_file=_known_gateways_file(target),
        trust_on_first_use=target.trust_on_first_use,
        timeout=target.timeout,
    )
    if not target.timeout_given or os.environ.get("MXGATEWAY_CONNECT_TIMEOUT"):
        return options
    return replace(options, connect_timeout=min(options.connect_timeout, target.timeout))


@contextmanager
def library_log(diagnostics: Diagnostics) -> Generator[None]:
    """Show whatever is logged as a warning, and everything that the library logs with `--debug`, one line each.

    asyncio and gRPC log too, an exception that reached nobody for example, and Python would print that as it is. What
    gRPC logs is shown with `--debug` only.
    """
    handler = _LineHandler(diagnostics)
    everybody, library = logging.getLogger(), logging.getLogger("mxgateway")
    level = library.level
    everybody.addHandler(handler)
    library.setLevel(logging.DEBUG if diagnostics.debug else logging.WARNING)
    try:
        yield
    finally:
        everybody.removeHandler(handler)
        library.setLevel(level)


class _LineHandler(logging.Handler):
    def __init__(self, diagnostics: Diagnostics) -> None:
        super().__init__()
        self._diagnostics = diagnostics

    def emit(self, record: logging.LogRecord) -> None:
        message = " ".join(record.getMessage().split())
        # An error tells in one line what went wrong in gRPC; what gRPC itself says of it is for those who look deeper.
        of_grpc = record.name.partition(".")[0] == "grpc"
        if of_grpc and not self._diagnostics.debug:
            return
        if record.levelno >= logging.WARNING and not of_grpc:
            self._diagnostics.warning(message)
        else:
            self._diagnostics.detail(f"{record.levelname.lower()}: {record.name}: {message}")
        if record.exc_info and self._diagnostics.debug:
            self._diagnostics.detail("".join(traceback.format_exception(*record.exc_info)))


def _known_gateways_file(target: Target) -> str | None:
    if target.known_gateways_file is not None or not target.trust_on_first_use:
        return target.known_gateways_file
    folder = Path(click.get_app_dir("mxgw-py"))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        problem = error.strerror or type(error).__name__
    else:
        return str(folder / "known_gateways")
    raise click.UsageError(f"the folder {folder} can't be made: {problem}; give --known-gateways-file FILE")


def _api_key(target: Target) -> ApiKey:
    if target.api_key_file is not None:
        return _key_from_file(target.api_key_file)
    name = target.api_key_env or DEFAULT_API_KEY_VARIABLE
    if not _VARIABLE_NAME.fullmatch(name) or name.lower().startswith("mxgw_"):
        # Not shown: it is most likely the key itself.
        raise click.UsageError("--api-key-env takes the name of an environment variable, never the key itself")
    text = os.environ.get(name, "")
    if not text.strip():
        state = "is empty" if name in os.environ else "is not set"
        # What isn't written as variables are may be a piece of the key.
        variable = f"variable {name}" if name.isupper() else "variable that --api-key-env names"
        raise click.UsageError(
            f"no API key: the environment {variable} {state}; set it, or give --api-key-env NAME or --api-key-file"
        )
    try:
        return ApiKey(text)
    except ValueError as error:
        problem = str(error)
    raise click.UsageError(f"the environment variable {name} holds no API key: {problem}")


def _key_from_file(path: str) -> ApiKey:
    try:
        return ApiKey.from_file(Path(path))
    except OSError as error:
        problem = f"can't be read: {error.strerror or type(error).__name__}"
    except ValueError as error:
        problem = f"holds no API key: {error}"
    raise click.UsageError(f"the API key file {path} {problem}")
