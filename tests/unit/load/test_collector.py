"""The collector: every ended row reaches every feed once, in small chunks, whoever collects."""

from __future__ import annotations

import gevent
from gevent.event import AsyncResult, Event

from dragstrip.ledger.rows import Outcome, Rows
from dragstrip.ledger.writer import Ledger
from dragstrip.load.collector import CHUNK_ROWS, Collector


def perform(ledger: Ledger, keys: range) -> None:
    for key in keys:
        ledger.end(ledger.begin(key, key, 0, 0, 0, 0, key), key, key, Outcome.OK)


class Feed:
    def __init__(self) -> None:
        self.chunks: list[list[int]] = []

    def __call__(self, rows: Rows) -> None:
        self.chunks.append(rows["key"].tolist())

    @property
    def keys(self) -> list[int]:
        return [key for chunk in self.chunks for key in chunk]


def test_rows_reach_every_feed_in_chunks() -> None:
    ledger = Ledger(None, 0)
    feeds = Feed(), Feed()
    collector = Collector(ledger, feeds)
    perform(ledger, range(3000))
    collector.collect()
    collector.collect()
    for feed in feeds:
        assert feed.keys == list(range(3000))
        assert max(map(len, feed.chunks)) == CHUNK_ROWS


def test_other_greenlets_run_between_chunks() -> None:
    ledger = Ledger(None, 0)
    seen: list[str] = []
    collector = Collector(ledger, [lambda _: seen.append("chunk")])
    perform(ledger, range(2 * CHUNK_ROWS))
    gevent.spawn_later(0, seen.append, "timer")
    collector.collect()
    assert seen == ["chunk", "timer", "chunk"]


def test_it_collects_at_intervals_until_it_is_stopped() -> None:
    ledger = Ledger(None, 0)
    came = Event()
    feed = Feed()
    collector = Collector(ledger, [feed, lambda _: came.set()], period_s=0.001)
    collector.start()
    perform(ledger, range(5))
    assert came.wait(10)
    collector.stop()
    assert feed.keys == list(range(5))
    perform(ledger, range(5, 8))
    gevent.sleep(0.01)
    assert feed.keys == list(range(5))
    collector.stop()
    assert feed.keys == list(range(8))


def test_a_collection_waits_for_a_chunk_that_is_being_fed() -> None:
    ledger = Ledger(None, 0)
    entered, may_go_on, feed = Event(), Event(), Feed()

    def slow(rows: Rows) -> None:
        entered.set()
        may_go_on.wait()
        feed(rows)

    collector = Collector(ledger, [slow], period_s=0.001)
    perform(ledger, range(CHUNK_ROWS + 7))
    collector.start()
    assert entered.wait(10)
    gevent.spawn_later(0.001, may_go_on.set)
    collector.collect()
    assert feed.keys == list(range(CHUNK_ROWS + 7))
    collector.stop()


def test_a_feed_that_fails_is_told_and_not_lost() -> None:
    ledger = Ledger(None, 0)
    problem = ValueError("no")
    told: AsyncResult[Exception] = AsyncResult()

    def fail(_: Rows) -> None:
        raise problem

    collector = Collector(ledger, [fail], period_s=0.001, on_error=told.set)
    perform(ledger, range(1))
    collector.start()
    assert told.get(timeout=10) is problem
