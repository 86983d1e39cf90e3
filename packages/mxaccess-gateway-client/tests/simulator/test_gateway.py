"""Starting, inspecting and stopping a gateway, and its clock."""

from __future__ import annotations

import gc
import time

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing import CallRecord, Clock, Limits, Plant, SimulatedGateway
from mxgateway.testing.state.clock import Timer
from support.wire import connected, refused


async def test_start_takes_milliseconds() -> None:
    took: list[float] = []
    for _ in range(10):
        began = time.perf_counter()
        async with SimulatedGateway():
            took.append(time.perf_counter() - began)
    assert min(took) < 0.05


async def test_start_and_stop_without_a_with_block() -> None:
    gateway = SimulatedGateway()
    await gateway.start()
    with pytest.raises(RuntimeError, match="already"):
        await gateway.start()
    async with connected(gateway) as wire:
        await wire.open_session()
    await gateway.stop()
    await gateway.stop()


async def test_stopped_gateway_starts_again_on_its_port() -> None:
    gateway = SimulatedGateway()
    async with gateway:
        endpoint = gateway.endpoint
    async with gateway, connected(gateway) as wire:
        assert gateway.endpoint == endpoint
        await wire.open_session()


async def test_gateway_listens_on_the_given_address() -> None:
    async with SimulatedGateway() as first:
        port = int(first.endpoint.rpartition(":")[2])
        with pytest.raises(RuntimeError):
            await SimulatedGateway(port=port).start()
    async with SimulatedGateway(host="localhost", port=port) as second, connected(second) as wire:
        assert second.endpoint == f"localhost:{port}"
        await wire.open_session()


async def test_gateway_can_have_another_plant() -> None:
    plant = Plant(name="Empty")
    async with SimulatedGateway(plant=plant) as gateway, connected(gateway) as wire:
        assert gateway.plant is plant
        session = await wire.open_session()
        async with session.events() as events:
            await session.advised("TestChildObject.TestInt")
            assert (await events.next()).quality == 0


async def test_plant_belongs_to_one_gateway_at_a_time() -> None:
    plant = Plant.default()
    async with SimulatedGateway(plant=plant):
        with pytest.raises(RuntimeError, match="another gateway"):
            await SimulatedGateway(plant=plant).start()
    async with SimulatedGateway(plant=plant):
        pass


async def test_gateway_stops_while_calls_are_running() -> None:
    async with SimulatedGateway(ramp_interval=0.001) as gateway, connected(gateway) as wire:
        sessions = [await wire.open_session() for _ in range(5)]
        with gateway.faults.held_commands(sessions[0].session_id):
            waiting = sessions[0].call(pb.MX_COMMAND_KIND_PING)
            for session in sessions[1:]:
                await session.advised("TestMachine_001.TestChangingInt")
            async with sessions[1].events() as events:
                await events.next()
                await gateway.stop()
        with refused(grpc.StatusCode.UNAVAILABLE):
            await waiting


@pytest.mark.parametrize("breakable", [False, True])
async def test_dropped_connections_end_calls_and_keep_sessions(breakable: bool) -> None:
    async with SimulatedGateway(breakable_network=breakable) as gateway, connected(gateway) as wire:
        endpoint = gateway.endpoint
        session = await wire.open_session()
        async with session.events() as events:
            await gateway.wait_for(lambda: gateway.sessions[0].streams)
            await gateway.faults.drop_connections()
            assert await events.end() is grpc.StatusCode.UNAVAILABLE
        await gateway.wait_for(lambda: not gateway.sessions[0].streams)
        assert gateway.endpoint == endpoint
        async with connected(gateway) as again:
            assert await again.session(session.session_id).state() == pb.SESSION_STATE_READY
        await gateway.faults.restart()
        async with connected(gateway) as again:
            with refused(grpc.StatusCode.NOT_FOUND):
                await again.session(session.session_id).state()


async def test_frozen_network_forwards_nothing_and_breaks_nothing() -> None:
    async with SimulatedGateway(breakable_network=True) as gateway, connected(gateway) as wire:
        session = await wire.open_session()
        with gateway.faults.frozen_network():
            with refused(grpc.StatusCode.DEADLINE_EXCEEDED):
                await session.call(pb.MX_COMMAND_KIND_PING, 0.05)
            assert gateway.calls[-1].rpc == "OpenSession"
        await session.execute(pb.MX_COMMAND_KIND_PING)


async def test_only_a_breakable_network_can_be_frozen(gateway: SimulatedGateway) -> None:
    with pytest.raises(RuntimeError, match="breakable_network"), gateway.faults.frozen_network():
        pass


async def test_calls_are_recorded(gateway: SimulatedGateway) -> None:
    async with connected(gateway) as wire:
        session = await wire.open_session()
        for _ in range(3):
            await session.execute(pb.MX_COMMAND_KIND_PING)
    assert [call.rpc for call in gateway.calls] == ["OpenSession", "Invoke", "Invoke", "Invoke"]
    assert all(not call.running for call in gateway.calls)


@pytest.mark.parametrize("limits", [Limits(recorded_calls=3), Limits(recorded_bytes=3400)], ids=["calls", "bytes"])
async def test_recorded_calls_are_limited_in_number_and_size(limits: Limits) -> None:
    async with SimulatedGateway(limits=limits) as gateway, connected(gateway) as wire:
        session = await wire.open_session()
        for number in range(10):
            await session.execute(pb.MX_COMMAND_KIND_PING, message=f"{number}" * 1000)
        recorded = [message_of(call) for call in gateway.calls]
        await session.execute(pb.MX_COMMAND_KIND_PING, message="A" * 10_000)

        assert [message[0] for message in recorded] == ["7", "8", "9"]
        assert message_of(gateway.calls[-1])[0] == "A"


def message_of(call: CallRecord) -> str:
    """Return the message of a recorded ping."""
    assert isinstance(call.request, pb.MxCommandRequest)
    return call.request.command.ping.message


async def test_clock_runs_due_callbacks_in_order() -> None:
    clock, seen = Clock(), list[str]()
    clock.call_later(20, lambda: seen.append("later"))
    clock.call_later(10, lambda: seen.append("sooner"))
    clock.call_later(10, lambda: seen.append("then"))
    clock.call_later(15, lambda: seen.append("never")).cancel()
    clock.advance(9)
    assert seen == []
    clock.advance(11)
    assert seen == ["sooner", "then", "later"]


async def test_clock_runs_a_repeating_callback_once_per_advance() -> None:
    clock, seen = Clock(), list[float]()

    def tick() -> None:
        seen.append(clock.monotonic())
        clock.call_later(1, tick)

    clock.call_later(1, tick)
    clock.advance(3600)
    assert len(seen) == 1
    clock.stop()


async def test_clock_removes_cancelled_timers() -> None:
    clock, seen = Clock(), list[str]()
    clock.call_later(1000, lambda: seen.append("kept"))
    for _ in range(10_000):
        clock.call_later(1000, lambda: seen.append("taken back")).cancel()
    assert sum(type(each) is Timer for each in gc.get_objects()) < 1000
    clock.advance(1000)
    assert seen == ["kept"]


async def test_clock_runs_by_itself() -> None:
    clock = Clock()
    before = clock.now()
    await clock.sleep(0.001)
    assert clock.now() > before
    with pytest.raises(ValueError, match="must not be negative"):
        clock.advance(-1)
