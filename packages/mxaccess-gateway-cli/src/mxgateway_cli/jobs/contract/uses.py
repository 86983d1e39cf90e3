"""The rpcs and the command kinds that each command of mxgw-py sends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from mxgateway.contract import elements_used
from mxgateway_cli.app import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxgateway.contract import Difference

__all__ = ["affected_commands", "uses_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """What a command sends.

    Attributes:
        rpcs: The names of the rpcs.
        kinds: The command kinds of rpc Invoke, without MX_COMMAND_KIND_.
    """

    rpcs: frozenset[str]
    kinds: frozenset[str]


def _uses(rpcs: str, kinds: str = "") -> Uses:
    # Connecting sends a Ping.
    return Uses(rpcs=frozenset(rpcs.split()) | {"Invoke"}, kinds=frozenset(kinds.split()) | {"PING"})


_SESSION: Final = "OpenSession CloseSession"
_TAG_CLIENT: Final = (
    "REGISTER ADD_ITEM_BULK REMOVE_ITEM_BULK ADVISE_ITEM_BULK ADVISE_SUPERVISORY UNSUBSCRIBE_BULK GET_SESSION_STATE"
)
_SMOKE: Final = "REGISTER ADD_ITEM ADVISE WRITE UN_ADVISE REMOVE_ITEM UNREGISTER"
# Patterns of tags, and the types of tags that are written, come from the Galaxy.
_GALAXY: Final = "DiscoverHierarchy BrowseChildren"
# After the objects `browse` and `galaxy-discover` print how current they are.
_GALAXY_STATUS: Final = "BrowseChildren TestConnection WatchDeployEvents"
# The commands that need no gateway, and the one that runs others.
_WITHOUT_GATEWAY: Final = frozenset(
    {
        *("help", "version", "simulate", "contract", "completion", "batch"),
        *("profile add", "profile list", "profile show", "profile use", "profile remove"),
    }
)
# The commands that are not named after the only command kind that they send.
_USES: Final[Mapping[str, Uses]] = {
    "smoke": _uses(f"{_SESSION} StreamEvents", _SMOKE),
    "doctor": _uses(f"{_SESSION} {_GALAXY_STATUS}", "WRITE WRITE_SECURED DRAIN_EVENTS GET_WORKER_INFO"),
    "read": _uses(f"{_SESSION} {_GALAXY}", "REGISTER READ_BULK"),
    "watch": _uses(f"{_SESSION} StreamEvents {_GALAXY}", f"{_TAG_CLIENT} READ_BULK"),
    "forward": _uses(f"{_SESSION} StreamEvents {_GALAXY}", _TAG_CLIENT),
    "record": _uses(f"{_SESSION} StreamEvents {_GALAXY} StreamAlarms", _TAG_CLIENT),
    "plot": _uses(f"{_SESSION} StreamEvents", _TAG_CLIENT),
    "write": _uses(
        f"{_SESSION} StreamEvents {_GALAXY}", f"{_TAG_CLIENT} READ_BULK WRITE WRITE2 WRITE_BULK WRITE2_BULK"
    ),
    "explore": _uses(
        f"{_SESSION} StreamEvents {_GALAXY} StreamAlarms AcknowledgeAlarm",
        f"{_TAG_CLIENT} READ_BULK WRITE WRITE_BULK",
    ),
    "open-session": _uses(_SESSION),
    "close-session": _uses("CloseSession", "GET_SESSION_STATE"),
    "session-state": _uses("", "GET_SESSION_STATE"),
    "worker-info": _uses("", "GET_WORKER_INFO"),
    "add-item": _uses("", "ADD_ITEM ADD_ITEM2"),
    "stream-events": _uses("StreamEvents"),
    "subscribe-bulk": _uses(_GALAXY, "SUBSCRIBE_BULK"),
    "add-item-bulk": _uses(_GALAXY, "ADD_ITEM_BULK"),
    "read-bulk": _uses(_GALAXY, "READ_BULK"),
    "write-secured": _uses("", "WRITE_SECURED WRITE_SECURED2"),
    "stream-alarms": _uses("StreamAlarms"),
    "watch-alarms": _uses("StreamAlarms AcknowledgeAlarm"),
    "query-active-alarms": _uses("QueryActiveAlarms"),
    "acknowledge-alarm": _uses("AcknowledgeAlarm"),
    "session-active-alarms": _uses("", "QUERY_ACTIVE_ALARMS"),
    "acknowledge-alarm-by-guid": _uses("", "ACKNOWLEDGE_ALARM"),
    "browse": _uses(_GALAXY_STATUS),
    "cache-tags": _uses(_GALAXY),
    "galaxy-discover": _uses(f"{_GALAXY} {_GALAXY_STATUS}"),
    "galaxy-status": _uses(_GALAXY_STATUS),
    "galaxy-last-deploy": _uses("GetLastDeployTime"),
    "galaxy-test-connection": _uses("TestConnection"),
    "galaxy-watch": _uses("WatchDeployEvents"),
    "bench-read-bulk": _uses(f"{_SESSION} {_GALAXY}", "REGISTER SUBSCRIBE_BULK READ_BULK"),
    "bench-events": _uses(f"{_SESSION} StreamEvents {_GALAXY}", "REGISTER SUBSCRIBE_BULK READ_BULK"),
}


def uses_of(command: str) -> Uses:
    """Return what a command sends."""
    if command in _WITHOUT_GATEWAY:
        return Uses(rpcs=frozenset(), kinds=frozenset())
    return _USES.get(command) or _uses("", command.upper().replace("-", "_"))


def affected_commands(difference: Difference) -> list[str]:
    """Return the commands that need what differs, in the order of the help.

    A field, a value or an rpc that only the gateway has concerns the commands that need its message, enum or service.
    """
    name = difference.name
    if difference.here is None and difference.kind in {"field", "value", "rpc"}:
        name = name.rpartition(".")[0]
    return [command for command, elements in _elements().items() if _concerns(difference.kind, name, elements)]


def _concerns(kind: str, name: str, elements: frozenset[str]) -> bool:
    if kind == "package":
        return any(element.startswith(f"{name}.") for element in elements)
    return name in elements


@cache
def _elements() -> Mapping[str, frozenset[str]]:
    """Return the parts of the contract that each command needs."""
    used = {name: uses_of(name) for commands in COMMANDS.values() for name in commands}
    return {name: elements_used(uses.rpcs, uses.kinds) for name, uses in used.items() if uses.rpcs}
