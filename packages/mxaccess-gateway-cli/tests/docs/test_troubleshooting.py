"""Troubleshooting has an entry for each hint that the code can produce, and for each class of error."""

from __future__ import annotations

import re
from pathlib import Path

import mxgateway
from cli_support.hints import hints
from mxgateway import MxGatewayError
from mxgateway_cli.failures.gateway import describe_gateway_error

PACKAGES = Path(__file__).resolve().parents[3]
CLIENT = PACKAGES / "mxaccess-gateway-client"
HINTS = hints([CLIENT / "src" / "mxgateway", PACKAGES / "mxaccess-gateway-cli" / "src" / "mxgateway_cli"])
PAGES = sorted((CLIENT / "docs" / "troubleshooting").glob("*.md"))
HEADINGS = [
    heading for page in PAGES for heading in re.findall(r"^##+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
]
# Parts of sentences that explain themselves, and a line that explains keys.
NOT_OF_ERRORS = re.compile(r"[;,]|and plaintext=True|did you mean|type help for|number and Enter acknowledge")
TEXT = " ".join(" ".join(page.read_text(encoding="utf-8").split()) for page in PAGES)


def test_finder_finds_hints_of_each_form() -> None:
    found = {hint.text for hint in HINTS}

    assert {
        "nothing listens on port {} of {}: check the port (5000 plaintext, 5001 TLS) and the gateway",  # returned
        "open a new one with GatewayClient.connect",  # passed to a function with a parameter of that name
        "use a smaller page_size from the start",  # with_hint
        "raise the limit of threads and processes of this user or container",  # a variable
        "open a new feed, which begins with the active alarms",  # a table
        # A constant in another.
        (
            "the server does not speak gRPC: check that the endpoint is the gateway's, and what a proxy in between "
            "does with the call"
        ),
    } <= found


def test_every_hint_has_an_entry() -> None:
    """Add a heading in docs/troubleshooting: the hint in backquotes, with words in capitals for what differs."""
    headings = [heading.strip("`") for heading in HEADINGS]
    missing = [
        f"{hint.place}: {hint.text}"
        for hint in HINTS
        if not NOT_OF_ERRORS.match(hint.text) and not any(hint.pattern.fullmatch(heading) for heading in headings)
    ]

    assert missing == []


def test_every_hint_is_shown_as_the_command_line_says_it() -> None:
    """Add the words of mxgw-py, which has options where the library has fields, to the entry of the hint."""
    missing: list[str] = []
    for heading in HEADINGS:
        if any(hint.pattern.fullmatch(heading.strip("`")) for hint in HINTS):
            failure = describe_gateway_error(MxGatewayError(heading.strip("`")))
            assert failure is not None
            if failure.message not in TEXT:
                missing.append(failure.message)

    assert missing == []


def test_every_class_of_error_has_an_entry() -> None:
    classes = [getattr(mxgateway, name) for name in dir(mxgateway) if name.endswith("Error")]
    named = set(re.findall(r"`(\w+Error)`", "\n".join(HEADINGS)))

    assert {kind.__name__ for kind in classes if issubclass(kind, MxGatewayError)} <= named
