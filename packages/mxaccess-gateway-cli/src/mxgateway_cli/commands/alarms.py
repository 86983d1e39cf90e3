"""Commands for alarms, of the gateway (without a session) and of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import argument, former_option, option
from mxgateway_cli.input import options

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = [
    "acknowledge_alarm",
    "acknowledge_alarm_by_guid",
    "acknowledge_alarm_by_name",
    "query_active_alarms",
    "session_active_alarms",
    "stream_alarms",
    "subscribe_alarms",
    "unsubscribe_alarms",
    "watch_alarms",
]

_PROVIDERS: Final = ("alarmmgr", "subtag")
_EXAMPLE_GUID: Final = "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01"

_filter_prefix = option(
    "--filter-prefix",
    default="",
    metavar="PREFIX",
    help="Print only alarms whose full reference has this prefix, ignoring case.  [default: all]",
)
_comment = option("--comment", default="", metavar="TEXT", help="Comment for the alarm's history.")
_operator = option("--operator", default="", metavar="USER", help="The user who acknowledges the alarm.")
_operator_node = option("--operator-node", default="", metavar="NODE", help="The computer of that user.")
_operator_domain = option("--operator-domain", default="", metavar="DOMAIN", help="The domain of that user.")
_operator_full_name = option("--operator-full-name", default="", metavar="NAME", help="The full name of that user.")


@gateway_command(
    "stream-alarms",
    _filter_prefix,
    options.count("Stop after this number of messages.", "--max-messages"),
    options.duration("Stop after this time, for example 8h, even if no alarm changed."),
    schema="alarm-message",
)
async def stream_alarms(
    gateway: Gateway, output: Output, *, filter_prefix: str, count: int | None, duration: float | None
) -> None:
    """Print the gateway's alarms as they change: first the active alarms, then every change.

    Stops after --count, after --duration, or on Ctrl-C. Needs no session.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.consume import consume  # noqa: PLC0415
    from mxgateway_cli.output.layouts import Printer  # noqa: PLC0415
    from mxgateway_cli.results.alarms import ALARM_FEED  # noqa: PLC0415

    client = await gateway.client()
    printer = Printer(output, ALARM_FEED)
    async with client.stream_alarms(filter_prefix) as feed:
        await consume(
            feed,
            # Flush only after the last queued item: faster for many, and immediate for a single one.
            lambda item: printer.print(item, flush=feed.pending == 0),
            limit=count,
            # The command lines of other languages end the stream by --timeout.
            seconds=gateway.time_limit if duration is None else duration,
        )


@gateway_command(
    "watch-alarms",
    _filter_prefix,
    options.count("Stop after this number of changes and status items.", "--max-events"),
    options.duration("Stop after this time, for example 8h, even if nothing changed."),
    options.failover_after,
    _operator,
    schema="alarm-watch",
)
async def watch_alarms(
    gateway: Gateway,
    output: Output,
    *,
    filter_prefix: str,
    count: int | None,
    duration: float | None,
    failover_after: float,
    operator: str,
) -> None:
    """Watch the active alarms and their changes, as a live table on a terminal, until an option or Ctrl-C ends it.

    In the table, an alarm is acknowledged by typing its number, Enter, a comment and Enter; the arrow and page keys
    scroll, and q quits. After a lost connection the command reconnects, reports "lost" and "restored", and prints what
    changed in the meantime. With several gateways "restored" names the one that is used now. Needs no session.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.alarm_watch.job import watch_alarms as run  # noqa: PLC0415

    client = await gateway.client()
    await run(
        client,
        output,
        filter_prefix=filter_prefix,
        operator=operator,
        max_events=count,
        duration=duration,
        failover_after=failover_after,
    )


@gateway_command("query-active-alarms", _filter_prefix, schema="active-alarm")
async def query_active_alarms(gateway: Gateway, output: Output, *, filter_prefix: str) -> None:
    """Print the active alarms. Needs no session."""
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.output.layouts import Printer  # noqa: PLC0415
    from mxgateway_cli.results.alarms import ACTIVE_ALARMS  # noqa: PLC0415

    client = await gateway.client()
    printer = Printer(output, ACTIVE_ALARMS)
    async with client.query_active_alarms(filter_prefix) as alarms:
        async for alarm in alarms:
            printer.print(alarm, flush=alarms.pending == 0)


@gateway_command(
    "acknowledge-alarm",
    argument("alarm", metavar="ALARM", example="'Galaxy!Area.Object.Alarm'"),
    former_option("--reference", target="alarm", instead="ALARM"),
    _comment,
    _operator,
    schema="acknowledged-alarm",
)
async def acknowledge_alarm(gateway: Gateway, output: Output, *, alarm: str, comment: str, operator: str) -> None:
    """Acknowledge an alarm: Provider!Group.Tag, as it is printed. Needs no session.

    In a Unix shell put it in single quotes, because of the exclamation mark.
    """
    client = await gateway.client()
    await client.acknowledge_alarm(alarm, comment, operator)
    output.result({"alarmFullReference": alarm, "acknowledged": True}, f"acknowledged {alarm}")


@gateway_command(
    "subscribe-alarms",
    options.session_id,
    option(
        "--subscription-expression",
        required=True,
        example=r"'\\Node\Galaxy!Area'",
        metavar="EXPRESSION",
        help=r"The alarms, as an expression of System Platform: \\Node\Galaxy!Area.",
    ),
    option(
        "--forced-mode",
        type=click.Choice(_PROVIDERS),
        metavar="PROVIDER",
        help="Use alarmmgr or subtag as alarm provider.  [default: chosen by the gateway]",
    ),
    schema="alarm-subscription",
)
async def subscribe_alarms(
    gateway: Gateway, output: Output, *, session_id: str, subscription_expression: str, forced_mode: str | None
) -> None:
    """Deliver alarms among the events of a session, where stream-events prints them."""
    # Imported late so that --help doesn't load grpc.
    from mxgateway import AlarmProviderMode  # noqa: PLC0415

    mode = AlarmProviderMode.UNSPECIFIED if forced_mode is None else AlarmProviderMode[forced_mode.upper()]
    await (await gateway.attach(session_id)).subscribe_alarms(subscription_expression, mode)
    record = {"sessionId": session_id, "subscriptionExpression": subscription_expression}
    output.result(record, f"subscribed to {subscription_expression}")


@gateway_command("unsubscribe-alarms", options.session_id, schema="alarm-subscription")
async def unsubscribe_alarms(gateway: Gateway, output: Output, *, session_id: str) -> None:
    """Stop delivering alarms to a session, as started by subscribe-alarms."""
    await (await gateway.attach(session_id)).unsubscribe_alarms()
    output.result({"sessionId": session_id}, "unsubscribed")


@gateway_command("session-active-alarms", options.session_id, _filter_prefix, schema="active-alarm")
async def session_active_alarms(gateway: Gateway, output: Output, *, session_id: str, filter_prefix: str) -> None:
    """Print the active alarms known to a session's worker (gateway command QueryActiveAlarms)."""
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.output.layouts import Printer  # noqa: PLC0415
    from mxgateway_cli.results.alarms import ACTIVE_ALARMS  # noqa: PLC0415

    printer = Printer(output, ACTIVE_ALARMS)
    for alarm in await (await gateway.attach(session_id)).query_active_alarms(filter_prefix):
        printer.print(alarm)


