"""Contexts made once for everything that is wanted of them: their digests, and rows to write.

In this process, or in a pool of others. Only bytes come back from a pool, in memory bounded by
the caller: nothing is made before it is asked for.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import multiprocessing
import os
import pickle
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Protocol

from dragstrip.errors import DragstripError
from seeding.dataset.dataset import Dataset
from seeding.dataset.digest import RANGE, contact_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from seeding.dataset.model import Context


@dataclass(frozen=True, slots=True)
class Made:
    """What became of some contacts.

    `digests` are the 32 bytes of each range they lie in, if asked for; `batch` is what the
    store's `encode` made of them, if one was given.
    """

    digests: bytes
    batch: Any


class Making(Protocol):
    """Contacts that are being made, or will be once the result is wanted."""

    def result(self) -> Made:
        """Return what was made. Raises DragstripError when its process has died."""


class Maker(Protocol):
    """Makes contacts; from several threads at once."""

    def make(
        self,
        indices: range | Sequence[int],
        encode: Callable[[Iterable[Context]], Any] | None = None,
        *,
        digests: bool = False,
    ) -> Making:
        """Make the contacts of these indices; whole ranges in order, if `digests` are wanted."""


@contextlib.contextmanager
def maker_of(dataset: Dataset, processes: int = 1) -> Iterator[Maker]:
    """Return a maker with so many processes; 1 is this one.

    Processes end with the block, and with this process whatever ends it; they leave interrupts to
    it.
    """
    if processes == 1:
        yield maker_here(dataset)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, initializer=_begin)
    try:
        with _interrupts_held():
            # All of them are started here and now, and inherit that interrupts are held.
            for _ in range(processes):
                pool.submit(os.getpid)
        yield _Elsewhere(dataset, pool)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def maker_here(dataset: Dataset) -> Maker:
    """Return a maker that works in the thread that wants the result."""
    return _Here(dataset)


class _Here:
    """Makes contacts in the thread that wants the result."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def make(
        self,
        indices: range | Sequence[int],
        encode: Callable[[Iterable[Context]], Any] | None = None,
        *,
        digests: bool = False,
    ) -> Making:
        return _Later(functools.partial(_make, self._dataset, indices, encode, digests=digests))


@dataclass(frozen=True, slots=True)
class _Later:
    result: Callable[[], Made]


class _Elsewhere:
    """Makes contacts in a pool of processes, from when they are asked for."""

    def __init__(self, dataset: Dataset, pool: ProcessPoolExecutor) -> None:
        self._dataset = dataset
        self._pool = pool

    def make(
        self,
        indices: range | Sequence[int],
        encode: Callable[[Iterable[Context]], Any] | None = None,
        *,
        digests: bool = False,
    ) -> Making:
        dataset = self._dataset
        try:
            future = self._pool.submit(
                _make_bytes,
                (dataset.seed, dataset.contacts, dataset.locales),
                indices,
                encode,
                digests,
            )
        except BrokenProcessPool:
            raise _died() from None
        return _Underway(future)


@dataclass(frozen=True, slots=True)
class _Underway:
    future: Future[bytes]

    def result(self) -> Made:
        try:
            made: Made = pickle.loads(self.future.result())  # noqa: S301
        except BrokenProcessPool:
            raise _died() from None
        return made


def _died() -> DragstripError:
    return DragstripError(
        "a process that makes contacts has died",
        fix="give fewer --processes if memory ran out; run the command again: it continues",
    )


def _make(
    dataset: Dataset,
    indices: range | Sequence[int],
    encode: Callable[[Iterable[Context]], Any] | None,
    *,
    digests: bool,
) -> Made:
    hashed = _RangeHashes()
    contexts: Iterable[Context] = map(dataset.context, indices)
    if digests:
        contexts = map(hashed.passing, contexts)
    batch = None
    if encode is not None:
        batch = encode(contexts)
    else:
        for _ in contexts:
            pass
    return Made(hashed.finish(), batch)


def _make_bytes(
    dataset: tuple[int, int, tuple[str, ...]],
    indices: range | Sequence[int],
    encode: Callable[[Iterable[Context]], Any] | None,
    digests: bool,
) -> bytes:
    made = _make(Dataset(*dataset), indices, encode, digests=digests)
    return pickle.dumps(made, pickle.HIGHEST_PROTOCOL)


class _RangeHashes:
    """Hashes contacts as they pass, in index order, and keeps one digest for each range."""

    def __init__(self) -> None:
        self._digests: list[bytes] = []
        self._range = -1
        self._hash = hashlib.sha256()

    def passing(self, context: Context) -> Context:
        """Take a contact into account and return it."""
        index = context["index"]
        if index // RANGE != self._range:
            self._close()
            self._range = index // RANGE
        self._hash.update(f"{index}:{contact_digest(context)}\n".encode())
        return context

    def finish(self) -> bytes:
        """Return the digests of the ranges that were passed, 32 bytes each."""
        self._close()
        return b"".join(self._digests)

    def _close(self) -> None:
        if self._range >= 0:
            self._digests.append(self._hash.digest())
            self._hash = hashlib.sha256()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep signals that end this command away while processes start, and from their beginnings."""
    held = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Leave signals to the parent, and end when it does: a killed one closes no pool."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101

    def end_with_parent() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    # What is there now stays; contexts hold no cycles. The collector need not go through it.
    gc.freeze()
