"""GalaxyTree: the objects and attributes of the Galaxy, requested as the tree is unfolded."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from rich.text import Text
from textual.binding import Binding
from textual.message import Message
from textual.widgets import Tree

from mxgateway import GalaxyAttribute, GalaxyObject, MxGatewayError
from mxgateway_cli.explore.models.connection import explain
from mxgateway_cli.output.texts import printable

if TYPE_CHECKING:
    from collections.abc import Container, Coroutine, Sequence
    from typing import Any

    from rich.style import Style
    from textual.binding import BindingType
    from textual.widgets.tree import TreeNode

    from mxgateway_cli.explore.models.galaxy import GalaxyReader, ObjectList

__all__ = ["GalaxyTree"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _More:
    """Stands for the objects that are not shown yet."""

    objects: ObjectList


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """A line of text, such as why nothing is shown."""


_Content: TypeAlias = GalaxyObject | GalaxyAttribute | _More | _Note


class GalaxyTree(Tree[_Content]):
    """The tree of the Galaxy, or what a search has found.

    Args:
        galaxy: Reads the Galaxy.
        watched: The watched tags, which are marked.
    """

    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "unfold", "Unfold", show=False),
        Binding("left", "fold", "Fold", show=False),
    ]

    class Chosen(Message):
        """An attribute was chosen, by Enter or a click."""

        def __init__(self, tag: str) -> None:
            self.tag = tag
            super().__init__()

    def __init__(self, galaxy: GalaxyReader, watched: Container[str]) -> None:
        super().__init__("Galaxy", id="galaxy")
        self._galaxy = galaxy
        self._watched = watched
        self.show_root = False
        self.guide_depth = 2
        self.border_title = "Galaxy"

    def on_mount(self) -> None:
        """Show the top of the Galaxy."""
        self.browse()

    def browse(self) -> None:
        """Show the tree from its top, as it is now."""
        self.border_title = "Galaxy"
        self._restart(self._fill_top())

    def search(self, text: str) -> None:
        """Show the objects or attributes that a text finds."""
        self.border_title = f"Search: {printable(text)}"
        self._restart(self._fill_found(text))

    def mark(self, *tags: str) -> None:
        """Draw the attributes of these tags again, because they are watched now, or no longer."""
        open_nodes = [self.root]
        while open_nodes:
            node = open_nodes.pop()
            open_nodes += node.children
            if isinstance(node.data, GalaxyAttribute) and node.data.full_tag_reference in tags:
                node.refresh()

    def action_unfold(self) -> None:
        """Unfold the selected object."""
        if self.cursor_node is not None and self.cursor_node.allow_expand:
            self.cursor_node.expand()

    def action_fold(self) -> None:
        """Fold the selected object, or go to its parent."""
        node = self.cursor_node
        if node is None:
            return
        if node.is_expanded and node.allow_expand:
            node.collapse()
        elif node.parent is not None and not node.parent.is_root:
            self.move_cursor(node.parent)

    def on_tree_node_expanded(self, event: Tree.NodeExpanded[_Content]) -> None:
        """Request what is below an object when it is unfolded for the first time."""
        node = event.node
        if isinstance(node.data, GalaxyObject) and not node.children:
            self._start(node, self._fill_object(node, node.data))

    def on_tree_node_selected(self, event: Tree.NodeSelected[_Content]) -> None:
        """Choose an attribute, or show more objects."""
        node = event.node
        if isinstance(node.data, GalaxyAttribute):
            self.post_message(self.Chosen(node.data.full_tag_reference))
        elif isinstance(node.data, _More) and node.parent is not None:
            parent, objects = node.parent, node.data.objects
            node.remove()
            self._start(parent, self._add_part(parent, objects))

    def render_label(self, node: TreeNode[_Content], base_style: Style, style: Style) -> Text:
        """Return the text of a node: attributes have their type, and a mark while they are watched."""
        name = str(node.label)
        match node.data:
            case GalaxyObject(is_area=is_area):
                icon = self.ICON_NODE_EXPANDED if node.is_expanded else self.ICON_NODE
                return Text.assemble((icon, base_style), (name, "bold" if is_area else ""), style=style)
            case GalaxyAttribute() as attribute:
                mark = "● " if attribute.full_tag_reference in self._watched else "  "
                kind = attribute.data_type_name + ("[]" if attribute.is_array else "")
                return Text.assemble(mark, name, (f" {kind}", "dim"), style=style)
            case _:
                return Text(name, style=style)

    def _restart(self, work: Coroutine[Any, Any, None]) -> None:
        # This makes a new root.
        self.clear()
        self.root.expand()
        self._start(self.root, work, exclusive=True)

    def _start(self, node: TreeNode[_Content], work: Coroutine[Any, Any, None], *, exclusive: bool = False) -> None:
        self.run_worker(self._report(node, work), group="galaxy", exclusive=exclusive)

    async def _report(self, node: TreeNode[_Content], work: Coroutine[Any, Any, None]) -> None:
        """Await work on a node, which meanwhile says that it is loading, and afterwards why it failed if it did."""
        waiting = node.add_leaf("loading", _Note())
        problem = ""
        try:
            await work
        except MxGatewayError as error:
            problem = explain(error)
        if waiting in node.children:
            waiting.remove()
        if problem:
            self._explain_in(node, problem)
        if self.cursor_line < 0:
            self.cursor_line = 0

    async def _fill_top(self) -> None:
        await self._add_part(self.root, self._galaxy.children(None))

    async def _fill_object(self, node: TreeNode[_Content], place: GalaxyObject) -> None:
        attributes = await self._galaxy.attributes(place)
        await self._add_part(node, self._galaxy.children(place))
        self._add_attributes(node, attributes)

    async def _fill_found(self, text: str) -> None:
        found = await self._galaxy.search(text)
        if found.objects is not None:
            await self._add_part(self.root, found.objects)
        for attribute in found.attributes:
            self.root.add_leaf(Text(printable(attribute.full_tag_reference)), attribute)
        if found.is_cut:
            self._explain_in(self.root, "there are more: refine the search")
        if not [node for node in self.root.children if not isinstance(node.data, _Note)]:
            self._explain_in(self.root, "nothing found")

    async def _add_part(self, node: TreeNode[_Content], objects: ObjectList) -> None:
        """Add the next objects, and a line for those that are left."""
        for each in await objects.next_part():
            child = node.add(Text(printable(each.browse_name or each.tag_name)), each)
            # An object has attributes, even if it has no children.
            child.allow_expand = True
        if objects.remaining:
            node.add_leaf(f"… {objects.remaining} more", _More(objects=objects))

    def _add_attributes(self, node: TreeNode[_Content], attributes: Sequence[GalaxyAttribute]) -> None:
        for attribute in sorted(attributes, key=lambda each: each.attribute_name.casefold()):
            node.add_leaf(Text(printable(attribute.attribute_name)), attribute)
        if not node.children or all(isinstance(each.data, _Note) for each in node.children):
            self._explain_in(node, "nothing in it")

    def _explain_in(self, node: TreeNode[_Content], text: str) -> None:
        """Add lines that are as wide as the tree: the end of a longer one would be out of sight."""
        width = max(16, self.size.width - 2 - self.guide_depth * _depth(node))
        for line in textwrap.wrap(text, width):
            node.add_leaf(Text(line), _Note())


def _depth(node: TreeNode[_Content]) -> int:
    return 0 if node.parent is None else 1 + _depth(node.parent)
