"""shapes -- every shape of a Python call, each the same number of times whenever its page is asked for.

What the exact tracer must count: plain and nested calls, recursion, generators, coroutines, exceptions on their way
through many frames, throw() and close(), calls that C code makes. LIMIT pages recurse until Python stops them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import Any

from flask import Flask

app = Flask(__name__)
DEEP = 500


class Refused(Exception):
    """An error of this application's own."""


def leaf(value: int) -> int:
    """Calls nothing."""
    return value * 3 % 17


def twice(value: int) -> int:
    """Calls leaf from two lines."""
    first = leaf(value)
    return first + leaf(value + 1)


class Thing:
    """Construction, property, __getattr__, operators and a static method."""

    def __init__(self, value: int) -> None:
        self.value = leaf(value)

    @property
    def double(self) -> int:
        return twice(self.value)

    def __getattr__(self, name: str) -> int:
        if name.startswith("no_"):
            raise AttributeError(name)
        return leaf(len(name))

    def __lt__(self, other: Thing) -> bool:
        return self.value < other.value

    @staticmethod
    def make(value: int) -> Thing:
        return Thing(value)


@app.get("/plain")
def plain() -> dict[str, int]:
    """Calls from Python and from C, nested, by partial, lambda, comprehension and comparison."""
    things = [Thing.make(n) for n in range(12)]
    total = sum(map(twice, range(20)))
    total += sum(thing.double for thing in things)
    total += sum(thing.size + thing.colour for thing in things)
    total += sum(getattr(thing, "no_such", 1) for thing in things)
    total += sorted(things)[0].value + max(range(9), key=lambda n: leaf(n))
    add = partial(twice, 4)
    return {"total": total + add() + remembered(3) + remembered(3)}


def forget_me(value: int) -> int:
    """Runs once a cache."""
    return leaf(value)


def remembered(value: int) -> int:
    """The same number of calls in every request: a cache of its own, which no other thread fills."""
    remembering = cache(forget_me)
    return remembering(value) + remembering(value)


def fibonacci(n: int) -> int:
    """Recursion that branches."""
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def deep(n: int) -> int:
    """Recursion that does not."""
    return 0 if n == 0 else 1 + deep(n - 1)


@app.get("/recursion")
def recursion() -> dict[str, int]:
    """Five hundred levels, and a tree of calls."""
    return {"deep": deep(DEEP), "fibonacci": fibonacci(11), "ping": ping(40)}


def ping(n: int) -> int:
    """Mutual recursion."""
    return n if n == 0 else pong(n - 1)


def pong(n: int) -> int:
    """The other half."""
    return n if n == 0 else ping(n - 1)


def count_to(limit: int) -> Iterator[int]:
    """A generator."""
    for n in range(limit):
        yield leaf(n)


def through(limit: int) -> Iterator[int]:
    """A generator in a generator."""
    yield from count_to(limit)
    yield -1


@contextmanager
def bracket(log: list[str]) -> Iterator[None]:
    """A generator as a context manager."""
    log.append("in")
    try:
        yield
    finally:
        log.append("out")


@app.get("/generators")
def generators() -> dict[str, Any]:
    """Used up, left in the middle, never started, nested."""
    log: list[str] = []
    total = sum(through(10)) + sum(leaf(n) for n in range(5))
    half = count_to(10)
    total += next(half) + next(half)
    del half
    count_to(3)
    with bracket(log), suppress(Refused), bracket(log):
        raise Refused("inside")
    return {"total": total, "log": log}


