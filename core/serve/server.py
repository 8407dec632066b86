"""Start and stop the server."""

import errno
import gc
import sys
import threading
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET6, SO_REUSEADDR, SOL_SOCKET, gaierror
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import LRUPromptCache

from core import __version__, adapters
from core.chat import find_base_model
from core.device.machine import room_for_weights
from core.device.select import fallback_note, select
from core.distributed.group import Group
from core.errors import BadModel, BadOption, Unavailable
from core.events import Walked
from core.model import hub
from core.model.sharding import NONE, PIPELINE, Sharding, describe
from core.serve.generator import Generator
from core.serve.handler import Handler, is_loopback
from core.serve.provider import CACHE_BYTES, Provider
from core.text.sentence import join, say

HOST, PORT = "127.0.0.1", 8080
_LOOK_SECONDS = 0.2


class Server:
    """One model, answering OpenAI's requests for completions and chats at `url` between start() and stop().

    Arguments:
        source: a run's folder, any adapter's, or a model: a folder, a Hugging Face id or "starter".
        model: the base, in place of the one that the adapter names.
        host: the address to answer at; by default for programs on this machine alone.
        port: 0 takes a free one.
        backend_name: "auto", "gpu" or "cpu".
        allow_code: whether the model's own Python code may run.
        quantization: of the base; None as it was when the adapter was trained.
        sharding: how the model is parted over several ranks, each of which has a Server; None for one that is whole.
            The first of them listens.

    Attributes: `name` is the model's name in requests, `note` what the person should know about how it is loaded, and
    `warning` what an address beyond this machine means, or "".
    """

    def __init__(
        self,
        source: str | Path,
        *,
        model: str | None = None,
        host: str = HOST,
        port: int = PORT,
        backend_name: str = "auto",
        allow_code: bool = False,
        quantization: str | None = None,
        sharding: Sharding | None = None,
    ) -> None:
        if not 0 <= port <= 65535:
            raise BadOption(say("--port {port} is no port: they go from 1 to 65535.", port=port))
        folder = Path(source).expanduser()
        self.adapter = folder if (folder / adapters.CONFIG).is_file() else None
        self._source, self._model, self._backend_name = str(source), model, backend_name
        self._allow_code, self._quantization, self._sharding = allow_code, quantization, sharding
        if model is not None and self.adapter is None:
            raise BadOption(say("{source} is no adapter, so that --model cannot be its base.", source=source))
        self.host, self.port = host, port
        self.name = folder.resolve().name if folder.exists() else str(source)
        self.note = ""
        self._http: _HttpServer | None = None
        self._generator: Generator | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """What other programs take as the base URL of an OpenAI-compatible server."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"

    @property
    def notes(self) -> list[str]:
        """What the person should know once it answers, in sentences."""
        return [sentence for sentence in (self.note, self.warning) if sentence]

    @property
    def warning(self) -> str:
        """A sentence where other machines can ask; else ""."""
        if is_loopback(self.host):
            return ""
        return say("Everybody who reaches this machine over the network can use this model: there is no password.")

    def start(self) -> "Self":
        """Take the port, load the model, and answer from then on, on threads of the server's own.

        Raises Unavailable for a port that is taken, and what loading a model raises.
        """
        if self._sharding is None or self._sharding.group.is_first:
            self._http = _listen(self.host, self.port)
            self.port = self._http.server_address[1]
        try:
            folder = Walked(hub.fetch(self.find_model())).finish()
            provider = Provider(self.name, partial(self._open_model, folder))
            # Parts of a model keep the same conversations, whose size differs between them.
            most = CACHE_BYTES if self._sharding is None else sys.maxsize
            cache = LRUPromptCache(provider.cli_args.prompt_cache_size, most)
            self._generator = Generator(provider, cache)
            provider.is_open.wait()
            if provider.failure is not None:
                raise provider.failure
            if self._http is not None:
                self._http.answer_with(self._generator)
                self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), name="serve", daemon=True)
                self._thread.start()
        except BaseException:
            self.stop()
            raise
        return self

    def wait(self, stop: threading.Event) -> None:
        """Until `stop` is set, or the first of several ranks has stopped.

        Raises Unavailable where a rank was lost, and what else has ended the answers.
        """
        generator = self._generator
        while generator is not None and generator.generation_available() and not stop.wait(_LOOK_SECONDS):
            pass
        if generator is not None and generator.failure is not None:
            raise generator.failure

    def stop(self) -> None:
        """Answer no more and free the model. Answers that are being written end where they are."""
        if self._thread is not None and self._http is not None:
            self._http.shutdown()
            self._thread.join()
        if self._http is not None:
            self._http.server_close()
        if self._generator is not None:
            self._generator.stop_and_join()
        self._http = self._generator = self._thread = None
        gc.collect(0)
        mx.clear_cache()

    def __enter__(self) -> "Self":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def find_model(self) -> str:
        """The model to load: the source, or its base."""
        if self.adapter is None:
            return self._source
        base = self._model or find_base_model(str(self.adapter))
        if base is None:
            raise BadModel(
                say(
                    "The adapter in {adapter} does not name its base; say with --model which it is.",
                    adapter=self.adapter,
                )
            )
        return hub.find_moved(base, self.adapter)

    def _open_model(self, folder: Path) -> tuple[nn.Module, Any, Group]:
        """The model with its adapter, its tokenizer, and the ranks that it is parted over, on the thread that will use
        them."""
        chosen = select(self._backend_name)
        device = chosen["used"]
        base = adapters.choose_base_precision(self.adapter, self._quantization)
        loaded = adapters.load_base(
            folder,
            self.adapter,
            base,
            device=device,
            allow_code=self._allow_code,
            sharding=self._sharding,
            room=room_for_weights(device),
        )
        if self.adapter is not None:
            if loaded.sharding == PIPELINE:
                adapters.load_part(loaded.model, self.adapter)
            elif loaded.sharding == NONE:
                adapters.load(loaded.model, self.adapter)
            template = adapters.read_chat_template(self.adapter)
            loaded.tokenizer.chat_template = template or loaded.tokenizer.chat_template
        loaded.model.eval()
        notes = (fallback_note(chosen), *loaded.notes, describe(self._sharding, loaded.sharding))
        self.note = join(filter(None, notes))
        is_parted = self._sharding is not None and loaded.sharding != NONE
        return loaded.model, loaded.tokenizer, self._sharding.group if self._sharding and is_parted else Group()


class _HttpServer(ThreadingHTTPServer):
    """Takes its port at once, and answers once there is a model."""

    is_local = True

    def answer_with(self, generator: Generator) -> None:
        self.RequestHandlerClass = partial(Handler, generator, system_fingerprint=f"hone-{__version__}")

    def server_bind(self) -> None:
        """Bind without asking the network for this machine's name, as HTTPServer does."""
        self.socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a program that went away, or an answer that stop() has cut."""


class _HttpServer6(_HttpServer):
    address_family = AF_INET6


def _listen(host: str, port: int) -> _HttpServer:
    try:
        server = (_HttpServer6 if ":" in host else _HttpServer)((host, port), Handler)
    except gaierror:
        raise BadOption(
            say(
                "There is no host {host!r} here; give an address of this machine, such as {example}.",
                host=host,
                example=HOST,
            )
        ) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Unavailable(
                say("Port {port} is taken by another program; choose another with --port.", port=port)
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise Unavailable(
                say("There is no permission to use port {port}; choose one from 1024 on.", port=port)
            ) from None
        raise Unavailable(
            say("{host}, port {port}, cannot be used: {reason}.", host=host, port=port, reason=error)
        ) from None
    server.is_local = is_loopback(host)
    return server
