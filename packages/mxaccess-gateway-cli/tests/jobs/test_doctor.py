"""`doctor` finds the first step that fails on the way to a session, gives advice, and leaves no session open."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import grpc
import pytest

from cli_support.command_line import Result, mxgw_py, succeed
from cli_support.gateways import API_KEY
from cli_support.schemas import validate
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from support.certificates import Certificates
from support.hostile_http2 import Answer, after_connecting, framed, hostile_http2
from support.scripted_gateway import ScriptedGateway, scripted_gateway

CHECKS = [
    "settings",
    "name",
    "tcp",
    "tls",
    "key",
    "scopes",
    "galaxy",
    "session",
    "protocol-version",
    "worker",
    "close-session",
    "contract",
]
# Field 4711 with the text "new", which no message of the contract has.
UNKNOWN_FIELD = b"\xba\xa6\x02\x03new"
ALL_SCOPES = ("session:open", "session:close", "invoke:read", "invoke:write", "invoke:secure", "events:read")


def _verdicts(result: Result) -> dict[str, str]:
    for record in result.records:
        validate(record, "check")
    assert [record["check"] for record in result.records] == CHECKS
    return {record["check"]: record["verdict"] for record in result.records}


def _assert_first_failure(result: Result, check: str) -> None:
    """Assert that a check failed, that no earlier check did, and that the later checks were skipped."""
    verdicts = _verdicts(result)
    index = CHECKS.index(check)
    assert {verdicts[name] for name in CHECKS[:index]} <= {"ok", "warning"}
    assert verdicts[check] == "failed"
    assert {verdicts[name] for name in CHECKS[index + 1 : -1]} <= {"skipped"}
    assert verdicts["contract"] in {"ok", "skipped"}
    validate(result.error_record, "error")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)


@pytest.mark.usefixtures("gateway")
async def test_doctor_prints_one_line_per_check() -> None:
    result = await succeed("doctor")

    lines = [line.split() for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert [check for _, check, *_ in lines] == CHECKS
    assert {verdict for verdict, *_ in lines} == {"ok", "warning"}


async def test_trusted_certificate_is_shown_with_names_dates_and_fingerprint(certificates: Certificates) -> None:
    async with SimulatedGateway(api_key=API_KEY, tls=certificates.gateway.server()) as gateway:
        result = await succeed("doctor", "--endpoint", gateway.endpoint, "--ca-file", certificates.ca, "--json")

    assert set(_verdicts(result).values()) == {"ok"}
    tls = result.records[CHECKS.index("tls")]
    assert tls["certificate"]["fingerprint"] == certificates.gateway.fingerprint
    assert set(tls["certificate"]["names"]) == {"127.0.0.1", "localhost"}
    assert {"notBefore", "notAfter", "issuer", "subject"} <= set(tls["certificate"])


async def test_untrusted_certificate_is_shown_with_advice(certificates: Certificates) -> None:
    async with SimulatedGateway(api_key=API_KEY, tls=certificates.gateway.server()) as gateway:
        result = await mxgw_py("doctor", "--endpoint", gateway.endpoint, "--json")

    _assert_first_failure(result, "tls")
    tls = result.records[CHECKS.index("tls")]
    assert "set --ca-file to its CA" in tls["advice"]
    assert certificates.gateway.fingerprint in tls["finding"]
    assert result.status == ExitStatus.TRANSPORT


async def test_expired_certificate_is_shown_with_expiry_date(certificates: Certificates) -> None:
    async with SimulatedGateway(api_key=API_KEY, tls=certificates.expired.server()) as gateway:
        result = await mxgw_py("doctor", "--endpoint", gateway.endpoint, "--ca-file", certificates.ca, "--json")

    _assert_first_failure(result, "tls")
    assert result.records[CHECKS.index("tls")]["certificate"]["notAfter"] == "2020-01-01T00:00:00Z"


async def test_unknown_host_fails_name_check() -> None:
    result = await mxgw_py("doctor", "--endpoint", "nobody.invalid:5001", "--json")

    _assert_first_failure(result, "name")
    assert result.status == ExitStatus.TRANSPORT
    assert "spelling" in result.records[CHECKS.index("name")]["advice"]


async def test_closed_port_fails_tcp_check() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    result = await mxgw_py("doctor", "--endpoint", f"127.0.0.1:{port}", "--plaintext", "--json")

    _assert_first_failure(result, "tcp")
    assert result.status == ExitStatus.TRANSPORT


async def test_tls_to_plaintext_port_fails_tls_check_with_advice(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("doctor", "--endpoint", gateway.endpoint, "--tls", "--json")

    _assert_first_failure(result, "tls")
    assert "--plaintext" in result.records[CHECKS.index("tls")]["advice"]


@pytest.mark.usefixtures("gateway")
async def test_unknown_key_fails_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", "mxgw_other_marker-of-a-wrong-key")

    result = await mxgw_py("doctor", "--json")

    _assert_first_failure(result, "key")
    assert result.status == ExitStatus.AUTHENTICATION
    assert "marker" not in result.stdout + result.stderr


async def test_key_with_missing_optional_scopes_is_a_warning(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key("session:open", "session:close", "invoke:read"))

    result = await succeed("doctor", "--json")

    assert _verdicts(result)["scopes"] == "warning"
    scopes = result.records[CHECKS.index("scopes")]["scopes"]
    assert {scope for scope, has in scopes.items() if has} == {"session:close", "invoke:read"}


@pytest.mark.parametrize(
    ("missing", "check"), [("session:open", "session"), ("session:close", "scopes"), ("invoke:read", "scopes")]
)
async def test_key_without_required_scope_fails(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, missing: str, check: str
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key(*(set(ALL_SCOPES) - {missing})))

    result = await mxgw_py("doctor", "--json")

    _assert_first_failure(result, check)
    assert result.status == ExitStatus.AUTHENTICATION


async def test_scope_check_changes_nothing(gateway: SimulatedGateway) -> None:
    await succeed("doctor")

    # The doctor uses a session id of zeros, which no session has.
    write = [call for call in gateway.calls if call.status is grpc.StatusCode.NOT_FOUND]
    assert len(write) >= 4
    assert gateway.plant["TestChildObject.TestInt"].value == 42


async def test_session_limit_fails_session_check(gateway: SimulatedGateway) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.RESOURCE_EXHAUSTED, "64 sessions", rpc="OpenSession")

    result = await mxgw_py("doctor", "--json")

    _assert_first_failure(result, "session")
    assert result.status == ExitStatus.SESSION


async def test_unsupported_protocol_version_fails_version_check() -> None:
    async with SimulatedGateway(api_key=API_KEY, gateway_protocol_version=99) as gateway:
        result = await mxgw_py("doctor", "--endpoint", gateway.endpoint, "--plaintext", "--json")

        assert not gateway.sessions
    _assert_first_failure(result, "protocol-version")
    assert result.status == ExitStatus.TRANSPORT
    assert "99" in result.records[CHECKS.index("protocol-version")]["finding"]


async def test_unresponsive_worker_fails_and_session_is_closed(gateway: SimulatedGateway) -> None:
    gateway.faults.delay_commands(30)

    result = await mxgw_py("doctor", "--timeout", "0.5", "--json")

    _assert_first_failure(result, "worker")
    assert result.status == ExitStatus.TIMED_OUT
    gateway.faults.delay_commands(0)


ADVICE = "this gateway's contract differs, run mxgw-py contract"


@pytest.fixture
async def scripted(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ScriptedGateway]:
    """A gateway whose replies the test changes; the environment points at it."""
    async with scripted_gateway() as gateway:
        monkeypatch.setenv("MXGATEWAY_ENDPOINT", gateway.endpoint)
        monkeypatch.setenv("MXGATEWAY_PLAINTEXT", "1")
        yield gateway


async def test_field_that_mxgw_py_does_not_know_is_a_warning(scripted: ScriptedGateway) -> None:
    scripted.open_reply.MergeFromString(UNKNOWN_FIELD)
    scripted.edit_reply = lambda reply: reply.protocol_status.MergeFromString(UNKNOWN_FIELD)

    result = await succeed("doctor", "--json")

    assert _verdicts(result)["contract"] == "warning"
    assert set(result.records[-1]["unknownFields"]) == {"OpenSessionReply = 4711", "ProtocolStatus = 4711"}
    assert result.records[-1]["advice"] == ADVICE


async def test_reply_without_session_id_points_at_the_contract(scripted: ScriptedGateway) -> None:
    scripted.open_reply.ClearField("session_id")

    result = await mxgw_py("doctor", "--json")

    verdicts = _verdicts(result)
    assert (verdicts["session"], verdicts["worker"], verdicts["contract"]) == ("failed", "skipped", "failed")
    assert result.records[-1]["missingFields"] == ["OpenSessionReply.session_id"]
    assert result.records[-1]["advice"] == ADVICE
    assert result.status == ExitStatus.TRANSPORT


async def test_missing_field_that_no_other_check_needs_fails_the_last_check(scripted: ScriptedGateway) -> None:
    scripted.edit_reply = lambda reply: reply.ClearField("kind")

    result = await mxgw_py("doctor")

    *_, finding, advice = result.stdout.splitlines()
    assert finding == "FAILED  contract          the answers lack MxCommandReply.kind"
    assert advice.strip() == f"-> {ADVICE}"
    assert result.status == ExitStatus.TRANSPORT
    assert ADVICE in result.error


async def test_unreadable_answer_points_at_the_contract() -> None:
    async with hostile_http2(after_connecting(Answer(body=framed(b"\xff" * 50)))) as server:
        result = await mxgw_py("doctor", "--endpoint", server.endpoint, "--plaintext", "--json")

    assert _verdicts(result)["contract"] == "failed"
    assert result.records[-1]["finding"] == "an answer cannot be decoded"
    assert result.records[-1]["advice"] == ADVICE


async def test_missing_gateway_service_fails_session_check() -> None:
    async with SimulatedGateway(api_key=API_KEY, galaxy_only=True) as historian:
        result = await mxgw_py("doctor", "--endpoint", historian.endpoint, "--plaintext", "--json")

    _assert_first_failure(result, "session")
    assert "serves only the Galaxy" in result.records[CHECKS.index("key")]["finding"]
    assert "no MxAccessGateway service" in result.error_record["error"]
    assert result.records[CHECKS.index("scopes")]["scopes"] == {"metadata:read": True}


async def test_server_with_only_the_galaxy_passes_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_SERVICES", "galaxy")
    async with SimulatedGateway(api_key=API_KEY, galaxy_only=True) as historian:
        result = await succeed("doctor", "--endpoint", historian.endpoint, "--plaintext", "--json")

    verdicts = _verdicts(result)
    assert verdicts["galaxy"] == "ok"
    assert {verdicts[name] for name in CHECKS[CHECKS.index("session") : -1]} == {"skipped"}


@pytest.mark.parametrize(("snapshot", "words"), [(True, "not reachable"), (False, "no copy of the Galaxy yet")])
async def test_galaxy_without_its_database_is_a_warning(gateway: SimulatedGateway, snapshot: bool, words: str) -> None:
    with gateway.faults.galaxy_down(snapshot=snapshot):
        result = await succeed("doctor", "--json")

    assert _verdicts(result)["galaxy"] == "warning"
    assert words in result.records[CHECKS.index("galaxy")]["finding"]


async def test_failure_of_the_gateway_is_not_one_of_the_connection(gateway: SimulatedGateway) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.INTERNAL, "no license\n   at Start()", rpc="OpenSession")

    result = await mxgw_py("doctor", "--json")

    _assert_first_failure(result, "session")
    session = result.records[CHECKS.index("session")]
    assert "the gateway failed with INTERNAL | no license ..." in session["finding"]
    assert "log" in session["advice"]
    assert result.status == ExitStatus.FAILED


async def test_each_of_several_gateways_is_checked(gateway: SimulatedGateway) -> None:
    async with SimulatedGateway(api_key=API_KEY, gateway_protocol_version=99) as newer:
        endpoints = [gateway.endpoint, newer.endpoint]
        result = await mxgw_py("doctor", "--endpoint", ",".join(endpoints), "--plaintext", "--json")

    for record in result.records:
        validate(record, "check")
    by_endpoint = {
        endpoint: {record["check"]: record["verdict"] for record in result.records if record["endpoint"] == endpoint}
        for endpoint in endpoints
    }
    assert [list(verdicts) for verdicts in by_endpoint.values()] == [CHECKS, CHECKS]
    assert "failed" not in by_endpoint[gateway.endpoint].values()
    assert by_endpoint[newer.endpoint]["protocol-version"] == "failed"
    assert result.status == ExitStatus.TRANSPORT


async def test_failed_gateway_does_not_end_the_check_of_the_next(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("doctor", "--endpoint", f"127.0.0.1:1,{gateway.endpoint}", "--plaintext")

    lines = result.stdout.splitlines()
    assert lines[0] == "127.0.0.1:1"
    assert gateway.endpoint in lines
    assert any(line.startswith("ok      close-session") for line in lines)
    assert result.status == ExitStatus.TRANSPORT
