"""`doctor` finds what stands between here and a working session, says what to do, and leaves no session behind."""

from __future__ import annotations

import socket

import grpc
import pytest
from conftest import API_KEY

from cli_support.command_line import Result, good, mxgw_py
from cli_support.schemas import fits
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from support.certificates import Certificates

CHECKS = ["name", "tcp", "tls", "key", "scopes", "session", "protocol-version", "worker", "close-session"]
ALL_SCOPES = ("session:open", "session:close", "invoke:read", "invoke:write", "invoke:secure", "events:read")


def _verdicts(result: Result) -> dict[str, str]:
    for record in result.records:
        fits(record, "check")
    assert [record["check"] for record in result.records] == CHECKS
    return {record["check"]: record["verdict"] for record in result.records}


def _assert_first_failure(result: Result, check: str) -> None:
    """Assert that what comes before a check is good, the check failed, and what comes after it was left out."""
    verdicts = _verdicts(result)
    index = CHECKS.index(check)
    assert {verdicts[name] for name in CHECKS[:index]} <= {"ok", "warning"}
    assert verdicts[check] == "failed"
    assert {verdicts[name] for name in CHECKS[index + 1 :]} <= {"skipped"}
    fits(result.error_record, "error")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)


@pytest.mark.usefixtures("gateway")
async def test_everything_in_order_is_said_a_line_a_check() -> None:
    result = await good("doctor")

    lines = [line.split() for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert [check for _, check, *_ in lines] == CHECKS
    assert {verdict for verdict, *_ in lines} == {"ok", "warning"}


async def test_a_good_certificate_comes_with_its_names_dates_and_fingerprint(certificates: Certificates) -> None:
    async with SimulatedGateway(api_key=API_KEY, tls=certificates.gateway.server()) as gateway:
        result = await good("doctor", "--endpoint", gateway.endpoint, "--ca-file", certificates.ca, "--json")

    assert set(_verdicts(result).values()) == {"ok"}
    tls = result.records[CHECKS.index("tls")]
    assert tls["certificate"]["fingerprint"] == certificates.gateway.fingerprint
    assert set(tls["certificate"]["names"]) == {"127.0.0.1", "localhost"}
    assert {"notBefore", "notAfter", "issuer", "subject"} <= set(tls["certificate"])


async def test_a_certificate_that_is_not_trusted_is_shown_with_what_to_do(certificates: Certificates) -> None:
    async with SimulatedGateway(api_key=API_KEY, tls=certificates.gateway.server()) as gateway:
        result = await mxgw_py("doctor", "--endpoint", gateway.endpoint, "--json")

    _assert_first_failure(result, "tls")
    tls = result.records[CHECKS.index("tls")]
    assert "give its CA as --ca-file" in tls["advice"]
    assert certificates.gateway.fingerprint in tls["finding"]
    assert result.status == ExitStatus.TRANSPORT


async def test_an_expired_certificate_says_when_it_ended(certificates: Certificates) -> None:
    async with SimulatedGateway(api_key=API_KEY, tls=certificates.expired.server()) as gateway:
        result = await mxgw_py("doctor", "--endpoint", gateway.endpoint, "--ca-file", certificates.ca, "--json")

    _assert_first_failure(result, "tls")
    assert result.records[CHECKS.index("tls")]["certificate"]["notAfter"] == "2020-01-01T00:00:00Z"


async def test_an_unknown_name_is_the_first_thing_to_fail() -> None:
    result = await mxgw_py("doctor", "--endpoint", "nobody.invalid:5001", "--json")

    _assert_first_failure(result, "name")
    assert result.status == ExitStatus.TRANSPORT
    assert "spelling" in result.records[0]["advice"]


async def test_a_port_where_nobody_listens_is_the_second() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    result = await mxgw_py("doctor", "--endpoint", f"127.0.0.1:{port}", "--plaintext", "--json")

    _assert_first_failure(result, "tcp")
    assert result.status == ExitStatus.TRANSPORT


async def test_tls_to_a_plaintext_port_says_which_option_to_change(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("doctor", "--endpoint", gateway.endpoint, "--tls", "--json")

    _assert_first_failure(result, "tls")
    assert "--plaintext" in result.records[CHECKS.index("tls")]["advice"]


@pytest.mark.usefixtures("gateway")
async def test_a_key_that_the_gateway_doesn_t_know_fails_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", "mxgw_other_marker-of-a-wrong-key")

    result = await mxgw_py("doctor", "--json")

    _assert_first_failure(result, "key")
    assert result.status == ExitStatus.AUTHENTICATION
    assert "marker" not in result.stdout + result.stderr


async def test_a_key_for_less_than_everything_is_a_warning_that_says_what_is_missing(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key("session:open", "session:close", "invoke:read"))

    result = await good("doctor", "--json")

    assert _verdicts(result)["scopes"] == "warning"
    scopes = result.records[CHECKS.index("scopes")]["scopes"]
    assert {scope for scope, has in scopes.items() if has} == {"session:close", "invoke:read"}


@pytest.mark.parametrize(
    ("missing", "check"), [("session:open", "session"), ("session:close", "scopes"), ("invoke:read", "scopes")]
)
async def test_a_key_that_can_t_use_a_session_fails(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, missing: str, check: str
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key(*(set(ALL_SCOPES) - {missing})))

    result = await mxgw_py("doctor", "--json")

    _assert_first_failure(result, check)
    assert result.status == ExitStatus.AUTHENTICATION


async def test_finding_out_the_scopes_changes_nothing(gateway: SimulatedGateway) -> None:
    await good("doctor")

    # The zeros are an id that no session has.
    write = [call for call in gateway.calls if call.status is grpc.StatusCode.NOT_FOUND]
    assert len(write) >= 4
    assert gateway.plant["TestChildObject.TestInt"].value == 42


async def test_a_gateway_without_room_for_a_session_fails(gateway: SimulatedGateway) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.RESOURCE_EXHAUSTED, "64 sessions", rpc="OpenSession")

    result = await mxgw_py("doctor", "--json")

    _assert_first_failure(result, "session")
    assert result.status == ExitStatus.SESSION


async def test_a_protocol_version_that_nobody_knows_fails_there() -> None:
    async with SimulatedGateway(api_key=API_KEY, gateway_protocol_version=99) as gateway:
        result = await mxgw_py("doctor", "--endpoint", gateway.endpoint, "--plaintext", "--json")

        assert not gateway.sessions
    _assert_first_failure(result, "protocol-version")
    assert result.status == ExitStatus.TRANSPORT
    assert "99" in result.records[CHECKS.index("protocol-version")]["finding"]


async def test_a_worker_that_doesn_t_answer_fails_and_its_session_is_closed(gateway: SimulatedGateway) -> None:
    gateway.faults.delay_commands(30)

    result = await mxgw_py("doctor", "--timeout", "0.5", "--json")

    _assert_first_failure(result, "worker")
    assert result.status == ExitStatus.TIMED_OUT
    gateway.faults.delay_commands(0)
