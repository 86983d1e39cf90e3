"""Options, keys, clients and running calls show no key when they are printed, copied, inspected or interrupted."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import gc
import inspect
import os
import pickle
import pprint
import sys
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mxgateway import ApiKey, ClientOptions, GatewayClient
from support.echoing_gateway import SESSION_ID
from support.scripted_gateway import ScriptedGateway
from support.secret_search import SecretSearch, seen_in_frames
from support.secret_spellings import API_KEY, PASSWORD, SECRET
from support.waiting import until

ENDPOINT = "gateway:5001"
NO_KEYS: tuple[object, ...] = (
    f"{API_KEY} {API_KEY}",
    f"{API_KEY}\n\x00",
    f"{API_KEY}é",
    f"'{API_KEY}'",
    f"Bearer {API_KEY}",
    API_KEY.encode(),
    [API_KEY],
)
WRONG_FIELDS: dict[str, Any] = {
    "endpoint": "https://gateway:5001/path",
    "timeout": -1,
    "max_message_bytes": 1,
    "certificate_fingerprint": "none",
    "client_key_file": "key.pem",
    "no_such_field": 1,
}


@pytest.fixture
def search() -> SecretSearch:
    """A search for the key and the password."""
    return SecretSearch(SECRET, PASSWORD)


@pytest.mark.parametrize("field", WRONG_FIELDS)
@pytest.mark.parametrize("make", [ClientOptions, GatewayClient.connect, ClientOptions.from_env])
def test_invalid_options_show_no_key(
    search: SecretSearch, monkeypatch: pytest.MonkeyPatch, make: Callable[..., object], field: str
) -> None:
    monkeypatch.setenv("MXGATEWAY_PASSWORD", PASSWORD)
    fields = {"endpoint": ENDPOINT, "api_key": API_KEY, field: WRONG_FIELDS[field]}

    with pytest.raises((ValueError, TypeError)) as caught:
        make(**fields)

    assert not search.in_errors(caught.value)


@pytest.mark.parametrize("name", ["TIMEOUT", "PLAINTEXT", "MAX_MESSAGE_BYTES", "ENDPOINT"])
def test_invalid_environment_shows_no_key(search: SecretSearch, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    environment = {"MXGATEWAY_ENDPOINT": ENDPOINT, "MXGATEWAY_API_KEY": API_KEY, f"MXGATEWAY_{name}": "what?"}
    for variable, text in environment.items():
        monkeypatch.setenv(variable, text)

    for given in (None, environment):
        with pytest.raises(ValueError, match=r"what\?") as caught:
            ClientOptions.from_env(given)
        assert not search.in_errors(caught.value)


@pytest.mark.parametrize("key", NO_KEYS)
def test_invalid_key_is_not_shown(search: SecretSearch, key: Any) -> None:
    for make in (
        lambda: ApiKey(key),
        lambda: ClientOptions(endpoint=ENDPOINT, api_key=key),
        lambda: GatewayClient.connect(endpoint=ENDPOINT, api_key=key),
        lambda: dataclasses.replace(ClientOptions(endpoint=ENDPOINT), api_key=key),
    ):
        with pytest.raises(ValueError, match=r"API key|api_key") as caught:
            make()
        for frame in (frame for frame in seen_in_frames(caught.value) if "mxgateway" in frame.partition(":")[0]):
            assert not search.find([frame])
        assert not search.find([str(caught.value), repr(caught.value)])


def test_file_without_a_key_is_not_shown(search: SecretSearch, tmp_path: Path) -> None:
    for content in (f"{API_KEY}\n{API_KEY}".encode(), API_KEY.encode() + b"\xff", API_KEY.encode("utf-16")[:-1]):
        path = tmp_path / "key"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="key") as caught:
            ApiKey.from_file(path)
        assert not search.in_errors(caught.value)


def test_options_and_keys_show_no_key_when_inspected(search: SecretSearch) -> None:
    options = ClientOptions(endpoint=ENDPOINT, api_key=API_KEY)
    key = options.api_key
    looks: list[Any] = [
        options,
        key,
        [key],
        {key: key},
        dataclasses.asdict(options),
        dataclasses.astuple(options),
        dataclasses.replace(options, timeout=1),
        copy.copy(options),
        copy.deepcopy(options),
        copy.deepcopy(key),
        inspect.getmembers(options, lambda member: not callable(member)),
        inspect.getmembers(key, lambda member: not callable(member)),
        GatewayClient.connect(options),
    ]

    assert not search.find(
        shown for look in looks for shown in (repr(look), str(look), f"{look}", pprint.pformat(look))
    )
    assert not search.find([repr(vars(type(options))), repr(vars(type(key)))])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_objects_with_a_key_cannot_be_pickled(search: SecretSearch, protocol: int) -> None:
    options = ClientOptions(endpoint=ENDPOINT, api_key=API_KEY)

    for held in (options, options.api_key, [options], {"key": options.api_key}, GatewayClient.connect(options)):
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)) as caught:
            pickle.dumps(held, protocol)
        assert not search.find([str(caught.value)])


async def test_no_part_of_a_client_shows_the_key(scripted: ScriptedGateway) -> None:
    # The password is in the request of the running call, and is freed with it.
    search = SecretSearch(SECRET)
    scripted.held = asyncio.Event()
    async with GatewayClient.connect(endpoint=scripted.endpoint, api_key=API_KEY, plaintext=True) as client:
        session = client.attach_session(SESSION_ID)
        tasks = [
            asyncio.create_task(session.register("test")),
            asyncio.create_task(session.authenticate_user(1, "operator", PASSWORD)),
        ]
        stream = session.stream_events()
        async with stream:
            await until(lambda: len(scripted.received) == 4)

            assert not search.find(repr(each) for each in _made_of(client, session, stream, *tasks))
            scripted.held.set()
        await asyncio.gather(*tasks)


def _made_of(*roots: object) -> Iterator[object]:
    """Return all objects that are reachable from these, except code and what the interpreter shares."""
    seen: set[int] = set()
    ahead = deque[object](roots)
    while ahead:
        each = ahead.popleft()
        # The object behind a weak proxy may be gone; if it is not, something else references it.
        if id(each) in seen or type(each) in weakref.ProxyTypes:
            continue
        if isinstance(each, (types.ModuleType, types.FrameType, type)):
            continue
        seen.add(id(each))
        if isinstance(each, types.FunctionType):
            ahead.extend(each.__closure__ or ())
            continue
        yield each
        ahead.extend(gc.get_referents(each))


INTERRUPTED = """
import asyncio, faulthandler, gc, os, signal, sys, traceback, warnings
from mxgateway import GatewayClient

