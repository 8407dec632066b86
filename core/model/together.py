"""An answer that several ranks write together, with a model that is parted over them."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import mlx.core as mx

from core.distributed.group import Group
from core.distributed.session import current_session
from core.errors import Unavailable, UserError
from core.text.sentence import say

_REASON_WAIT = 2.0  # seconds in which the end of a connection becomes a sentence
Sampler = Callable[[mx.array], mx.array]


@contextmanager
def together(group: Group) -> Iterator[Callable[[], None]]:
    """Around what all ranks compute with a model that is parted over them.

    The layers exchange numbers among themselves: what is yielded is to be called whenever a result has come, so that
    it is known that they do. Raises Unavailable where a rank was lost, whatever came of its numbers.
    """
    if group.size == 1:
        yield lambda: None
        return

    def go_on() -> None:
        if sentence := _find_loss(0.0):
            raise Unavailable(sentence)
        group.come_further()

    group.come_further()
    try:
        yield go_on
        mx.synchronize()  # an exchange that was begun ahead is over before another kind of them begins
        go_on()
    except GeneratorExit:  # the answer has ended in its text
        mx.synchronize()
        raise
    except UserError:
        raise
    except Exception as error:
        if sentence := _find_loss(_REASON_WAIT):
            raise Unavailable(sentence) from error
        raise
    finally:
        group.is_exchanging = False


def _find_loss(wait: float) -> str:
    session = current_session()
    return session.watchdog.failure(wait) if session and session.watchdog else ""


def shared_sampler(sampler: Sampler, group: Group) -> Sampler:
    """A sampler whose tokens are those that rank 0 has drawn, on all ranks."""
    if group.size == 1:
        return sampler

    def sample(logprobs: mx.array) -> mx.array:
        tokens = sampler(logprobs)
        own = tokens if group.is_first else mx.zeros_like(tokens)
        return mx.distributed.all_sum(own, group=group.mlx_group)

    return sample


def check_same(tokens: list[int], group: Group) -> None:
    """Raises Unavailable where the ranks have not written the same tokens: then none of them is to be trusted."""
    if len(set(group.gather(zlib.crc32(repr(tokens).encode())))) > 1:
        raise Unavailable(say("The machines have not written the same answer: the link between them loses numbers."))
