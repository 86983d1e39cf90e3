"""The command `write`: tags by name with a confirmed outcome, or an item by its handles."""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click
from click.core import ParameterSource

from mxgateway_cli.completion.names import complete_tag_of_pair
from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import Command, argument, option
from mxgateway_cli.input import options
from mxgateway_cli.input.value_types import TYPES_HELP, ValueType
from mxgateway_cli.input.values import parse_timestamp, parse_value
from mxgateway_cli.input.write_requests import WriteRequest, pair_up, read_recipe
from mxgateway_cli.results.accepted_writes import print_accepted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["write"]

_NEGATIVE_NUMBER: Final = re.compile(r"-(?:[0-9.]|inf)", re.IGNORECASE)
_EXAMPLE: Final = "TestChildObject.TestInt 5"


class _WriteCommand(Command):
    """A command whose arguments may be negative numbers, which are not options."""

    ignore_unknown_options = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line, and refuse unknown options, which click takes for arguments."""
        # Everything behind -- is an argument.
        certain = len(args) - args.index("--") - 1 if "--" in args else 0
        rest = super().parse_args(ctx, args)
        words: tuple[str, ...] = () if ctx.resilient_parsing else ctx.params["words"]
        for word in words[: len(words) - certain]:
            if word.startswith("-") and word != "-" and not _NEGATIVE_NUMBER.match(word):
                self._refuse_option(ctx, word.partition("=")[0])
        return rest

    def _refuse_option(self, ctx: click.Context, name: str) -> NoReturn:
        known = [flag for parameter in self.params if isinstance(parameter, click.Option) for flag in parameter.opts]
        near = get_close_matches(name, known, 1)
        message = None if near else f"No such option: {name} (put a value that starts with - behind --)"
        raise click.NoSuchOption(name, message, possibilities=near, ctx=ctx)


def _read_recipe(context: click.Context, _: click.Parameter, path: str | None) -> tuple[WriteRequest, ...] | None:
    """Return the recipe in a file. The callback of an option."""
    # During completion nothing may be read, least of all stdin.
    return None if not path or context.resilient_parsing else read_recipe(path)


@gateway_command(
    "write",
    argument("words", metavar="[TAG VALUE]...", nargs=-1, example=_EXAMPLE, shell_complete=complete_tag_of_pair),
    option(
        "--type",
        "value_type",
        type=ValueType(),
        metavar="TYPE",
        help=f"The type to send instead of the tag's own: {TYPES_HELP}.",
    ),
    # Nothing that causes a write or turns off a check comes from the environment: it must be on the command line.
    option(
        "--file",
        "recipe",
        environment=False,
        metavar="FILE",
        callback=_read_recipe,
        help="Write the tags in this CSV file with the columns tag, value and optionally type, after a question; "
        "- is stdin.",
    ),
    option("--decimal-comma", is_flag=True, help="Float and double numbers have a decimal comma: 1,5."),
    option("--dry-run", is_flag=True, environment=False, help="Show what would be written, and write nothing."),
    option("--yes", is_flag=True, environment=False, help="Write the file without a question."),
    option(
        "--resize",
        is_flag=True,
        environment=False,
        help="Write an array even if that changes its number of elements. An array of fixed size can block the worker "
        "of the session.",
    ),
    options.timestamp,
    options.supervisory,
    options.user_id,
    options.client_name,
    option("--tag", environment=False, hidden=True, instead="TAG VALUE", help="The tag to write, with --value."),
    option("--session-id", metavar="ID", help="By handles: the open session."),
    option("--server-handle", type=int, metavar="HANDLE", help="By handles: the server handle."),
    option("--item-handle", type=int, metavar="HANDLE", help="By handles: the item handle of an advised item."),
    option("--value", "text", metavar="TEXT", help="By handles: the value, with its --type."),
    schema="write",
    cls=_WriteCommand,
)
async def write(
    gateway: Gateway,
    output: Output,
    *,
    words: tuple[str, ...],
    tag: str | None,
    text: str | None,
    value_type: str | None,
    recipe: tuple[WriteRequest, ...] | None,
    **parameters: Any,
) -> None:
    """Write tags by name and wait for the outcome of each, or write an advised item by its handles.

    By name: TAG VALUE, also several, or --file. Without --type each tag decides the type. Status 0 means written, 6
    that a tag was refused. No write is repeated. After Ctrl-C nothing more is sent, and what was sent is reported. An
    array must have as many elements as the tag.

    By handles (Write, or Write2 with --timestamp): --session-id, --server-handle, --item-handle, --type and --value.
    Status 0 means accepted; the outcome is the OnWriteComplete event that stream-events prints. Arrays are not checked.
    """
    if tag is not None:
        words = _words_of_options(tag, text, words)
    if not words and recipe is None:
        await _write_by_handles(gateway, output, value_type, text, **parameters)
    else:
        _check_no_handles("--tag" if tag is not None else "TAG VALUE" if words else "--file")
        await _write_by_name(gateway, output, _requests(words, recipe, value_type), recipe is not None, **parameters)


async def _write_by_name(
    gateway: Gateway,
    output: Output,
    requests: Sequence[WriteRequest],
    is_recipe: bool,  # noqa: FBT001 - private, and always given by position
    *,
    decimal_comma: bool,
    dry_run: bool,
    yes: bool,
    resize: bool,
    timestamp: str | None,
    supervisory: bool,
    user_id: int,
    client_name: str,
    **_: Any,
) -> None:
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.write import WriteJob, write_tags  # noqa: PLC0415

    job = WriteJob(
        requests=requests,
        is_recipe=is_recipe,
        decimal_comma=decimal_comma,
        dry_run=dry_run,
        assume_yes=yes,
        resize=resize,
        client_name=client_name,
        supervisory=supervisory,
        user_id=user_id,
        timestamp=None if timestamp is None else parse_timestamp(timestamp),
    )
    await write_tags(gateway, output, job)


async def _write_by_handles(
    gateway: Gateway,
    output: Output,
    value_type: str | None,
    text: str | None,
    *,
    session_id: str | None,
    server_handle: int | None,
    item_handle: int | None,
    timestamp: str | None,
    user_id: int,
    decimal_comma: bool,
    dry_run: bool,
    resize: bool,
    **_: Any,
) -> None:
    if session_id is None or server_handle is None or item_handle is None:
        raise click.UsageError(
            f"nothing to write: give TAG VALUE, for example {_EXAMPLE}, or --file FILE; "
            "or --session-id, --server-handle and --item-handle"
        )
    if value_type is None or text is None:
        raise click.UsageError("a write by handles needs --type and --value, for example --type int32 --value 5")
    if dry_run:
        raise click.UsageError("--dry-run works only by name: give TAG VALUE or --file FILE")
    if resize:
        raise click.UsageError("--resize works only by name: by handles, an array is not checked")
    value = parse_value(value_type, text, decimal_comma=decimal_comma)
    when = None if timestamp is None else parse_timestamp(timestamp)
    session = await gateway.attach(session_id)
    if when is None:
        await session.write(server_handle, item_handle, value, user_id)
    else:
        await session.write2(server_handle, item_handle, value, when, user_id)
    print_accepted(output, session_id, server_handle, item_handle)


def _words_of_options(tag: str, text: str | None, words: tuple[str, ...]) -> tuple[str, str]:
    """Return the tag and the value of `--tag NAME --value TEXT`, the former spelling of TAG VALUE."""
    if words:
        raise click.UsageError("--tag and TAG VALUE contradict each other: give only one of them")
    if text is None:
        raise click.UsageError(f"{tag} has no value: give TAG VALUE, for example {_EXAMPLE}")
    return tag, text


def _requests(
    words: Sequence[str], recipe: Sequence[WriteRequest] | None, value_type: str | None
) -> Sequence[WriteRequest]:
    if recipe is None:
        return pair_up(words, value_type)
    if words:
        raise click.UsageError("TAG VALUE and --file contradict each other: give only one of them")
    return [replace(request, value_type=request.value_type or value_type) for request in recipe]


def _check_no_handles(target: str) -> None:
    """Reject options of a write by handles next to a name. Those of the environment are ignored."""
    context = click.get_current_context()
    names = ("session_id", "server_handle", "item_handle", *(() if target == "--tag" else ("text",)))
    for name in names:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            flag = "--value" if name == "text" else f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{target} and {flag} contradict each other: give only one of them")
