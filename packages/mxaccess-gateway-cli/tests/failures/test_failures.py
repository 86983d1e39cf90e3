"""Every error is reported with an exit status and in one line."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import pytest

import mxgateway
from mxgateway import (
    ApiKey,
    ErrorFacts,
    MxAccessError,
    MxGatewayAuthorizationError,
    MxGatewayCommandError,
    MxGatewayConfigurationError,
    MxGatewayError,
    MxGatewayEventLossError,
    MxGatewayGalaxyUnavailableError,
    MxGatewayLimitError,
    MxGatewayServerError,
    MxGatewaySessionError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayVersionError,
    MxGatewayWorkerError,
    ProtocolStatusCode,
)
from mxgateway.redaction import Secret, hide
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.failures.report import describe_error, report_error
from mxgateway_cli.output.console import Diagnostics

ERRORS = [value for value in vars(mxgateway).values() if isinstance(value, type) and issubclass(value, MxGatewayError)]


@pytest.mark.parametrize("kind", ERRORS)
def test_every_client_error_is_expected(kind: type[MxGatewayError]) -> None:
    failure = describe_error(kind("what went wrong"))

    assert failure.type == kind.__name__
    assert "unexpected" not in failure.message
    assert failure.status != ExitStatus.GOOD


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (MxGatewayConfigurationError, ExitStatus.USAGE),
        (MxGatewayTransportError, ExitStatus.TRANSPORT),
        (MxGatewayServerError, ExitStatus.FAILED),
        (MxGatewayGalaxyUnavailableError, ExitStatus.FAILED),
        (MxGatewayVersionError, ExitStatus.TRANSPORT),
        (MxGatewayEventLossError, ExitStatus.TRANSPORT),
        (MxGatewayAuthorizationError, ExitStatus.AUTHENTICATION),
        (MxGatewaySessionError, ExitStatus.SESSION),
        (MxGatewayWorkerError, ExitStatus.SESSION),
        (MxGatewayLimitError, ExitStatus.SESSION),
        (MxAccessError, ExitStatus.MXACCESS),
        (MxGatewayCommandError, ExitStatus.FAILED),
        (MxGatewayTimeoutError, ExitStatus.TIMED_OUT),
    ],
)
def test_error_class_sets_exit_status(kind: type[MxGatewayError], status: ExitStatus) -> None:
    assert describe_error(kind("what went wrong")).status == status


def test_failure_has_facts_of_error() -> None:
    error = MxAccessError(
        "refused",
        ErrorFacts(session_id="session-1", hresult=-1, protocol_status=ProtocolStatusCode(999), method="Write"),
    )

    assert describe_error(error).facts == {
        "method": "Write",
        "sessionId": "session-1",
        "hresult": -1,
        "protocolStatus": 999,
    }


def test_messages_name_options_but_keep_paths() -> None:
    error = MxGatewayConfigurationError("ca_file /etc/ca_file/server_handle.crt is empty: give ca_file")

    assert describe_error(error).message == "--ca-file /etc/ca_file/server_handle.crt is empty: give --ca-file"


def test_unexpected_error_is_one_line() -> None:
    failure = describe_error(ZeroDivisionError("line one\nline two"))

    assert failure.status == ExitStatus.FAILED
    assert failure.message == "unexpected ZeroDivisionError: line one line two (run with --debug to see where)"


def test_traceback_shows_no_secret() -> None:
    diagnostics = Diagnostics(as_json=False, debug=True)
    diagnostics.protect(ApiKey("mxgw_1_a-secret_of-mine"))
    diagnostics.protect(hide(Secret.password('pass"word')))

    with redirect_stderr(io.StringIO()) as stderr:
        message = 'mxgw_1_a-secret_of-mine, a-secret_of-mine and pass"word, mxgw_9_somebody-else'
        report_error(ValueError(message), diagnostics)

    shown = stderr.getvalue()
    assert "Traceback" in shown or "ValueError" in shown
    assert not [secret for secret in ("a-secret", 'pass"word', "somebody-else") if secret in shown]
