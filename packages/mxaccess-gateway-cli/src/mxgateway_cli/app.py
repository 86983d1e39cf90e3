"""The click application: the commands by section, each imported when it is used."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import TYPE_CHECKING

import click

from mxgateway_cli._version import VERSION
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.failures.groups import Group
from mxgateway_cli.failures.report import report_error
from mxgateway_cli.output.console import Diagnostics, discard_output
from mxgateway_cli.output.settings import requests_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from click.shell_completion import CompletionItem

__all__ = ["COMMANDS", "FIRST_COMMANDS", "app", "run"]

# Section of the help -> command -> the module in mxgateway_cli.commands that defines it, and its summary.
COMMANDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Getting started": {
        "help": ("setup.help", "List all commands by subject, or explain a command."),
        "version": ("setup.version", "Print the versions of mxgw-py and its dependencies."),
        "smoke": ("setup.smoke", "Test a gateway step by step, then clean up."),
        "doctor": ("setup.doctor", "Diagnose the way from here to a working session."),
        "contract": ("setup.contract", "Compare the contract of mxgw-py with that of a gateway."),
        "simulate": ("setup.simulate", "Run a simulated gateway until it is stopped."),
        "profile add": ("setup.profile", "Save a gateway under a name, for --profile NAME."),
        "profile list": ("setup.profile", "Print the profiles."),
        "profile show": ("setup.profile", "Print a profile, and whether its API key can be found."),
        "profile use": ("setup.profile", "Make a profile the default one."),
        "profile remove": ("setup.profile", "Remove a profile."),
    },
    "Tags by name": {
        "read": ("tags.read_and_watch", "Read tags."),
        "watch": ("tags.read_and_watch", "Watch tags, reconnecting after a lost connection."),
        "record": ("tags.record", "Record changes of tags or alarms in a file, with losses."),
        "plot": ("tags.plot", "Draw trends of recorded files or of live tags."),
        "forward": ("tags.forward", "Hand the changes of tags to a broker, losses included."),
        "write": ("tags.write", "Write tags and wait for their outcomes."),
        "explore": ("tags.explore", "Explore the plant on a terminal: Galaxy, tags, trends, alarms."),
    },
    "Sessions": {
        "open-session": ("sessions.sessions", "Open a session, leave it open and print its id."),
        "close-session": ("sessions.sessions", "Close a session."),
        "session-state": ("sessions.sessions", "Print the state of a session."),
        "ping": ("sessions.sessions", "Check that a session's worker responds."),
        "worker-info": ("sessions.sessions", "Print information about a session's worker process."),
        "shutdown-worker": ("sessions.sessions", "Shut down a session's worker process."),
    },
    "Servers and items": {
        "register": ("sessions.items", "Register a client with MXAccess and print its server handle."),
        "unregister": ("sessions.items", "Unregister a client."),
        "add-item": ("sessions.items", "Add an item and print its item handle."),
        "add-buffered-item": ("sessions.items", "Add an item whose changes are delivered in batches."),
        "set-buffered-update-interval": ("sessions.items", "Set how often buffered items raise events."),
        "remove-item": ("sessions.items", "Remove an item."),
        "advise": ("sessions.items", "Subscribe to the data changes of an item."),
        "advise-supervisory": ("sessions.items", "Subscribe to data changes as a supervisory client."),
        "un-advise": ("sessions.items", "Unsubscribe from the data changes of an item."),
        "suspend": ("sessions.items", "Suspend the data changes of an item."),
        "activate": ("sessions.items", "Resume the data changes of an item."),
    },
    "Events": {
        "stream-events": ("sessions.events", "Print the events of a session as they arrive."),
        "drain-events": ("sessions.events", "Remove the queued events of a session and print them."),
    },
    "Writes and users": {
        "write-secured": ("sessions.writes", "Write on behalf of one or two users."),
        "authenticate-user": ("sessions.writes", "Check a user's password and print the user's id."),
        "archestra-user-to-id": ("sessions.writes", "Print the id of an ArchestrA user."),
    },
    "Many items at once": {
        "subscribe-bulk": ("bulk.items", "Add and advise items."),
        "unsubscribe-bulk": ("bulk.items", "Un-advise and remove items."),
        "add-item-bulk": ("bulk.items", "Add items."),
        "advise-item-bulk": ("bulk.items", "Subscribe to the data changes of items."),
        "un-advise-item-bulk": ("bulk.items", "Unsubscribe from the data changes of items."),
        "remove-item-bulk": ("bulk.items", "Remove items."),
        "read-bulk": ("bulk.items", "Read tags."),
        "write-bulk": ("bulk.writes", "Write values to advised items."),
        "write2-bulk": ("bulk.writes", "Write values with a timestamp."),
        "write-secured-bulk": ("bulk.writes", "Write on behalf of one or two users."),
        "write-secured2-bulk": ("bulk.writes", "Write on behalf of users, with a timestamp."),
    },
    "Alarms": {
        "watch-alarms": ("alarms", "Watch the active alarms, reconnecting after a lost connection."),
        "stream-alarms": ("alarms", "Print the gateway's alarms as they change."),
        "query-active-alarms": ("alarms", "Print the active alarms."),
        "acknowledge-alarm": ("alarms", "Acknowledge an alarm."),
        "subscribe-alarms": ("alarms", "Deliver alarms among the events of a session."),
        "unsubscribe-alarms": ("alarms", "Stop delivering alarms to a session."),
        "session-active-alarms": ("alarms", "Print the active alarms known to a session's worker."),
        "acknowledge-alarm-by-guid": ("alarms", "Acknowledge an alarm by its GUID, which gateways refuse."),
        "acknowledge-alarm-by-name": ("alarms", "Acknowledge an alarm through a session, by its name."),
    },
    "Galaxy": {
        "browse": ("galaxy", "Print the object tree, level by level."),
        "galaxy-discover": ("galaxy", "Print all objects below an object, or of the whole Galaxy."),
        "galaxy-last-deploy": ("galaxy", "Print when the Galaxy was last deployed."),
        "galaxy-status": ("galaxy", "Print how current the gateway's copy of the Galaxy is."),
        "cache-tags": ("setup.completion", "Store the names of all tags for completion."),
        "galaxy-test-connection": ("galaxy", "Check that the gateway can reach the Galaxy's database."),
        "galaxy-watch": ("galaxy", "Print the deploys of the Galaxy as they happen."),
    },
    "Scripts and benchmarks": {
        "completion": ("setup.completion", "Print the script that turns on completion in a shell."),
        "batch": ("batch", "Run command lines from stdin over one connection."),
        "bench-read-bulk": ("bench", "Measure the speed of bulk reads."),
        "bench-events": ("bench", "Measure the speed of events."),
    },
}

# The commands on the first screen.
FIRST_COMMANDS: Sequence[str] = (
    "simulate",
    "doctor",
    "browse",
    "read",
    "watch",
    "write",
    "record",
    "watch-alarms",
)
_EPILOG = (
    "Every option can also be set in the environment: --endpoint by MXGATEWAY_ENDPOINT. The API key is read from "
    "MXGATEWAY_API_KEY, a file or the system's keyring, never from an option."
)
_SUMMARIES: Mapping[str, str] = {
    name: summary for commands in COMMANDS.values() for name, (_, summary) in commands.items()
}
# The first words of commands such as `profile add`, and their summaries.
_GROUPS: Mapping[str, str] = {"profile": "Keep gateways under names, for --profile NAME."}
_PROGRAM = "mxgw-py"
# As completion.shells has it, which is imported only if the variable is set.
_COMPLETION_VARIABLE = "_MXGW_PY_COMPLETE"
_TRUE_WORDS = frozenset({"1", "true", "t", "yes", "y", "on"})


class _App(Group):
    """The group of all commands, which imports a command only when it is requested."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """Return the command names in the order of the help."""
        return list(dict(_first_words(_SUMMARIES)))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command and return it, or return None if there is no such command.

        The first word of commands such as `profile add` is the group of these commands.
        """
        for commands in COMMANDS.values():
            for full_name, (module_name, _) in commands.items():
                if full_name == cmd_name or full_name.startswith(f"{cmd_name} "):
                    module = importlib.import_module(f"mxgateway_cli.commands.{module_name}")
                    command: click.Command = getattr(module, cmd_name.replace("-", "_").replace(" ", "_"))
                    return command
        return None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the completions of a command or an option."""
        # The group would import all commands.
        return [*self.complete_commands(incomplete), *click.Command.shell_complete(self, ctx, incomplete)]

    def complete_commands(self, incomplete: str) -> list[CompletionItem]:
        """Return the commands that start with a text, as completions."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only for shell completion

        words = {word: _GROUPS.get(word, summary) for word, summary in _first_words(_SUMMARIES)}
        return [CompletionItem(word, help=words[word]) for word in words if word.startswith(incomplete)]

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the usage line."""
        formatter.write_usage(ctx.command_path, "COMMAND [ARGUMENTS] [OPTIONS]")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands that are used first, and where all others are, so that it fits on a small screen."""
        with formatter.section("First commands"):
            formatter.write_dl([(name, _SUMMARIES[name]) for name in FIRST_COMMANDS])
        with formatter.section("More"):
            formatter.write_dl(
                [
                    ("help", f"List all {len(_SUMMARIES)} commands by subject."),
                    ("help COMMAND", "Show the options of a command."),
                    ("--version", "Show the version."),
                ]
            )


