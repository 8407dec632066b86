"""Signs of life between the ranks of a run, beside the numbers that MLX moves: a rank that is lost ends them all.

A collective waits for ever for a rank that is gone. Each rank other than the first therefore keeps one TCP connection
to rank 0, over which both send a line a few times within the timeout. Its end tells of a death at once, its silence of
a machine that hangs or a cable that is cut. Rank 0 listens only until all have come, on the address that the ranks
are connected by, and takes only those that know a secret which went over MLX's own connection.
"""

import json
import secrets
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from core.distributed.group import Group
from core.errors import Unavailable
from core.text.sentence import join, pack, say, unpack

BEATS = 6  # lines within the timeout
LONGEST_BEAT = 5.0  # seconds
# How long an exchange may take in which nobody comes further, beside the timeout: one that waits for a step, or a part
# of an answer, which may be the first of its kind or compiled, and one of many bytes over a slow link.
FIRST_STEP, LATER_STEP = 10.0, 4.0  # of the timeout; of the longest step so far
SLOWEST_LINK = 4e6  # bytes that are summed in a second
GRACE = 3.0  # seconds in an exchange after a rank was lost, by which it is known that it will not end
_LOOK_SECONDS = 0.1
RESUME = say("The run can go on from its last checkpoint.")
DONE, FAILED, EXCHANGE = "done", "failed", "exchange"


