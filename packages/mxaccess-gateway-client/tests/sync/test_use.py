"""What a program without `async` does with a gateway."""

from __future__ import annotations

import csv
import gc
import signal
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mxgateway import (
    AlarmChange,
    AlarmSnapshotComplete,
    MxAccessError,
    MxGatewayStreamEndedError,
    MxGatewayUsageError,
    TagChange,
)
from mxgateway.recording import AlarmRecord, CsvSink, read_alarm_records
from mxgateway.sync import AlarmRecorder, GatewayClient, Recorder, Session, TagClient
from support.tagging import INT, STRING
from support.threaded_gateway import ThreadedGateway


@pytest.fixture
def threaded() -> Iterator[ThreadedGateway]:
    """A simulated gateway in another thread, in which nothing is left open."""
    with ThreadedGateway() as threaded:
        yield threaded
        threaded.wait_for(lambda: not [call for call in threaded.gateway.calls if call.running])
        assert not threaded.gateway.sessions


@pytest.fixture
def client(threaded: ThreadedGateway) -> Iterator[GatewayClient]:
    """A synchronous client."""
    with GatewayClient.connect(endpoint=threaded.endpoint, api_key=threaded.api_key, plaintext=True) as client:
        yield client


@pytest.fixture
def tags(client: GatewayClient) -> Iterator[TagClient]:
    """A synchronous TagClient."""
    with client.tags("test", reconnect_delay=0.01) as tags:
        yield tags


@pytest.fixture
def session(client: GatewayClient) -> Iterator[Session]:
    """A synchronous session."""
    with client.open_session() as session:
        yield session


def advised(session: Session) -> int:
    """Advise a tag in a session, and return its item handle."""
    server = session.register("test")
    item = session.add_item(server, INT)
    session.advise(server, item)
    return item


def test_tags_are_read_written_and_watched(threaded: ThreadedGateway, tags: TagClient) -> None:
    tags.write(INT, 5)
    outcomes = tags.write_many({INT: 6, STRING: "six"})
    assert [outcome.succeeded for outcome in outcomes] == [True, True]
    assert tags.read_values(INT, STRING) == {INT: 6, STRING: "six"}

    with tags.watch(INT) as watch:
        first = watch.receive(timeout=5)
        assert isinstance(first, TagChange)
        assert first.value == tags.wait_for(INT, lambda change: change.value == 6).value
        threaded.set(INT, 7)
        change = next(watch)
    assert isinstance(change, TagChange)
    assert change.value == 7
    assert list(watch) == []


def test_a_timeout_ends_the_iteration_and_loses_nothing(threaded: ThreadedGateway, tags: TagClient) -> None:
    with tags.watch(INT) as watch:
        assert [item.value for item in watch.iterate(timeout=0.2) if isinstance(item, TagChange)] == [42]
        with pytest.raises(TimeoutError):
            watch.receive(timeout=0.01)
        for value in range(100):
            threaded.set(INT, value)
        threaded.set(INT, 1000)

        values: list[object] = []
        for item in watch:
            assert isinstance(item, TagChange)
            values.append(item.value)
            if item.value == 1000:
                break
        assert values == [*range(100), 1000]
        assert watch.pending == 0


def test_a_stream_resumes_after_the_last_event_that_was_delivered(threaded: ThreadedGateway, session: Session) -> None:
    advised(session)
    with session.stream_events() as stream:
        for value in range(20):
            threaded.set(INT, value)
        assert [next(stream).sequence for _ in range(10)] == list(range(1, 11))
        assert (stream.delivered, stream.last_sequence) == (10, 10)

    with session.stream_events(after_sequence=10) as stream:
        assert [next(stream).sequence for _ in range(11)] == list(range(11, 22))


def test_a_lost_stream_raises_after_the_events_before_it(threaded: ThreadedGateway, session: Session) -> None:
    advised(session)
    stream = session.stream_events()
    assert next(stream).sequence == 1
    threaded.set(INT, 1)
    threaded.call(lambda: threaded.gateway.faults.kill_worker(session.session_id))

    with pytest.raises(Exception, match="worker") as caught:
        list(stream)
    assert not isinstance(caught.value, MxGatewayStreamEndedError)
    stream.close()


def test_ctrl_c_ends_a_waiting_call_at_once_and_cancels_it(threaded: ThreadedGateway, session: Session) -> None:
    threaded.call(lambda: threaded.gateway.faults.delay_commands(1000))

    def press() -> None:
        threaded.wait_for(lambda: [call for call in threaded.gateway.calls if call.rpc == "Invoke" and call.running])
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        pressing = pool.submit(press)
        with pytest.raises(KeyboardInterrupt):
            session.ping(timeout=50)
        pressing.result()
    # The command still runs in the worker: only the gateway's clock ends it.
    threaded.wait_for(lambda: not [call for call in threaded.gateway.calls if call.rpc == "Invoke" and call.running])
    threaded.call(lambda: threaded.gateway.faults.delay_commands(0))
    threaded.call(lambda: threaded.gateway.clock.advance(1000))