@gateway_command(
    "acknowledge-alarm-by-guid",
    options.session_id,
    option("--alarm-guid", required=True, example=_EXAMPLE_GUID, metavar="GUID", help="The alarm's GUID."),
    _comment,
    _operator,
    _operator_node,
    _operator_domain,
    _operator_full_name,
    schema="session-acknowledged-alarm",
)
async def acknowledge_alarm_by_guid(
    gateway: Gateway,
    output: Output,
    *,
    session_id: str,
    alarm_guid: str,
    comment: str,
    operator: str,
    operator_node: str,
    operator_domain: str,
    operator_full_name: str,
) -> None:
    """Acknowledge an alarm by its GUID (gateway command AcknowledgeAlarm) and print the native status.

    A gateway refuses this with status 6, because the call of AVEVA that it needs is not implemented: use
    acknowledge-alarm or acknowledge-alarm-by-name.
    """
    session = await gateway.attach(session_id)
    status = await session.acknowledge_alarm(
        alarm_guid, comment, operator, operator_node, operator_domain, operator_full_name
    )
    _print_acknowledged(output, session_id, alarm_guid, status)


@gateway_command(
    "acknowledge-alarm-by-name",
    options.session_id,
    option(
        "--alarm-name",
        required=True,
        example="Object.Alarm",
        metavar="NAME",
        help="The alarm's name, the Tag of Provider!Group.Tag.",
    ),
    option("--provider-name", required=True, example="Galaxy", metavar="NAME", help="The alarm's provider."),
    option("--group-name", required=True, example="Area", metavar="NAME", help="The alarm's group."),
    _comment,
    _operator,
    _operator_node,
    _operator_domain,
    _operator_full_name,
    schema="session-acknowledged-alarm",
)
async def acknowledge_alarm_by_name(
    gateway: Gateway,
    output: Output,
    *,
    session_id: str,
    alarm_name: str,
    provider_name: str,
    group_name: str,
    comment: str,
    operator: str,
    operator_node: str,
    operator_domain: str,
    operator_full_name: str,
) -> None:
    """Acknowledge an alarm through a session (gateway command AcknowledgeAlarmByName) and print the native status."""
    session = await gateway.attach(session_id)
    status = await session.acknowledge_alarm_by_name(
        alarm_name,
        provider_name,
        group_name,
        comment,
        operator,
        operator_node,
        operator_domain,
        operator_full_name,
    )
    _print_acknowledged(output, session_id, f"{provider_name}!{group_name}.{alarm_name}", status)


def _print_acknowledged(output: Output, session_id: str, reference: str, native_status: int) -> None:
    record = {"sessionId": session_id, "alarmFullReference": reference, "nativeStatus": native_status}
    output.result(record, f"acknowledged {reference}, native status {native_status}")
