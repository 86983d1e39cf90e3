"""The command `profile`, which keeps gateways under names."""

from __future__ import annotations

from typing import Any

import click

from mxgateway_cli.connecting.gateway_command import build_command
from mxgateway_cli.connecting.profile_names import complete_profiles
from mxgateway_cli.connecting.target import Target, gateway_options
from mxgateway_cli.failures.groups import Group
from mxgateway_cli.help import argument, option
from mxgateway_cli.output.console import Output
from mxgateway_cli.output.settings import output_options

__all__ = ["profile", "profile_add", "profile_list", "profile_remove", "profile_show", "profile_use"]

_EXISTING_NAME = argument("name", metavar="NAME", example="plant", shell_complete=complete_profiles)


@click.pass_context
def _add(context: click.Context, /, **parameters: Any) -> None:
    """Save a gateway under a name: its endpoint, TLS, timeout, and where the API key is.

    Saves what the options and the environment set; a relative path becomes an absolute one. The API key itself is
    never in the file of profiles. With --api-key-keyring it is stored in the system's keyring: it is asked for on a
    terminal, and otherwise read from stdin. Without an option for the key it is in MXGATEWAY_API_KEY.
    """
    output = Output.from_parameters(context, parameters)
    target = Target.from_parameters(context, parameters)
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.profiles.job import NewProfile, add_profile  # noqa: PLC0415

    new = NewProfile(
        name=parameters["name"],
        target=target,
        in_keyring=parameters["api_key_keyring"],
        replaces=parameters["replace"],
        is_default=parameters["use"],
    )
    add_profile(new, output)


@click.pass_context
def _list(context: click.Context, /, **parameters: Any) -> None:
    """Print the profiles."""
    output = Output.from_parameters(context, parameters)
    from mxgateway_cli.jobs.profiles.job import list_profiles  # noqa: PLC0415 - loads grpc

    list_profiles(output)


@click.pass_context
def _show(context: click.Context, /, **parameters: Any) -> None:
    """Print a profile, by default the one that is used without --profile, and whether its API key can be found."""
    output = Output.from_parameters(context, parameters)
    from mxgateway_cli.jobs.profiles.job import show_profile  # noqa: PLC0415 - loads grpc

    show_profile(parameters["name"], output)


@click.pass_context
def _use(context: click.Context, /, **parameters: Any) -> None:
    """Make a profile the default one, which commands use without --profile and MXGATEWAY_PROFILE."""
    output = Output.from_parameters(context, parameters)
    from mxgateway_cli.jobs.profiles.job import use_profile  # noqa: PLC0415 - loads grpc

    use_profile(parameters["name"], output)


@click.pass_context
def _remove(context: click.Context, /, **parameters: Any) -> None:
    """Remove a profile, and its API key from the system's keyring. Key files stay."""
    output = Output.from_parameters(context, parameters)
    from mxgateway_cli.jobs.profiles.job import remove_profile  # noqa: PLC0415 - loads grpc

    remove_profile(parameters["name"], output)


profile_add = build_command(
    "profile add",
    argument("name", metavar="NAME", example="plant --endpoint plant:5001"),
    option(
        "--api-key-keyring",
        is_flag=True,
        environment=False,
        help="Store the API key in the system's keyring; it is asked for, or read from stdin.",
    ),
    option("--use", is_flag=True, environment=False, help="Make it the default profile."),
    option("--replace", is_flag=True, environment=False, help="Replace a profile with the same name."),
    gateway_options,
    output_options,
    schema="profile",
)(_add)
profile_list = build_command("profile list", output_options, schema="profile")(_list)
profile_show = build_command(
    "profile show",
    argument("name", metavar="[NAME]", required=False, envvar="MXGATEWAY_PROFILE", shell_complete=complete_profiles),
    output_options,
    schema="profile",
)(_show)
profile_use = build_command("profile use", _EXISTING_NAME, output_options, schema="profile")(_use)
profile_remove = build_command("profile remove", _EXISTING_NAME, output_options, schema="profile")(_remove)

profile = Group(
    "profile",
    commands={
        "add": profile_add,
        "list": profile_list,
        "show": profile_show,
        "use": profile_use,
        "remove": profile_remove,
    },
    help="Keep gateways under names, for --profile NAME.",
)
