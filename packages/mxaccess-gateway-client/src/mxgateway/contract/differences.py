"""The differences between two contracts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mxgateway.contract.elements import Contract, Element, Group

__all__ = ["Difference", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference between our contract ("here") and that of a gateway ("there"). `str` returns it as one line.

    Attributes:
        kind: what differs: `package`, `message`, `enum`, `service`, `field`, `value` or `rpc`.
        name: its full name. If the two sides have different names for the same number, it is ours.
        fact: the fact that differs, such as `number`, `type` or `name`; None if only one side has it.
        here: the fact here. If only one side has it: None if it is missing here, otherwise its number or "".
        there: the same for the gateway.
    """

    kind: str
    name: str
    fact: str | None
    here: str | None
    there: str | None

    def __str__(self) -> str:
        if self.fact is not None:
            kind = "" if self.fact == "kind" else f"{self.kind} "
            fact = "" if self.fact == "kind" else f"{self.fact} "
            return f"{kind}{self.name}: {fact}{self.here} here, {self.there} there"
        number = self.here if self.there is None else self.there
        side = "there" if self.there is None else "here"
        return f"{self.kind} {self.name}{f' = {number}' if number else ''}: missing {side}"


def compare(ours: Contract, theirs: Contract) -> Iterator[Difference]:
    """Yield the differences, sorted by name.

    Everything that affects a client or the wire is compared: names, numbers, types, labels, presence, oneofs, JSON
    names, enum values, reserved numbers and names, rpcs and their streaming. Comments, options and file names are not.
    """
    for package in sorted(ours.keys() | theirs.keys()):
        if package not in ours or package not in theirs:
            yield _missing("package", package, here=package in ours)
            continue
        for name in sorted(ours[package].keys() | theirs[package].keys()):
            our_group, their_group = ours[package].get(name), theirs[package].get(name)
            if our_group is not None and their_group is not None:
                yield from _group_differences(name, our_group, their_group)
            elif (only := our_group or their_group) is not None:
                yield _missing(only.kind, name, here=our_group is not None)


def _group_differences(name: str, ours: Group, theirs: Group) -> Iterator[Difference]:
    if ours.kind != theirs.kind:
        yield Difference(kind=ours.kind, name=name, fact="kind", here=ours.kind, there=theirs.kind)
        return
    yield from _fact_differences(ours.kind, name, ours.facts, theirs.facts)
    kind, counterparts = ours.element_kind, _counterparts(ours.elements, theirs.elements)
    for element_name, element in ours.elements.items():
        full_name = f"{name}.{element_name}"
        if element_name not in counterparts:
            yield _missing(kind, full_name, element, here=True)
        elif (counterpart := counterparts[element_name]) == element_name:
            yield from _element_differences(kind, full_name, element, theirs.elements[counterpart])
        else:
            yield Difference(kind=kind, name=full_name, fact="name", here=element_name, there=counterpart)
            yield from _element_differences(
                kind, full_name, _nameless(element), _nameless(theirs.elements[counterpart])
            )
    for element_name in sorted(theirs.elements.keys() - counterparts.values()):
        yield _missing(kind, f"{name}.{element_name}", theirs.elements[element_name], here=False)


def _counterparts(ours: Mapping[str, Element], theirs: Mapping[str, Element]) -> Mapping[str, str]:
    """Map our names to theirs: to the same name, or to the name that has the same number."""
    counterparts = {name: name for name in ours if name in theirs}
    left_over = {theirs[name].number: name for name in theirs if name not in ours and theirs[name].number is not None}
    for name, element in ours.items():
        if name not in theirs and element.number in left_over:
            counterparts[name] = left_over.pop(element.number)
    return counterparts


def _nameless(element: Element) -> Element:
    """Return the element without the fact that follows from its name."""
    return replace(element, facts={fact: value for fact, value in element.facts.items() if fact != "JSON name"})


def _element_differences(kind: str, name: str, ours: Element, theirs: Element) -> Iterator[Difference]:
    if ours.number != theirs.number:
        yield Difference(kind=kind, name=name, fact="number", here=str(ours.number), there=str(theirs.number))
    yield from _fact_differences(kind, name, ours.facts, theirs.facts)


def _fact_differences(kind: str, name: str, ours: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[Difference]:
    """Yield the facts that differ. A fact of one side only follows from another fact that differs."""
    for fact, value in ours.items():
        if fact in theirs and theirs[fact] != value:
            yield Difference(kind=kind, name=name, fact=fact, here=value, there=theirs[fact])


def _missing(kind: str, name: str, element: Element | None = None, *, here: bool) -> Difference:
    """Return the difference for something that only one side has."""
    number = "" if element is None or element.number is None else str(element.number)
    return Difference(kind=kind, name=name, fact=None, here=number if here else None, there=None if here else number)
