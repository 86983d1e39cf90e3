"""Any text given to an option is parsed or refused in one line, never with a traceback."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from mxgateway import ClientOptions, MxGatewayConfigurationError, from_mx_value
from mxgateway_cli.app import COMMANDS, app, run
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.input.lists import parse_handles, parse_references, parse_values
from mxgateway_cli.input.value_types import VALUE_TYPES
from mxgateway_cli.input.values import parse_timestamp, parse_value
from mxgateway_cli.jobs.batch.batch import END_OF_RESULT, run_batch
from mxgateway_cli.output.console import Diagnostics, Output
from mxgateway_cli.output.settings import OutputFormat, OutputSettings

SETTINGS = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
# A digit for int(), but not a decimal digit of ASCII.
FIVE = "\N{ARABIC-INDIC DIGIT FIVE}"
UNEXPECTED_ERROR = re.compile(r"unexpected \w+: ")
DEEP = "[" * 100_000
LONG = "9" * 10_000
# Fragments of valid and of invalid values.
PIECES = some.sampled_from(
    [
        *("1", "-5", "2.5", "1e400", "nan", "inf", "true", "[", "]", "[[1,2],[3,4]]", ",", '"', "{}", "null", " "),
        *("2026-01-05T08:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9" * 30, "é", "\x00"),
        *("localhost:5000", "http://", "::1", "[::1]:5000", ":", "a/b", "--", "=", "\n", "'", "\\", "\ud800", FIVE),
    ]
)
TEXTS = some.lists(PIECES, max_size=6).map("".join) | some.text(max_size=30)


def deep_json() -> str:
    """Return a JSON array that is nested too deeply."""
    return "[" * 2000 + "1" + "]" * 2000


@SETTINGS
@given(some.sampled_from(VALUE_TYPES), TEXTS)
@example("int32[]", DEEP)
@example("int32[]", deep_json())
@example("string[]", '[{"a": 1}]')
@example("int64", LONG)
@example("double[]", f"[{LONG}]")
def test_any_value_text_is_parsed_or_refused(value_type: str, text: str) -> None:
    try:
        message = parse_value(value_type, text)
    except click.UsageError as error:
        assert_one_line(error)
    else:
        from_mx_value(message)


@SETTINGS
@given(TEXTS)
@example(LONG)
@example("0001-01-01T00:00:00+23:59")
@example("9999-12-31T23:59:59-23:59")
def test_any_timestamp_text_is_parsed_or_refused(text: str) -> None:
    try:
        when = parse_timestamp(text)
    except click.UsageError as error:
        assert_one_line(error)
    else:
        assert when.utcoffset() is not None
        from_mx_value(parse_value("timestamp", text))


@SETTINGS
@given(some.sampled_from(VALUE_TYPES), TEXTS, some.integers(1, 3))
@example("int32", DEEP, 1)
@example("int32[]", DEEP, 1)
@example("int32[]", deep_json(), 1)
@example("string", '["a", null]', 2)
@example("int32", '{"a": 1}', 1)
def test_any_value_list_is_parsed_or_refused(value_type: str, text: str, count: int) -> None:
    try:
        values = parse_values(value_type, text, count)
    except click.UsageError as error:
        assert_one_line(error)
    else:
        assert len(values) == count


@SETTINGS
@given(TEXTS)
@example(LONG)
@example("1_0")
@example(FIVE)
def test_any_handle_list_is_parsed_or_refused(text: str) -> None:
    context, parameter = click.Context(app), click.Option(["--item-handles"])
    try:
        handles = parse_handles(context, parameter, text)
    except click.UsageError as error:
        assert_one_line(error)
    else:
        assert [str(handle) for handle in handles] == [str(int(part)) for part in text.split(",")]
        assert text.isascii()
        assert "_" not in text


@SETTINGS
@given(TEXTS)
def test_any_reference_list_is_parsed_or_refused(text: str) -> None:
    context, parameter = click.Context(app), click.Option(["--items"])
    try:
        references = parse_references(context, parameter, text)
    except click.UsageError as error:
        assert_one_line(error)
    else:
        assert references is not None
        assert all(reference.strip() for reference in references)


@SETTINGS
@given(TEXTS)
@example(f"localhost:{LONG}")
@example(f"localhost:{FIVE}")
def test_any_endpoint_text_is_accepted_or_refused(text: str) -> None:
    with contextlib.suppress(MxGatewayConfigurationError):
        assert ClientOptions(endpoint=text, plaintext=True).endpoint == text


def assert_one_line(error: click.UsageError) -> None:
    """Assert that a usage error is printed as one line of moderate length."""
    with contextlib.redirect_stderr(io.StringIO()) as stderr:
        Diagnostics(as_json=False, debug=False).error(" ".join(error.format_message().split()), {})
    assert len(stderr.getvalue().splitlines()) == 1
    assert len(stderr.getvalue()) < 1000


# The text is the file that `contract` writes.
WRITES_A_FILE = "--export"


def options() -> Iterator[tuple[str, str]]:
    """Yield every command with each of its options that have a value."""
    for commands in COMMANDS.values():
        for name in commands:
            command = app.get_command(click.Context(app), name)
            assert command is not None
            for parameter in command.params:
                if isinstance(parameter, click.Option) and not parameter.is_flag and parameter.opts[0] != WRITES_A_FILE:
                    yield name, parameter.opts[0]


# Commands that run until stdin ends, or until a signal.
ENDLESS_COMMANDS = {"batch", "simulate"}


@pytest.mark.parametrize(
    "name", [name for commands in COMMANDS.values() for name in commands if name not in ENDLESS_COMMANDS]
)
def test_every_option_accepts_or_refuses_any_text(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without an endpoint, so that a valid command line fails before it connects.
    monkeypatch.setenv("MXGATEWAY_API_KEY", "mxgw_1_secret")
    own_options = [option for command, option in options() if command == name and option != "--endpoint"]

    @settings(SETTINGS, max_examples=10)
    @given(some.lists(some.tuples(some.sampled_from(own_options or ["--json"]), TEXTS), max_size=4))
    def check(given_options: list[tuple[str, str]]) -> None:
        arguments = [name, *(f"{option}={text}" if own_options else option for option, text in given_options)]
        status, stderr = run_quietly([argument.replace("\x00", "") for argument in arguments])
        if name not in {"help", "version", "profile list"}:
            assert status == ExitStatus.USAGE, (arguments, stderr)
            assert len(stderr.splitlines()) == 1, (arguments, stderr)
            assert not UNEXPECTED_ERROR.search(stderr)
            assert "Traceback" not in stderr

    check()


def run_quietly(arguments: list[str]) -> tuple[int, str]:
    """Run a command line in this process and return its status and its output on stderr."""
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        status = run(arguments)
    stderr.seek(0)
    return int(status), stderr.read()


NAMES = [name for commands in COMMANDS.values() for name in commands]
LINES = some.lists(some.sampled_from([*NAMES, "--json", "--help", "'", '"']) | TEXTS, max_size=5)


@settings(SETTINGS, max_examples=60)
@given(some.lists(LINES.map(" ".join), max_size=4))
@example([DEEP, "\ud800", "write --type int32[] --value " + deep_json()])
def test_every_line_of_batch_gets_end_marker(lines: list[str]) -> None:
    settings = OutputSettings(format=OutputFormat.JSONL)
    output = Output(diagnostics=Diagnostics(as_json=True, debug=False), settings=settings)
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", newline="\n")
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(io.StringIO()):
        run_batch(lines, [], output)
    stdout.seek(0)
    printed = stdout.read().split("\n")

    assert printed.count(END_OF_RESULT) == len(lines)
    for line in printed:
        record: dict[str, Any] = json.loads(line) if line.startswith('{"error"') else {}
        assert not UNEXPECTED_ERROR.search(record.get("error", ""))
