"""Alarms on the command line, with a session and without one."""

from __future__ import annotations

import json
import uuid
from typing import Any, cast

import pytest

from cli_support.command_line import ended, first_line, good, mxgw_py, started
from cli_support.schemas import fits, schema_of
from mxgateway import Session
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

TAG = "TestChildObject.TestAlarmed"
GUID = "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1b01"
ALARM = f"SimulatedGalaxy!TestArea.{TAG}"


def _sent(gateway: SimulatedGateway, rpc: str = "Invoke") -> Any:
    """The last request of an rpc."""
    return cast("Any", [call for call in gateway.calls if call.rpc == rpc][-1].request)


@pytest.mark.usefixtures("gateway")
async def test_the_active_alarms_are_printed_a_line_each() -> None:
    (line,) = (await good("query-active-alarms")).stdout.splitlines()

    assert line.split()[1:] == ["active", ALARM, "severity", "700", "Too", "hot"]


@pytest.mark.usefixtures("gateway")
async def test_the_filter_prefix_leaves_out_what_begins_otherwise() -> None:
    assert (await good("query-active-alarms", "--filter-prefix", "simulatedgalaxy!testarea.")).stdout
    assert (await good("query-active-alarms", "--filter-prefix", "Elsewhere!")).stdout == ""


@pytest.mark.usefixtures("gateway")
async def test_json_gives_the_gateways_own_messages() -> None:
    active = (await good("query-active-alarms", "--json")).record
    feed = (await good("stream-alarms", "--max-messages", "3", "--json")).records

    fits(active, schema_of("query-active-alarms"))
    for record in feed:
        fits(record, schema_of("stream-alarms"))
    assert [list(record) for record in feed] == [["activeAlarm"], ["snapshotComplete"], ["providerStatus"]]
    assert feed[0]["activeAlarm"] == active


@pytest.mark.usefixtures("gateway")
async def test_a_timeout_ends_the_feed_as_asked() -> None:
    lines = (await good("stream-alarms", "--timeout", "0.3")).stdout.splitlines()

    assert lines[1:] == ["end of the active alarms; changes follow", "alarm provider: alarmmgr"]


@pytest.mark.usefixtures("gateway")
async def test_what_happens_to_an_alarm_is_printed_as_it_happens() -> None:
    async with started("stream-alarms", "--json") as process:
        for _ in range(3):
            await first_line(process)
        await good("acknowledge-alarm", "--reference", ALARM, "--comment", "on my way", "--operator", "someone")
        transition = json.loads(await first_line(process))
        process.terminate()
        result = await ended(process)

    fits(transition, "alarm-message")
    assert transition["transition"]["transitionKind"] == "ALARM_TRANSITION_KIND_ACKNOWLEDGE"
    assert transition["transition"]["operatorComment"] == "on my way"
    assert result.status == ExitStatus.INTERRUPTED
    assert result.stderr == ""


async def test_an_acknowledgement_carries_comment_and_operator(gateway: SimulatedGateway) -> None:
    arguments = ["--reference", ALARM, "--comment", "on my way", "--operator", "someone", "--json"]
    record = (await good("acknowledge-alarm", *arguments)).record

    fits(record, schema_of("acknowledge-alarm"))
    request = _sent(gateway, "AcknowledgeAlarm")
    assert (request.alarm_full_reference, request.comment, request.operator_user) == (ALARM, "on my way", "someone")
    assert "active acked" in (await good("query-active-alarms")).stdout


@pytest.mark.usefixtures("gateway")
async def test_an_alarm_that_nobody_knows_is_mxaccess_s_refusal() -> None:
    result = await mxgw_py("acknowledge-alarm", "--reference", "SimulatedGalaxy!TestArea.NoSuchAlarm")

    assert result.status == ExitStatus.MXACCESS


