"""Helpers that validate JSON output with the schemas of the package."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import click
import jsonschema

from mxgateway_cli.app import app
from mxgateway_cli.help import Command


def schema(name: str) -> Any:
    """Return a schema of the package."""
    path = resources.files("mxgateway_cli") / "schemas" / f"{name}.schema.json"
    return json.loads(path.read_text(encoding="utf-8"))


def validate(record: object, name: str) -> None:
    """Validate a record with a schema."""
    validator: Any = jsonschema.Draft202012Validator(schema(name))
    validator.validate(record)


def schema_of(command_name: str) -> str:
    """Return the name of a command's schema."""
    command = app.get_command(click.Context(app), command_name)
    assert isinstance(command, Command)
    assert command.schema is not None
    return command.schema