def test_items_are_taken_together(threaded: ThreadedGateway, tags: TagClient) -> None:
    with tags.watch(INT) as watch:
        assert len(watch.take(10)) == 1
        for value in range(30):
            threaded.set(INT, value)
        taken: list[object] = []
        while len(taken) < 30:
            part = watch.take(7)
            assert 1 <= len(part) <= 7
            taken += [item.value for item in part if isinstance(item, TagChange)]
        assert taken == list(range(30))
    assert watch.take(10) == []


def test_a_session_that_is_opened_after_ctrl_c_is_closed(threaded: ThreadedGateway, client: GatewayClient) -> None:
    threaded.call(lambda: threaded.gateway.faults.delay_calls(10))

    def press() -> None:
        threaded.wait_for(lambda: [call for call in threaded.gateway.calls if call.rpc == "OpenSession"])
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        pressing = pool.submit(press)
        with pytest.raises(KeyboardInterrupt):
            client.open_session()
        pressing.result()
    threaded.call(lambda: threaded.gateway.faults.delay_calls(0))
    threaded.call(lambda: threaded.gateway.clock.advance(10))
    threaded.wait_for(lambda: [call for call in threaded.gateway.calls if call.rpc == "CloseSession"])


def test_closing_ends_the_wait_of_another_thread(client: GatewayClient) -> None:
    tags = client.tags("test")
    watch = tags.watch(INT)
    assert isinstance(next(watch), TagChange)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, watch)
        tags.close()
        with pytest.raises(MxGatewayUsageError, match="closed"):
            waiting.result(20)


def test_threads_share_a_client(tags: TagClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert [each.value for each in pool.map(tags.read_one, [INT] * 40)] == [42] * 40


async def test_it_works_where_an_event_loop_runs_as_in_a_notebook(threaded: ThreadedGateway) -> None:
    with (
        GatewayClient.connect(threaded.endpoint, api_key=threaded.api_key, plaintext=True) as client,
        client.tags("notebook") as tags,
    ):
        assert tags.read_one(INT).value == 42


def test_a_predicate_that_calls_the_client_is_told_so(tags: TagClient) -> None:
    with pytest.raises(MxGatewayUsageError, match="it would wait for itself"):
        tags.wait_for(INT, lambda _: tags.read_one(INT))


def test_a_traceback_shows_the_line_of_the_caller(session: Session) -> None:
    with pytest.raises(MxAccessError) as caught:
        session.advise(1, 77)

    frames = traceback.extract_tb(caught.value.__traceback__)
    assert frames[0].line == "session.advise(1, 77)"
    assert len(frames) <= 4


def test_a_client_that_is_dropped_is_closed_with_a_warning(threaded: ThreadedGateway) -> None:
    client = GatewayClient.connect(endpoint=threaded.endpoint, api_key=threaded.api_key, plaintext=True)
    session = client.open_session()
    del client
    # The session keeps its client.
    session.ping()
    cycle: list[object] = [session]
    cycle.append(cycle)
    del session, cycle
    with pytest.warns(ResourceWarning, match="unclosed <GatewayClient"):
        gc.collect()
    threaded.wait_for(lambda: not threaded.gateway.sessions)


def test_alarms_and_the_galaxy_are_read(client: GatewayClient) -> None:
    assert client.galaxy.test_connection()
    names = {each.tag_name for each in client.galaxy.discover(include_attributes=False)}
    assert "TestChildObject" in names
    with client.watch_alarms() as watch:
        for item in watch:
            assert isinstance(item, AlarmChange | AlarmSnapshotComplete) or watch.provider
            if isinstance(item, AlarmSnapshotComplete):
                break
        assert watch.active.keys() == {alarm.alarm_full_reference for alarm in client.query_active_alarms()}


def test_tags_are_recorded(tags: TagClient, tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    with Recorder(tags, CsvSink(path), INT) as recorder:
        assert recorder.run(max_records=1).changes == 1

    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["tag"] for row in rows if row["kind"] == "change"] == [INT]


def test_alarms_are_recorded(client: GatewayClient, tmp_path: Path) -> None:
    path = tmp_path / "alarms.csv"
    with AlarmRecorder(client.watch_alarms(), CsvSink(path, records=AlarmRecord)) as recorder:
        assert recorder.run(max_records=1).changes == 1

    assert next(iter(read_alarm_records(path))).kind == "raised"
