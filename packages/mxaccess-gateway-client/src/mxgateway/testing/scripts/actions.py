"""The actions of a script: changes of the plant, and all faults."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import grpc

from mxgateway.testing.plant.statuses import operational_error
from mxgateway.testing.scripts import parameters as kinds
from mxgateway.testing.scripts.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping
    from contextlib import AbstractContextManager

    from mxgateway.testing.gateway import SimulatedGateway

__all__ = ["ACTIONS", "Action"]

Arguments: TypeAlias = "Mapping[str, Any]"
Perform: TypeAlias = "Callable[[SimulatedGateway, Arguments], Awaitable[None] | None]"
Hold: TypeAlias = "Callable[[SimulatedGateway, Arguments], AbstractContextManager[None]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that a script can do.

    Attributes:
        name: the name of the action. A fault has the name of its method in `Faults`.
        meaning: what it does, for people.
        parameters: its parameters, the most important first.
        perform: does it; None for a fault that lasts.
        hold: makes a fault last until the end of a `with` block; None for any other action.
        identity: the parameters that distinguish lasting faults that can be active at the same time.
    """

    name: str
    meaning: str
    parameters: tuple[Parameter, ...] = ()
    perform: Perform | None = None
    hold: Hold | None = None
    identity: tuple[str, ...] = ()

    @property
    def lasts(self) -> bool:
        """Whether this is a fault that lasts until it is ended."""
        return self.hold is not None


def _session_ids(gateway: SimulatedGateway, arguments: Arguments) -> list[str]:
    """Return the ids of the sessions that an action is for: of those with an id or a name, or else of all.

    Raises:
        ValueError: there is no such session.
    """
    name = arguments.get("session")
    sessions = gateway.sessions
    found = [each.session_id for each in sessions if name in {None, each.session_id, each.client_session_name}]
    if found:
        return found
    if not sessions:
        raise ValueError("no session is open")
    known = ", ".join(each.client_session_name or each.session_id for each in sessions)
    raise ValueError(f"no session has the id or the name {name!r}: use one of {known}")


def _for_each_session(function: Callable[[SimulatedGateway, str], None]) -> Perform:
    def perform(gateway: SimulatedGateway, arguments: Arguments) -> None:
        for session_id in _session_ids(gateway, arguments):
            function(gateway, session_id)

    return perform


def _set(gateway: SimulatedGateway, arguments: Arguments) -> None:
    gateway.plant[arguments["tag"]].set(**{key: value for key, value in arguments.items() if key != "tag"})


def _acknowledge(gateway: SimulatedGateway, arguments: Arguments) -> None:
    tag = gateway.plant[arguments["tag"]]
    user, comment = arguments.get("user", "operator"), arguments.get("comment", "")
    if tag.alarm is None or not tag.alarm.acknowledge(user, comment, gateway.clock.now()):
        raise ValueError(f"{tag.name} has no active alarm")


def _step(gateway: SimulatedGateway, arguments: Arguments) -> None:
    for _ in range(arguments.get("count", 1)):
        gateway.plant.step()


def _complete_operation(gateway: SimulatedGateway, arguments: Arguments) -> None:
    for session_id in _session_ids(gateway, arguments):
        gateway.faults.complete_operation(session_id, arguments["server_handle"], arguments["item_handle"])


def _end_alarm_feeds(gateway: SimulatedGateway, arguments: Arguments) -> None:
    gateway.faults.end_alarm_feeds(
        arguments.get("code", grpc.StatusCode.UNAVAILABLE), arguments.get("details", _ON_REQUEST)
    )


def _refuse_next_calls(gateway: SimulatedGateway, arguments: Arguments) -> None:
    gateway.faults.refuse_next_calls(
        arguments.get("count", 1),
        arguments.get("code", grpc.StatusCode.UNAVAILABLE),
        arguments.get("details", _ON_REQUEST),
        rpc=arguments.get("rpc"),
    )


@contextmanager
def _delaying(delay: Callable[[float], None], seconds: float) -> Generator[None]:
    delay(seconds)
    try:
        yield
    finally:
        delay(0)


@contextmanager
def _holding_commands(gateway: SimulatedGateway, arguments: Arguments) -> Generator[None]:
    with ExitStack() as stack:
        for session_id in _session_ids(gateway, arguments):
            stack.enter_context(gateway.faults.held_commands(session_id))
        yield


