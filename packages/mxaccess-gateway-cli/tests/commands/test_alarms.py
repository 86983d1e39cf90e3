"""Commands for alarms, with and without a session."""

from __future__ import annotations

import json

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from cli_support.command_line import mxgw_py, read_line, start_process, succeed, wait_for_exit
from cli_support.gateways import last_command, last_request
from cli_support.schemas import schema_of, validate
from mxgateway import Session
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

TAG = "TestChildObject.TestAlarmed"
GUID = "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1b01"
ALARM = f"SimulatedGalaxy!TestArea.{TAG}"


@pytest.mark.usefixtures("gateway")
async def test_active_alarms_are_printed_one_per_line() -> None:
    (line,) = (await succeed("query-active-alarms")).stdout.splitlines()

    assert line.split()[1:] == ["active", ALARM, "severity", "700", "Too", "hot"]


@pytest.mark.usefixtures("gateway")
async def test_filter_prefix_ignores_case() -> None:
    assert (await succeed("query-active-alarms", "--filter-prefix", "simulatedgalaxy!testarea.")).stdout
    assert (await succeed("query-active-alarms", "--filter-prefix", "Elsewhere!")).stdout == ""


@pytest.mark.usefixtures("gateway")
async def test_json_prints_messages_of_gateway() -> None:
    active = (await succeed("query-active-alarms", "--json")).record
    feed = (await succeed("stream-alarms", "--count", "3", "--json")).records

    validate(active, schema_of("query-active-alarms"))
    for record in feed:
        validate(record, schema_of("stream-alarms"))
    assert [list(record) for record in feed] == [["activeAlarm"], ["snapshotComplete"], ["providerStatus"]]
    assert feed[0]["activeAlarm"] == active


@pytest.mark.usefixtures("gateway")
async def test_timeout_ends_alarm_feed_normally() -> None:
    lines = (await succeed("stream-alarms", "--timeout", "0.3")).stdout.splitlines()

    assert lines[1:] == ["end of the active alarms; changes follow", "alarm provider: alarmmgr"]


@pytest.mark.usefixtures("gateway")
async def test_alarm_transition_is_printed_as_it_happens() -> None:
    async with start_process("stream-alarms", "--json") as process:
        for _ in range(3):
            await read_line(process)
        await succeed("acknowledge-alarm", ALARM, "--comment", "on my way", "--operator", "someone")
        transition = json.loads(await read_line(process))
        process.terminate()
        result = await wait_for_exit(process)

    validate(transition, "alarm-message")
    assert transition["transition"]["transitionKind"] == "ALARM_TRANSITION_KIND_ACKNOWLEDGE"
    assert transition["transition"]["operatorComment"] == "on my way"
    assert result.status == ExitStatus.INTERRUPTED
    assert result.stderr == ""


async def test_acknowledgement_sends_comment_and_operator(gateway: SimulatedGateway) -> None:
    arguments = [ALARM, "--comment", "on my way", "--operator", "someone", "--json"]
    record = (await succeed("acknowledge-alarm", *arguments)).record

    validate(record, schema_of("acknowledge-alarm"))
    request = last_request(gateway, "AcknowledgeAlarm")
    assert (request.alarm_full_reference, request.comment, request.operator_user) == (ALARM, "on my way", "someone")
    assert "active acked" in (await succeed("query-active-alarms")).stdout


@pytest.mark.usefixtures("gateway")
async def test_unknown_alarm_is_refused_by_mxaccess() -> None:
    result = await mxgw_py("acknowledge-alarm", "SimulatedGalaxy!TestArea.NoSuchAlarm")

    assert result.status == ExitStatus.MXACCESS


async def test_invalid_alarm_reference_is_refused_before_it_is_sent(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("acknowledge-alarm", "nonsense")

    assert result.status == ExitStatus.USAGE
    assert "Provider!Group.Tag" in result.error
    assert not [call for call in gateway.calls if call.rpc == "AcknowledgeAlarm"]


async def test_key_without_events_scope_is_refused(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key("invoke:read"))

    assert (await mxgw_py("stream-alarms")).status == ExitStatus.AUTHENTICATION


async def test_subscribed_alarms_arrive_in_session_events(gateway: SimulatedGateway, session: Session) -> None:
    expression = r"\\Node\SimulatedGalaxy!TestArea"
    subscribed = (await succeed("subscribe-alarms", "--subscription-expression", expression, "--json")).record
    await succeed("acknowledge-alarm", ALARM)
    event = (await succeed("stream-events", "--count", "1", "--json")).record
    unsubscribed = (await succeed("unsubscribe-alarms", "--json")).record

    for record in (subscribed, unsubscribed):
        validate(record, "alarm-subscription")
    assert event["family"] == "MX_EVENT_FAMILY_ON_ALARM_TRANSITION"
    assert subscribed == {"sessionId": session.session_id, "subscriptionExpression": expression}
    assert last_command(gateway).WhichOneof("payload") == "unsubscribe_alarms"


async def test_alarm_provider_can_be_forced(gateway: SimulatedGateway, session: Session) -> None:
    await mxgw_py("subscribe-alarms", "--subscription-expression", r"\\N\G!A", "--forced-mode", "subtag")

    assert last_command(gateway).subscribe_alarms.forced_mode == pb.ALARM_PROVIDER_MODE_SUBTAG
    assert last_request(gateway, "Invoke").session_id == session.session_id


@pytest.mark.usefixtures("session")
async def test_session_active_alarms_prints_alarms_of_worker() -> None:
    await succeed("subscribe-alarms", "--subscription-expression", r"\\Node\SimulatedGalaxy!TestArea")

    record = (await succeed("session-active-alarms", "--json")).record

    validate(record, schema_of("session-active-alarms"))
    assert record["alarmFullReference"] == ALARM


@pytest.mark.usefixtures("session")
async def test_session_acknowledges_alarm_by_name_with_operator_details(gateway: SimulatedGateway) -> None:
    operator = ["--operator", "someone", "--operator-node", "node", "--operator-domain", "domain"]
    name = ["--alarm-name", TAG, "--provider-name", "SimulatedGalaxy", "--group-name", "TestArea"]
    arguments = [*name, *operator, "--operator-full-name", "Some One", "--comment", "seen", "--json"]
    record = (await succeed("acknowledge-alarm-by-name", *arguments)).record

    validate(record, schema_of("acknowledge-alarm-by-name"))
    sent = last_command(gateway).acknowledge_alarm_by_name_command
    assert (sent.operator_user, sent.operator_node, sent.operator_domain) == ("someone", "node", "domain")
    assert (sent.operator_full_name, sent.comment) == ("Some One", "seen")
    assert record["alarmFullReference"] == ALARM


@pytest.mark.usefixtures("session")
async def test_acknowledging_by_guid_is_refused_by_gateway(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("acknowledge-alarm-by-guid", "--alarm-guid", GUID, "--comment", "seen")

    assert result.status == ExitStatus.MXACCESS
    assert "use Provider!Group.Tag" in result.error
    sent = last_command(gateway).acknowledge_alarm_command
    assert (sent.alarm_guid, sent.comment) == (GUID, "seen")


@pytest.mark.usefixtures("session")
async def test_invalid_guid_is_refused() -> None:
    assert (await mxgw_py("acknowledge-alarm-by-guid", "--alarm-guid", ALARM)).status == ExitStatus.USAGE
