"""Signs of life between ranks: a death is told at once, a silence after the timeout, and a good end ends no one."""

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from core.distributed import watchdog
from core.distributed.group import Group
from core.distributed.watchdog import Watchdog, standstill_limit
from core.errors import Unavailable
from core.text.sentence import Sentence

HERE = "127.0.0.1"
NAMES = ("studio", "mini", "air")


class Threads(Group):
    """Ranks that are threads of this process; `words` holds what rank 0 has given to each other rank."""

    def __init__(self, rank: int, size: int, words: queue.Queue[Any]) -> None:
        self.rank, self.size, self.words, self.names = rank, size, words, NAMES

    def broadcast(self, value: Any = None) -> Any:
        if self.rank == 0:
            for _ in range(self.size - 1):
                self.words.put(value)
            return value
        return self.words.get(timeout=10)


@contextmanager
def watched(size: int, timeout: float, on_loss: Callable[[str], None]) -> Iterator[list[Watchdog]]:
    words: queue.Queue[Any] = queue.Queue()
    dogs = [Watchdog(Threads(rank, size, words), timeout, on_loss) for rank in range(size)]
    threads = [threading.Thread(target=dog.start, args=(HERE,)) for dog in dogs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        yield dogs
    finally:
        for dog in dogs:
            dog.close()


def never(sentence: str) -> None:
    raise AssertionError(sentence)


def test_a_good_end_of_one_rank_ends_no_other() -> None:
    with watched(3, 5.0, never) as dogs:
        dogs[1].close()
        assert dogs[0].failure(0.3) == "" and dogs[2].failure() == ""
        dogs[0].close()
        assert dogs[2].failure(0.3) == ""


def test_a_death_is_told_at_once_and_to_all() -> None:
    with watched(3, 1000.0, never) as dogs:
        dogs[0]._group.can_resume = True
        dogs[1]._peers[0].shutdown(socket.SHUT_RDWR)  # as the system does when a process is killed
        expected = "mini (rank 1) has ended unexpectedly. The run can go on from its last checkpoint."
        told = [dogs[0].failure(10), dogs[2].failure(10)]
        assert told == [expected, expected]
        for sentence in told:  # which a window can say in its language
            assert isinstance(sentence, Sentence)
            lost = sentence.values["part0"]
            assert lost.words == "{machine} has ended unexpectedly."
            assert lost.values["machine"].values == {"machine": "mini", "rank": 1}


def test_the_death_of_the_first_rank_is_told_by_the_others() -> None:
    with watched(2, 1000.0, never) as dogs:
        dogs[0]._peers[1].shutdown(socket.SHUT_RDWR)
        assert dogs[1].failure(10).startswith("studio (rank 0) has ended unexpectedly.")


def test_silence_is_told_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(3, 1.0, never) as dogs:
        monkeypatch.setattr(dogs[2], "_tell", lambda word: None)
        assert dogs[0].failure(10).startswith("air (rank 2) gives no sign of life for 1 s.")
        assert dogs[1].failure(10).startswith("air (rank 2) gives no sign of life for 1 s.")


def test_beats_keep_a_run_going_beyond_the_timeout() -> None:
    with watched(2, 1.0, never) as dogs:
        assert dogs[0].failure(2.5) == "" and dogs[1].failure() == ""


def test_what_has_failed_on_one_rank_is_told_on_all() -> None:
    with watched(3, 1000.0, never) as dogs:
        dogs[2].end_others("There is no dataset.")
        dogs[2].close()
        assert [dogs[0].failure(10), dogs[1].failure(10)] == ["air (rank 2): There is no dataset."] * 2


def test_a_rank_that_stands_in_a_collective_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "GRACE", 0.1)
    ended: queue.Queue[str] = queue.Queue()
    with watched(2, 1000.0, ended.put) as dogs:
        dogs[1].end_others("The memory is full.")
        assert dogs[0].failure(10)
        with pytest.raises(queue.Empty):  # it computes, or saves
            ended.get(timeout=0.5)
        dogs[0]._group.is_exchanging = True
        assert ended.get(timeout=10) == "mini (rank 1): The memory is full."


def test_a_stranger_is_no_rank() -> None:
    words: queue.Queue[Any] = queue.Queue()
    dog = Watchdog(Threads(0, 2, words), 1.0, never)
    failures: list[str] = []

    def start() -> None:
        try:
            dog.start(HERE)
        except Unavailable as error:
            failures.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    address, port, _ = words.get(timeout=10)
    with socket.create_connection((address, port)) as stranger:
        stranger.sendall(b'{"rank": 1, "secret": "guessed"}\n')
        assert stranger.recv(1) == b""
    thread.join()
    assert failures == ["mini (rank 1) has not joined within 1 s."]


def test_an_exchange_in_which_all_stand_is_told_after_the_timeout() -> None:
    ended: queue.Queue[str] = queue.Queue()
    with watched(3, 1.0, ended.put) as dogs:
        for dog in dogs[:2]:
            dog._group.is_exchanging = True
        assert dogs[0].failure(2.0) == ""  # they wait for a rank that computes
        dogs[2]._group.is_exchanging = True
        dogs[2]._group.sent = 7
        assert dogs[1].failure(20).startswith("The machines still answer, but an exchange between them has not ended")


def test_an_exchange_that_goes_on_is_none_that_stands() -> None:
    with watched(2, 3.0, never) as dogs:
        for number in range(20):
            for dog in dogs:
                dog._group.is_exchanging, dog._group.sent = True, number
            assert dogs[0].failure(0.2) == ""


def test_a_long_step_is_no_exchange_that_stands() -> None:
    group = Group()
    assert standstill_limit(group, 60.0) == 60.0
    group.summing = 400_000_000  # all weights of a small model
    assert standstill_limit(group, 60.0) == 160.0
    group.is_computing, group.summing = True, 0
    assert standstill_limit(group, 60.0) == 600.0  # nothing is known yet of a step's time
    group.longest = 500.0
    assert standstill_limit(group, 60.0) == 2000.0


def test_a_step_in_which_all_compute_goes_on_beyond_the_timeout() -> None:
    ended: queue.Queue[str] = queue.Queue()
    with watched(2, 0.5, ended.put) as dogs:
        for dog in dogs:
            dog._group.is_exchanging = dog._group.is_computing = True
        assert dogs[0].failure(1.5) == ""
        for dog in dogs:
            dog._group.is_computing = False
        assert "has not ended for 0.5 s" in dogs[0].failure(20)