async def main():
    loop = asyncio.get_running_loop()
    loop.call_later(0.5, signal.raise_signal, signal.SIGINT)
    loop.call_later(0.4, lambda: [print(task, task.get_stack(), file=sys.stderr) for task in asyncio.all_tasks()])
    loop.call_later(0.45, lambda: faulthandler.dump_traceback(all_threads=True))
    async with GatewayClient.connect(endpoint=os.environ["SILENT"], api_key=os.environ["KEY"], plaintext=True):
        pass

# The process that starts the tests may ignore SIGINT. The parent cannot change that for the child before it starts:
# that would need a fork beside gRPC's threads, which a child does not always survive.
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    asyncio.run(main(), debug=True)
except BaseException as error:
    for line in traceback.TracebackException.from_exception(error, capture_locals=True).format():
        print(line, file=sys.stderr)
    print("INTERRUPTED", type(error).__name__)
    raise
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to itself alone")
@pytest.mark.parametrize("verbosity", ["NONE", "DEBUG"])
async def test_ctrl_c_while_connecting_shows_no_key(search: SecretSearch, tmp_path: Path, verbosity: str) -> None:
    server = await asyncio.start_server(_silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    environment = os.environ | {
        "SILENT": f"127.0.0.1:{port}",
        "KEY": API_KEY,
        "GRPC_VERBOSITY": verbosity,
        "PYTHONASYNCIODEBUG": "1",
        "PYTHONFAULTHANDLER": "1",
    }
    async with server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-X", "dev", "-W", "always", "-c", INTERRUPTED),
            env=environment,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()

    assert b"INTERRUPTED" in output, errors.decode()
    assert b"Traceback" in errors
    assert not search.find([output.decode(), errors.decode()])


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1024):
        pass
    writer.close()