@click.group(
    _PROGRAM,
    cls=_App,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(VERSION, "-V", "--version", prog_name=_PROGRAM, message="%(prog)s %(version)s")
def app() -> None:
    """Talk to an MXAccess Gateway from the command line."""


def run(arguments: Sequence[str]) -> ExitStatus:
    """Run a command line and return its exit status. An error is reported in one line on stderr."""
    diagnostics = Diagnostics(as_json=requests_json(arguments), debug=_has_flag("--debug", arguments))
    for stream in (sys.stdout, sys.stderr):
        _escape_unencodable(stream)
    try:
        return _run(arguments, diagnostics)
    except (KeyboardInterrupt, EOFError, click.Abort):
        return ExitStatus.INTERRUPTED
    except OSError as error:
        if not _is_closed_pipe(error):
            return report_error(error, diagnostics)
        discard_output()
        return ExitStatus.GOOD
    except Exception as error:  # noqa: BLE001 - every error is reported here
        return report_error(error, diagnostics)


def _run(arguments: Sequence[str], diagnostics: Diagnostics) -> ExitStatus:
    if not diagnostics.debug:
        # grpc would print log lines of its own next to the error line.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    if os.environ.pop("GRPC_TRACE", ""):
        diagnostics.warning("GRPC_TRACE is ignored: the traces of the gRPC core would show the API key")
    instruction = os.environ.get(_COMPLETION_VARIABLE)
    if instruction:
        from mxgateway_cli.completion.shells import answer_shell  # noqa: PLC0415 - only for shell completion

        return ExitStatus.GOOD if answer_shell(app, instruction) else ExitStatus.FAILED
    try:
        with app.make_context(_PROGRAM, list(arguments), obj=diagnostics) as context:
            app.invoke(context)
    except click.exceptions.Exit as ended:
        return ExitStatus(ended.exit_code)
    return ExitStatus.GOOD


def _first_words(summaries: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name.partition(" ")[0], summary) for name, summary in summaries.items()]


def _has_flag(flag: str, arguments: Sequence[str]) -> bool:
    """Return whether a flag is set, without parsing: it applies to errors of the parser too."""
    variable = f"MXGATEWAY_{flag.removeprefix('--').upper()}"
    return flag in arguments or os.environ.get(variable, "").strip().lower() in _TRUE_WORDS


def _is_closed_pipe(error: OSError) -> bool:
    """Return whether the reader of stdout has gone away, as `head` does after its last line."""
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def _escape_unencodable(stream: object) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
