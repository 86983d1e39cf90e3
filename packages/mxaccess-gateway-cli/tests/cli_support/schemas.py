"""Whether what was printed with `--json` fits the schema that the package has for it."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import click
import jsonschema

from mxgateway_cli.app import app
from mxgateway_cli.help import Command


def schema(name: str) -> Any:
    """Give a schema of the package."""
    path = resources.files("mxgateway_cli") / "schemas" / f"{name}.schema.json"
    return json.loads(path.read_text(encoding="utf-8"))


def fits(record: object, name: str) -> None:
    """Fail unless a record fits this schema."""
    validator: Any = jsonschema.Draft202012Validator(schema(name))
    validator.validate(record)


def schema_of(command_name: str) -> str:
    """Give the name of the schema that a command's lines fit."""
    command = app.get_command(click.Context(app), command_name)
    assert isinstance(command, Command)
    return command.schema