async def test_what_is_no_alarm_is_refused_before_it_is_sent(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("acknowledge-alarm", "--reference", "nonsense")

    assert result.status == ExitStatus.USAGE
    assert "Provider!Group.Tag" in result.error
    assert not [call for call in gateway.calls if call.rpc == "AcknowledgeAlarm"]


async def test_a_key_without_the_scope_is_told_so(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key("invoke:read"))

    assert (await mxgw_py("stream-alarms")).status == ExitStatus.AUTHENTICATION


async def test_alarms_come_with_the_events_of_a_session(gateway: SimulatedGateway, session: Session) -> None:
    expression = r"\\Node\SimulatedGalaxy!TestArea"
    began = (await good("subscribe-alarms", "--subscription-expression", expression, "--json")).record
    await good("acknowledge-alarm", "--reference", ALARM)
    event = (await good("stream-events", "--max-events", "1", "--json")).record
    ended_ = (await good("unsubscribe-alarms", "--json")).record

    for record in (began, ended_):
        fits(record, "alarm-subscription")
    assert event["family"] == "MX_EVENT_FAMILY_ON_ALARM_TRANSITION"
    assert began == {"sessionId": session.session_id, "subscriptionExpression": expression}
    assert _sent(gateway).command.WhichOneof("payload") == "unsubscribe_alarms"


async def test_the_provider_can_be_forced(gateway: SimulatedGateway, session: Session) -> None:
    await mxgw_py("subscribe-alarms", "--subscription-expression", r"\\N\G!A", "--forced-mode", "subtag")

    assert _sent(gateway).command.subscribe_alarms.forced_mode == 2
    assert _sent(gateway).session_id == session.session_id


@pytest.mark.usefixtures("session")
async def test_a_sessions_worker_knows_the_active_alarms_too() -> None:
    await good("subscribe-alarms", "--subscription-expression", r"\\Node\SimulatedGalaxy!TestArea")

    record = (await good("session-active-alarms", "--json")).record

    fits(record, schema_of("session-active-alarms"))
    assert record["alarmFullReference"] == ALARM


@pytest.mark.usefixtures("session")
async def test_a_session_acknowledges_by_name_with_all_that_is_known_of_the_operator(gateway: SimulatedGateway) -> None:
    operator = ["--operator", "someone", "--operator-node", "node", "--operator-domain", "domain"]
    name = ["--alarm-name", TAG, "--provider-name", "SimulatedGalaxy", "--group-name", "TestArea"]
    arguments = [*name, *operator, "--operator-full-name", "Some One", "--comment", "seen", "--json"]
    record = (await good("acknowledge-alarm-by-name", *arguments)).record

    fits(record, schema_of("acknowledge-alarm-by-name"))
    sent = _sent(gateway).command.acknowledge_alarm_by_name_command
    assert (sent.operator_user, sent.operator_node, sent.operator_domain) == ("someone", "node", "domain")
    assert (sent.operator_full_name, sent.comment) == ("Some One", "seen")
    assert record["alarmFullReference"] == ALARM


@pytest.mark.usefixtures("session")
async def test_a_session_acknowledges_by_guid(gateway: SimulatedGateway) -> None:
    record = (await good("acknowledge-alarm-by-guid", "--alarm-guid", GUID, "--comment", "seen", "--json")).record

    fits(record, schema_of("acknowledge-alarm-by-guid"))
    sent = _sent(gateway).command.acknowledge_alarm_command
    assert (sent.alarm_guid, sent.comment) == (GUID, "seen")


@pytest.mark.usefixtures("session")
async def test_a_guid_that_no_alarm_has_is_mxaccess_s_refusal() -> None:
    result = await mxgw_py("acknowledge-alarm-by-guid", "--alarm-guid", str(uuid.uuid4()))

    assert result.status == ExitStatus.MXACCESS


@pytest.mark.usefixtures("session")
async def test_what_is_no_guid_is_refused() -> None:
    assert (await mxgw_py("acknowledge-alarm-by-guid", "--alarm-guid", ALARM)).status == ExitStatus.USAGE
