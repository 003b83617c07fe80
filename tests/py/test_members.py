"""Look-ups in dictionaries and objects as they lie in memory give what the interpreter gives."""

from __future__ import annotations

import random
import sys
from collections import OrderedDict
from typing import Any

import pytest
from hotplate import _hotplate

look: Any = _hotplate.look  # type: ignore[attr-defined]  # of the tests' own door


class Plain:
    """An object as most are: its attributes lie in itself until somebody asks for its dictionary."""


class WithDict(Plain):
    """A subclass that has a class attribute."""

    shared = "of the class"


class Slots:
    """No dictionary."""

    __slots__ = ("there",)


class Text(str):
    """Equal to a str, and no exact one."""

    __slots__ = ()


class Awkward:
    """A key that equals everything with its hash, and fails when it is compared."""

    def __init__(self, name: str) -> None:
        self.hash = hash(name)

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not to be compared")


def fresh(name: str) -> str:
    """An equal str that is not the same object."""
    return "".join(list(name))


@pytest.mark.parametrize("most", [4, 100, 400, 100_000])
def test_a_dictionary_of_names(most: int) -> None:
    """Random sets and deletions: indices of one, two and four bytes, and gaps where keys were deleted."""
    rng = random.Random(most)
    names = [f"name-{number}" for number in range(most)]
    mapping: dict[Any, Any] = {}
    for _ in range(min(3 * most, 150_000)):
        name = rng.choice(names)
        if rng.random() < 0.3:
            mapping.pop(name, None)
        else:
            mapping[fresh(name)] = object()
    for name in rng.sample(names, min(most, 2000)):
        assert look(name, mapping) is mapping.get(name), name
    assert look("not there", mapping) is None


def test_dictionaries_of_other_shapes() -> None:
    """Keys that are no str, subclasses of dict, and a key that cannot be compared."""
    assert look("a", {}) is None
    assert look("a", {1: "one", "a": "two"}) == "two"
    assert look("b", {1: "one", "a": "two"}) is None
    assert look("a", {Text("a"): "three"}) == "three"
    assert look("a", OrderedDict(a="four")) == "four"
    awkward = {Awkward("a"): "five", "b": "six"}
    assert look("b", awkward) == "six"
    assert look("a", awkward) is None
    try:
        raise KeyError("pending")
    except KeyError:
        assert look("a", awkward) is None
        assert sys.exc_info()[0] is KeyError


def test_what_an_object_has_for_itself() -> None:
    """Attributes beside those of the class, before and after somebody has asked for the dictionary."""
    rng = random.Random(7)
    names = [f"attribute_{number}" for number in range(40)]
    for _ in range(300):
        thing = rng.choice((Plain, WithDict))()
        wanted: dict[str, Any] = {}
        for name in rng.sample(names, rng.randrange(12)):
            wanted[name] = object()
            setattr(thing, name, wanted[name])
        for name in list(wanted):
            if rng.random() < 0.2:
                delattr(thing, name)
                del wanted[name]
        if rng.random() < 0.3:
            assert vars(thing) == wanted
        if rng.random() < 0.2:
            wanted["added"] = vars(thing)["added"] = object()
        for name in (*names, "added", "shared", "__class__"):
            assert look(name, thing) is wanted.get(name), name


def test_objects_of_other_shapes() -> None:
    """Without a dictionary, of types in C, and modules."""
    slots = Slots()
    slots.there = 1  # type: ignore[misc]
    assert look("there", slots) is None
    assert look("real", 5) is None
    assert look("path", sys) is sys.path
    assert look("__init__", Plain) is None
    error = ValueError()
    assert look("note", error) is None
    error.note = "mine"  # type: ignore[attr-defined]
    assert look("note", error) == "mine"


def test_looking_makes_no_dictionary() -> None:
    """What has none so far has none afterwards: it takes as much memory as one that nobody looked at."""
    import gc

    things = [Plain() for _ in range(1000)]
    for thing in things:
        thing.name = 1  # type: ignore[attr-defined]
    gc.collect()
    before = sys.getallocatedblocks()
    assert sum(look("name", thing) for thing in things) == 1000
    assert sys.getallocatedblocks() - before < 500