def _refusing_writes(gateway: SimulatedGateway, arguments: Arguments) -> AbstractContextManager[None]:
    statuses = (operational_error(arguments["text"]),) if "text" in arguments else ()
    return gateway.faults.refused_writes(arguments["tag"], *statuses)


_ON_REQUEST: Final = "requested by a script"

_TAG = Parameter(name="tag", kind=kinds.TAG, meaning="the tag", required=True)
_ALARM_TAG = Parameter(name="tag", kind=kinds.ALARM_TAG, meaning="the tag with the alarm", required=True)
_SESSION = Parameter(
    name="session", kind=kinds.TEXT, meaning="the id or the name of a session; by default all open sessions"
)
_SECONDS = Parameter(name="seconds", kind=kinds.SECONDS, meaning="the delay", required=True)
_CODE = Parameter(name="code", kind=kinds.STATUS_CODE, meaning="the gRPC status; by default unavailable")
_DETAILS = Parameter(name="details", kind=kinds.TEXT, meaning="the text of the status")

_ALL: Final = (
    Action(
        name="set",
        meaning="sets the value of a tag, its quality or its timestamp",
        parameters=(
            _TAG,
            Parameter(name="value", kind=kinds.VALUE, meaning="the value; by default it is kept"),
            Parameter(name="quality", kind=kinds.QUALITY, meaning="the quality; by default good if a value is given"),
            Parameter(name="timestamp", kind=kinds.TIME, meaning="the source timestamp; by default now"),
        ),
        perform=_set,
    ),
    Action(
        name="raise_alarm",
        meaning="sets a tag to a value that raises its alarm",
        parameters=(_ALARM_TAG, Parameter(name="value", kind=kinds.VALUE, meaning="the value; by default the limit")),
        perform=lambda gateway, arguments: gateway.plant[arguments["tag"]].raise_alarm(arguments.get("value")),
    ),
    Action(
        name="clear_alarm",
        meaning="sets a tag to a value that clears its alarm",
        parameters=(
            _ALARM_TAG,
            Parameter(name="value", kind=kinds.VALUE, meaning="the value; by default one next to the limit"),
        ),
        perform=lambda gateway, arguments: gateway.plant[arguments["tag"]].clear_alarm(arguments.get("value")),
    ),
    Action(
        name="acknowledge_alarm",
        meaning="acknowledges the active alarm of a tag",
        parameters=(
            _ALARM_TAG,
            Parameter(name="comment", kind=kinds.TEXT, meaning="the comment; by default none"),
            Parameter(name="user", kind=kinds.TEXT, meaning="the user; by default operator"),
        ),
        perform=_acknowledge,
    ),
    Action(
        name="retrigger_alarm",
        meaning="raises the alarm of a tag again while it is active",
        parameters=(_ALARM_TAG,),
        perform=lambda gateway, arguments: gateway.faults.retrigger_alarm(arguments["tag"]),
    ),
    Action(
        name="step",
        meaning="moves every ramp, sine and cycle by one step",
        parameters=(Parameter(name="count", kind=kinds.COUNT, meaning="the number of steps; by default 1"),),
        perform=_step,
    ),
    Action(
        name="deploy",
        meaning="deploys the Galaxy",
        parameters=(
            Parameter(name="missed", kind=kinds.INTEGER, meaning="how many earlier deploys watchers get no event for"),
        ),
        perform=lambda gateway, arguments: gateway.plant.deploy(missed=arguments.get("missed", 0)),
    ),
    Action(
        name="advance",
        meaning="moves the clock of the gateway forward",
        parameters=(Parameter(name="seconds", kind=kinds.SECONDS, meaning="by how much", required=True),),
        perform=lambda gateway, arguments: gateway.clock.advance(arguments["seconds"]),
    ),
    Action(
        name="drop_connections",
        meaning="breaks all connections; sessions stay open",
        perform=lambda gateway, _: gateway.faults.drop_connections(),
    ),
    Action(
        name="restart",
        meaning="restarts the gateway on the same port; all sessions are lost",
        perform=lambda gateway, _: gateway.faults.restart(),
    ),
    Action(
        name="frozen_network",
        meaning="forwards no bytes, as when a cable is pulled",
        hold=lambda gateway, _: gateway.faults.frozen_network(),
    ),
    Action(
        name="refuse_next_calls",
        meaning="refuses the next calls with a gRPC status",
        parameters=(
            Parameter(name="count", kind=kinds.COUNT, meaning="how many calls; by default 1"),
            _CODE,
            _DETAILS,
            Parameter(name="rpc", kind=kinds.RPC, meaning="only calls of this rpc"),
        ),
        perform=_refuse_next_calls,
    ),
    Action(
        name="delay_calls",
        meaning="delays every new call",
        parameters=(_SECONDS,),
        hold=lambda gateway, arguments: _delaying(gateway.faults.delay_calls, arguments["seconds"]),
    ),
    Action(
        name="delay_commands",
        meaning="delays every command, in the worker",
        parameters=(_SECONDS,),
        hold=lambda gateway, arguments: _delaying(gateway.faults.delay_commands, arguments["seconds"]),
    ),
    Action(
        name="held_commands",
        meaning="makes the commands of sessions wait",
        parameters=(_SESSION,),
        hold=_holding_commands,
        identity=("session",),
    ),
    Action(
        name="held_sessions",
        meaning="lets no session leave a state",
        parameters=(Parameter(name="state", kind=kinds.SESSION_STATE, meaning="the state", required=True),),
        hold=lambda gateway, arguments: gateway.faults.held_sessions(arguments["state"]),
        identity=("state",),
    ),
    Action(
        name="kill_worker",
        meaning="ends the workers of sessions, as a crash does",
        parameters=(_SESSION,),
        perform=_for_each_session(lambda gateway, session_id: gateway.faults.kill_worker(session_id)),
    ),
    Action(
        name="fault_session",
        meaning="makes sessions FAULTED",
        parameters=(_SESSION,),
        perform=_for_each_session(lambda gateway, session_id: gateway.faults.fault_session(session_id)),
    ),
    Action(
        name="overflow_events",
        meaning="ends event streams as if their queue had overflowed",
        parameters=(_SESSION,),
        perform=_for_each_session(lambda gateway, session_id: gateway.faults.overflow_events(session_id)),
    ),
    Action(
        name="age_out_replay",
        meaning="discards the events that are retained for a resume",
        parameters=(_SESSION,),
        perform=_for_each_session(lambda gateway, session_id: gateway.faults.age_out_replay(session_id)),
    ),
    Action(
        name="complete_operation",
        meaning="raises OperationComplete",
        parameters=(
            Parameter(name="server_handle", kind=kinds.INTEGER, meaning="the server handle", required=True),
            Parameter(name="item_handle", kind=kinds.INTEGER, meaning="the item handle", required=True),
            _SESSION,
        ),
        perform=_complete_operation,
    ),
    Action(
        name="refused_writes",
        meaning="refuses every write to a tag",
        parameters=(_TAG, Parameter(name="text", kind=kinds.TEXT, meaning="the text of the refusal")),
        hold=_refusing_writes,
        identity=("tag",),
    ),
    Action(
        name="silent_tag",
        meaning="raises no data changes of a tag",
        parameters=(_TAG,),
        hold=lambda gateway, arguments: gateway.faults.silent_tag(arguments["tag"]),
        identity=("tag",),
    ),
    Action(
        name="galaxy_down",
        meaning="makes the database of the Galaxy unavailable",
        parameters=(
            Parameter(
                name="snapshot", kind=kinds.BOOLEAN, meaning="whether the gateway has a copy of it; by default true"
            ),
        ),
        hold=lambda gateway, arguments: gateway.faults.galaxy_down(snapshot=arguments.get("snapshot", True)),
    ),
    Action(
        name="end_alarm_feeds",
        meaning="ends all open alarm feeds with a gRPC status",
        parameters=(_CODE, _DETAILS),
        perform=_end_alarm_feeds,
    ),
    Action(
        name="change_alarm_provider",
        meaning="switches to another alarm provider",
        parameters=(
            Parameter(name="mode", kind=kinds.PROVIDER_MODE, meaning="the provider", required=True),
            Parameter(name="reason", kind=kinds.TEXT, meaning="the reason that is reported"),
        ),
        perform=lambda gateway, arguments: gateway.faults.change_alarm_provider(
            arguments["mode"], arguments.get("reason", _ON_REQUEST)
        ),
    ),
)

ACTIONS: Final[Mapping[str, Action]] = {action.name: action for action in _ALL}
"""The actions by name."""
