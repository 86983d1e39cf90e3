"""How current the gateway's copy of the Galaxy is, as a JSON record and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mxgateway import MxGatewayError
from mxgateway_cli.output.formatting import format_time
from mxgateway_cli.output.records import time_record

if TYPE_CHECKING:
    from mxgateway import Galaxy, GalaxyStatus
    from mxgateway_cli.output.console import Output
    from mxgateway_cli.output.formatting import Zone

__all__ = ["galaxy_status_record", "galaxy_status_text", "report_currency"]

# The tree is printed already; a database that is down may delay the answer.
_TIMEOUT_SECONDS: Final = 5.0


def galaxy_status_record(status: GalaxyStatus) -> dict[str, Any]:
    """Return a status under protobuf JSON names. What the gateway does not report is missing."""
    record: dict[str, Any] = {"loaded": status.loaded, "mayBeOutdated": status.may_be_outdated}
    if status.database_reachable is not None:
        record["databaseReachable"] = status.database_reachable
    if not status.loaded:
        return record
    record["cacheSequence"] = str(status.version)
    for name, moment in (("timeOfLastDeploy", status.deployed_at), ("observedAt", status.observed_at)):
        if moment is not None:
            record[name] = time_record(moment)
    return {**record, "objectCount": status.object_count, "attributeCount": status.attribute_count}


def galaxy_status_text(status: GalaxyStatus, zone: Zone) -> str:
    """Return a status as one line."""
    database = {True: "reachable", False: "not reachable", None: "slow to answer"}[status.database_reachable]
    if not status.loaded:
        return f"the gateway has no copy of the Galaxy yet; the Galaxy's database is {database}"
    deployed = "never deployed" if status.deployed_at is None else f"deployed {format_time(status.deployed_at, zone)}"
    confirmed = "" if status.observed_at is None else f", confirmed {format_time(status.observed_at, zone)}"
    return f"Galaxy copy {status.version}: {deployed}{confirmed}; the Galaxy's database is {database}"


async def report_currency(galaxy: Galaxy, output: Output) -> None:
    """Print to stderr how current the objects are that a command has printed.

    A terminal gets what the gateway reports. Elsewhere nothing is printed, except a warning if the objects may be
    outdated.
    """
    try:
        status = await galaxy.status(timeout=_TIMEOUT_SECONDS)
    except MxGatewayError as error:
        if output.terminal:
            output.diagnostics.note(f"It is unknown how current these objects are: {error}")
        return
    if status.may_be_outdated:
        since = "" if status.observed_at is None else f" since {format_time(status.observed_at, output.zone)}"
        output.diagnostics.warning(
            f"the Galaxy may have been deployed{since}: the gateway does not reach its database and has sent a copy"
        )
    elif output.terminal:
        output.diagnostics.note(galaxy_status_text(status, output.zone))