class Ready:
    """An awaitable that suspends its coroutine as often as asked."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __await__(self) -> Generator[int, None, int]:
        yield from range(self.times)
        return self.times


async def fetch(times: int) -> int:
    """A coroutine that waits."""
    return leaf(times) + await Ready(times)


async def gather(times: int) -> int:
    """A coroutine that awaits coroutines and an asynchronous generator."""
    total = await fetch(times) + await fetch(1)
    async for value in feed(3):
        total += value
    return total


async def feed(count: int) -> Any:
    """An asynchronous generator."""
    for n in range(count):
        await Ready(1)
        yield leaf(n)


def drive(coroutine: Any) -> Any:
    """A very small event loop."""
    while True:
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value


@app.get("/coroutines")
def coroutines() -> dict[str, int]:
    """Two coroutines in turns, then one to its end."""
    one, two = fetch(4), fetch(4)
    for _ in range(3):
        one.send(None)
        two.send(None)
    one.close()
    return {"two": drive(two), "all": drive(gather(5))}


def fall(levels: int) -> int:
    """Raise through many frames."""
    if levels == 0:
        raise Refused("at the bottom")
    try:
        return fall(levels - 1)
    finally:
        leaf(levels)


def catch_each(levels: int) -> int:
    """Catch and raise again at every level."""
    if levels == 0:
        raise Refused("at the bottom")
    try:
        return catch_each(levels - 1)
    except Refused as error:
        raise Refused(f"at {levels}") from error


@app.get("/exceptions")
def exceptions() -> dict[str, int]:
    """Three ways down and up again."""
    caught = 0
    for function in (fall, catch_each):
        with suppress(Refused):
            function(40)
        caught += 1
    for n in range(10):
        try:
            leaf(n) // (n % 2)
        except ZeroDivisionError:
            caught += twice(n) > -1
    return {"caught": caught}


@app.get("/unhandled")
def unhandled() -> str:
    """An error that nobody handles."""
    fall(30)
    return "never"


def receiver(log: list[str]) -> Generator[int, None, None]:
    """A generator that is thrown at."""
    for n in range(6):
        try:
            yield n
        except Refused:
            log.append("caught")
        except GeneratorExit:
            log.append("closed")
            raise


def outer_receiver(log: list[str]) -> Generator[int, None, None]:
    """One that passes throws on."""
    yield from receiver(log)


@app.get("/throw")
def throw() -> dict[str, Any]:
    """throw() that is caught, throw() that is not, through one frame and two; close() in the middle."""
    log: list[str] = []
    for make in (receiver, outer_receiver):
        generator = make(log)
        next(generator)
        generator.throw(Refused("caught inside"))
        next(generator)
        generator.close()
        other = make(log)
        next(other)
        with suppress(ValueError):
            other.throw(ValueError("goes through"))
        never = make(log)
        never.close()
    waiting = gather(3)
    waiting.send(None)
    with suppress(ValueError):
        waiting.throw(ValueError("into a coroutine"))
    return {"log": log, "after": twice(1)}


def descend(n: int, note: Callable[[int], None]) -> int:
    """Recursion without an end."""
    note(n)
    return descend(n + 1, note) + 1


def descend_through_c(n: int, note: Callable[[int], None]) -> int:
    """Recursion without an end whose every other frame is C's."""
    note(n)
    return max([n + 1], key=lambda at: descend_through_c(at, note))


def depth_of(function: Callable[[int, Callable[[int], None]], int]) -> int:
    """How far down it comes."""
    deepest = 0

    def note(n: int) -> None:
        nonlocal deepest
        deepest = n

    try:
        function(0, note)
    except RecursionError:
        return deepest
    raise AssertionError("no end")


@app.get("/limit")
def limit() -> dict[str, int]:
    """Recursion at the interpreter's limit, twice, and a call afterwards."""
    return {"depth": depth_of(descend), "again": depth_of(descend), "after": twice(2)}


@app.get("/limit-through-c")
def limit_through_c() -> dict[str, int]:
    """The same through C functions."""
    return {"depth": depth_of(descend_through_c), "after": twice(2)}


@app.get("/limit-raised")
def limit_raised() -> dict[str, Any]:
    """With a limit that the interpreter's own stack may not bear: 20,000 levels, or RecursionError; life goes on."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(200_000)
    try:
        return {"deep": deep(20_000)}
    except RecursionError:
        return {"deep": None}
    finally:
        sys.setrecursionlimit(before)


COUNTED = ("/plain", "/recursion", "/generators", "/coroutines", "/exceptions", "/throw", "/unhandled")