class Watchdog:
    """Watches the other ranks from start() to close(), on a thread of its own.

    `on_loss` is called on that thread, with a sentence, where a rank was lost and this one stands in an exchange that
    does not end by itself: it has to end the process. What this rank computes or saves meanwhile is not disturbed.
    """

    def __init__(self, group: Group, timeout: float, on_loss: Callable[[str], None]) -> None:
        self._group, self._timeout, self._on_loss = group, timeout, on_loss
        self._peers: dict[int, socket.socket] = {}
        self._last_heard: dict[int, float] = {}
        self._pending: dict[int, bytes] = {}
        self._exchanges: dict[int, int | None] = {}  # as the other ranks told it last
        self._standing: tuple[int | None, ...] = ()  # the exchanges of all, as they were found
        self._stands_since = 0.0  # and since when
        self._failure, self._has_told = "", False
        self._has_failed, self._is_closed = threading.Event(), threading.Event()
        self._sending = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self, address: str) -> None:
        """Connect to the other ranks; `address` is rank 0's. Raises Unavailable where one does not come in time."""
        if self._group.is_first:
            self._accept(address)
        else:
            self._connect()
        now = time.monotonic()
        for rank, peer in self._peers.items():
            peer.setblocking(False)
            self._last_heard[rank], self._pending[rank] = now, b""
        self._thread.start()

    def failure(self, wait: float = 0.0) -> str:
        """Why the run cannot go on, after waiting so many seconds for word of it; "" where no rank was lost."""
        self._has_failed.wait(wait)
        return self._failure

    def end_others(self, sentence: str) -> None:
        """This rank's run has failed: the others end with the sentence. This one is not ended by force then."""
        if not self._failure and not self._has_told:
            self._has_told = True
            self._tell({FAILED: pack(self._signed(sentence))})

    def close(self) -> None:
        """Watch no more: this rank's part is over."""
        if not self._is_closed.is_set():
            self._is_closed.set()
            self._tell({DONE: True})
        self._thread.join()
        for peer in self._peers.values():
            peer.close()

    def _signed(self, sentence: str) -> str:
        if self._group.is_first:
            return sentence
        return say("{machine}: {sentence}", machine=self._group.name(self._group.rank), sentence=sentence)

    def _accept(self, address: str) -> None:
        secret = secrets.token_hex(16)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.bind((address, 0))
            listener.listen(self._group.size)
            self._group.broadcast([address, listener.getsockname()[1], secret])
            deadline = time.monotonic() + self._timeout
            while len(self._peers) < self._group.size - 1:
                listener.settimeout(max(0.01, deadline - time.monotonic()))
                try:
                    peer, _ = listener.accept()
                except TimeoutError:
                    missing = [self._group.name(r) for r in range(1, self._group.size) if r not in self._peers]
                    words = {"machine": missing[0], "seconds": self._timeout}
                    late = say("{machine} has not joined within {seconds:g} s.", **words)
                    raise Unavailable(late) from None
                self._welcome(peer, secret)

    def _welcome(self, peer: socket.socket, secret: str) -> None:
        """Take a connection of a rank that knows the secret; close any other."""
        peer.settimeout(2.0)
        with suppress(OSError, ValueError, KeyError, TypeError):
            greeting = json.loads(peer.makefile("rb").readline(200))
            rank = int(greeting["rank"])
            if secrets.compare_digest(str(greeting["secret"]), secret) and 0 < rank < self._group.size:
                self._peers[rank] = peer
                return
        peer.close()

    def _connect(self) -> None:
        address, port, secret = self._group.broadcast()
        try:
            peer = socket.create_connection((address, port), self._timeout)
        except OSError as error:
            name = self._group.name(0)
            sentence = say(
                "{machine} cannot be reached at {address}: {reason}.", machine=name, address=address, reason=error
            )
            raise Unavailable(sentence) from None
        peer.sendall(json.dumps({"rank": self._group.rank, "secret": secret}).encode() + b"\n")
        self._peers[0] = peer

    def _watch(self) -> None:
        beat = min(LONGEST_BEAT, self._timeout / BEATS)
        with selectors.DefaultSelector() as selector:
            for rank, peer in self._peers.items():
                selector.register(peer, selectors.EVENT_READ, rank)
            before = last_beat = time.monotonic()
            while not self._is_closed.is_set() and not self._failure:
                readable = selector.select(beat / 4)
                now = time.monotonic()
                if now - before > self._timeout / 2:  # this very process stood still
                    self._last_heard = dict.fromkeys(self._last_heard, now)
                before = now
                for key, _ in readable:
                    if not self._read(key.data, now):
                        selector.unregister(key.fileobj)
                if now - last_beat >= beat:
                    self._tell({EXCHANGE: self._exchange})
                    self._look_for_standstill(now)
                    last_beat = now
                for rank, heard in self._last_heard.items():
                    if now - heard > self._timeout:
                        self._fail_by_silence(rank)
        if self._failure:
            self._end()

    @property
    def _exchange(self) -> int | None:
        """The exchange that this rank is in, by the bytes given so far; None while it computes."""
        return self._group.sent if self._group.is_exchanging else None

    def _look_for_standstill(self, now: float) -> None:
        """On rank 0: fail where every rank is in an exchange and none comes further, though each still answers."""
        exchanges = (self._exchange, *self._exchanges.values())
        is_waiting = len(exchanges) < self._group.size or None in exchanges
        if is_waiting or exchanges != self._standing or not self._group.is_first:
            self._standing, self._stands_since = exchanges, now
        elif now - self._stands_since > (limit := standstill_limit(self._group, self._timeout)):
            self._fail_with_advice(say(
                "The machines still answer, but an exchange between them has not ended for {seconds:g} s: the link "
                "that MLX uses is broken.",
                seconds=float(f"{limit:.2g}"),
            ))  # fmt: skip

    def _read(self, rank: int, now: float) -> bool:
        """Take in what a rank has sent. Returns whether it may send more."""
        try:
            data = self._peers[rank].recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            if self._last_heard.pop(rank, None) is not None:
                name = self._group.name(rank)
                self._fail_with_advice(say("{machine} has ended unexpectedly.", machine=name))
            return False
        if rank in self._last_heard:
            self._last_heard[rank] = now
        *lines, self._pending[rank] = (self._pending[rank] + data).split(b"\n")
        for line in lines:
            word = json.loads(line)
            if EXCHANGE in word:
                self._exchanges[rank] = word[EXCHANGE]
            if FAILED in word:
                self._fail(str(unpack(word[FAILED])))
            if DONE in word:
                self._last_heard.pop(rank, None)
                self._exchanges.pop(rank, None)
        return True

    def _fail_by_silence(self, rank: int) -> None:
        silent = say(
            "{machine} gives no sign of life for {seconds:g} s.", machine=self._group.name(rank), seconds=self._timeout
        )
        self._fail_with_advice(silent)

    def _fail_with_advice(self, sentence: str) -> None:
        self._fail(join([sentence, RESUME]) if self._group.can_resume else sentence)

    def _fail(self, sentence: str) -> None:
        if not self._failure:
            self._failure = sentence
            self._has_failed.set()

    def _end(self) -> None:
        """The others are told first; then the process ends: by itself, or by force where it stands in an exchange."""
        if self._has_told:
            return
        self._tell({FAILED: pack(self._failure)})
        waited = 0.0
        while waited < GRACE:
            if self._is_closed.wait(_LOOK_SECONDS):
                return
            waited = waited + _LOOK_SECONDS if self._group.is_exchanging else 0.0
        self._on_loss(self._failure)

    def _tell(self, word: dict[str, object]) -> None:
        """Send a line to all; one that cannot take it is found by its silence."""
        line = json.dumps(word).encode() + b"\n"
        with self._sending:
            for peer in self._peers.values():
                with suppress(OSError):
                    peer.send(line)


def standstill_limit(group: Group, timeout: float) -> float:
    """Seconds in which the exchange that a rank is in has to come further, by what is computed and summed in it."""
    limit = timeout
    if group.is_computing:
        limit = max(FIRST_STEP * timeout, LATER_STEP * group.longest)
    return limit + group.summing / SLOWEST_LINK
