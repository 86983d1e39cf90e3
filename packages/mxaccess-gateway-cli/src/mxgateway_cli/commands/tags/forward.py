"""The command `forward`, which hands the changes of tags to a broker."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click

from mxgateway.redaction import Secret, hide
from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import option
from mxgateway_cli.input import options, tag_options
from mxgateway_cli.input.quantities import DURATION, SIZE

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["forward"]

# Options that describe the broker, and their names in BrokerSettings.
_BROKER_SETTINGS: Final = {
    "broker": "url",
    "stream": "stream",
    "lease": "lease_name",
    "subject_prefix": "prefix",
    "payload": "payload",
    "batch": "batch",
    "replicas": "replicas",
    "retain": "retain",
    "message_expiry": "message_expiry",
    "broker_client_id": "client_id",
    "broker_user": "user",
    "broker_password": "password",
    "broker_password_file": "password_file",
    "broker_credentials_file": "credentials_file",
    "broker_ca_file": "ca_file",
    "broker_cert_file": "certificate_file",
    "broker_key_file": "key_file",
}


def _read_secret(_: click.Context, __: click.Parameter, name: str) -> Secret | None:
    """Return the password in an environment variable, None if it is not set. The callback of an option."""
    password = os.environ.get(name, "")
    return hide(Secret.password(password)) if password else None


@gateway_command(
    "forward",
    tag_options.tags,
    option(
        "--to",
        "broker",
        required=True,
        example="nats://localhost:4222",
        metavar="URL",
        help="The broker: nats://HOST:PORT or tls:// for NATS JetStream, mqtt:// or mqtts:// for MQTT 5, "
        "kafka://HOST:PORT/TOPIC or kafkas:// for Kafka; several servers with commas.",
    ),
    option(
        "--stream",
        default="MXGATEWAY",
        show_default=True,
        metavar="NAME",
        help="The stream of NATS; created if missing.",
    ),
    option(
        "--replicas",
        type=click.IntRange(1, 5),
        metavar="COUNT",
        help="NATS: how many servers of a cluster keep a stream that is created; by default one.",
    ),
    option(
        "--subject-prefix",
        default="mxgateway",
        show_default=True,
        metavar="PREFIX",
        help="What subjects begin with, PREFIX.OBJECT.ATTRIBUTE, or topics of MQTT, PREFIX/OBJECT/ATTRIBUTE.",
    ),
    option(
        "--payload",
        type=click.Choice(["json", "protobuf", "vtq"]),
        default="json",
        show_default=True,
        help="What a message contains: the record as JSON, the gateway's event, or value, time and quality alone.",
    ),
    option(
        "--batch",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="COUNT",
        help="Put this number of records into a message of JSON Lines, named PREFIX.$batch or PREFIX/$batch.",
    ),
    option("--retain", is_flag=True, help="MQTT: let the broker keep the last message of each topic."),
    option(
        "--message-expiry",
        type=DURATION,
        metavar="TIME",
        help="MQTT: let the broker drop messages that it has not delivered after this time.",
    ),
    option(
        "--spool",
        metavar="FILE",
        help="Keep what is not acknowledged in this file, so that a restart loses none of it; without, in memory.",
    ),
    option(
        "--spool-limit",
        type=SIZE,
        default="1GB",
        show_default=True,
        metavar="SIZE",
        help="Drop the oldest records above this size, and say so in a gap record.",
    ),
    option(
        "--shard",
        metavar="I/N",
        help="Take only part I of N of the tags: 2/4 in the second of four processes. NATS: into the stream "
        "NAME-2-of-4, with subjects below PREFIX.2-of-4.",
    ),
    options.duration("Stop after this time, for example 8h."),
    option(
        "--drain",
        type=DURATION,
        default="10s",
        show_default=True,
        metavar="TIME",
        help="How long to try to deliver what waits, when stopped.",
    ),
    option(
        "--metrics",
        metavar="HOST:PORT",
        help="Serve /metrics for Prometheus and /healthz here, for example on 127.0.0.1:9464.",
    ),
    option(
        "--lease",
        metavar="NAME",
        help="NATS: of several processes with this lease one works, and the others wait until it ends or is gone for "
        "5 s.",
    ),
    option(
        "--keep-session",
        is_flag=True,
        help="Leave the session to the next start when stopped: within about 30 s that misses nothing.",
    ),
    option(
        "--fail-fast",
        is_flag=True,
        help="End if the broker does not take the first records, instead of waiting for it.",
    ),
    option(
        "--broker-client-id",
        metavar="NAME",
        help="MQTT: the name of this client; the retained topic PREFIX/$state/NAME is then online or offline.",
    ),
    option("--broker-user", metavar="NAME", help="The user at the broker."),
    option(
        "--broker-password-env",
        "broker_password",
        default="MXGATEWAY_BROKER_PASSWORD",
        show_default=True,
        metavar="VARIABLE",
        callback=_read_secret,
        help="The environment variable with the user's password.",
    ),
    option(
        "--broker-password-file", metavar="FILE", help="A file with the user's password, instead of the environment."
    ),
    option("--broker-credentials-file", metavar="FILE", help="A NATS credentials file (.creds)."),
    option("--broker-ca-file", metavar="FILE", help="The CA of the broker's certificate (PEM), for TLS."),
    option("--broker-cert-file", metavar="FILE", help="MQTT and Kafka: this client's certificate (PEM), for TLS."),
    option("--broker-key-file", metavar="FILE", help="The key of the certificate (PEM)."),
    options.failover_after,
    options.supervisory,
    options.client_name,
    schema="forwarding",
)
async def forward(
    gateway: Gateway, output: Output, *, client_name: str, supervisory: bool, failover_after: float, **parameters: Any
) -> None:
    """Hand the changes of tags to NATS JetStream, MQTT or Kafka until --duration, Ctrl-C or SIGTERM, in order.

    NATS has each change once, MQTT and Kafka at least once. Losses are messages as well, with the subject
    PREFIX.$status, or the topic PREFIX/$status. While the broker is away the records wait. When
    stopped it delivers what waits for up to --drain, prints a summary and ends with status 0, or 3 if records are lost.
    With --lease a second process takes over when the first one fails, with the same session.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway.forwarding import Shard  # noqa: PLC0415
    from mxgateway_cli.jobs.brokers import BrokerSettings  # noqa: PLC0415
    from mxgateway_cli.jobs.forward import ForwardSettings, forward_tags  # noqa: PLC0415
    from mxgateway_cli.jobs.tag_search import find_tags  # noqa: PLC0415

    selection = {name: parameters.pop(name) for name in ("tags", "tags_file", "match")}
    text = parameters.pop("shard")
    shard = None if text is None else Shard.parse(text)
    settings_of_broker = {setting: parameters.pop(name) for name, setting in _BROKER_SETTINGS.items()}
    broker = BrokerSettings(shard=shard, **settings_of_broker)
    settings = ForwardSettings(broker=broker, **parameters)
    # Wrong options are reported before anything is connected to.
    broker.sink()
    tags = settings.part_of(await find_tags(gateway, output, **selection))
    client = await gateway.client()
    await forward_tags(
        lambda: client.tags(client_name, supervisory=supervisory, failover_after=failover_after),
        tags,
        output,
        settings,
    )
