"""The options that the bulk commands have in common."""

from __future__ import annotations

from mxgateway_cli.help import option
from mxgateway_cli.input.lists import as_handles, as_references

__all__ = ["item_handles", "items", "values"]

items = option(
    "--items",
    required=True,
    callback=as_references,
    metavar="LIST",
    help="The items' references with commas between them; an array's name ends in [].",
)
item_handles = option(
    "--item-handles",
    required=True,
    callback=as_handles,
    metavar="LIST",
    help="The item handles with commas between them, as add-item-bulk or subscribe-bulk printed them.",
)
values = option(
    "--values",
    required=True,
    metavar="LIST",
    help="A value for each item handle, with commas between them or as a JSON array; arrays as a JSON array of arrays.",
)
