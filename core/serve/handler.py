"""The requests that mlx-lm's server answers, less those that would reach beyond the one model."""

import json
import logging
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from mlx_lm.server import APIHandler, CompletionRequest, _image_parts

from core.serve.provider import ANY_NAME

_log = logging.getLogger(__name__)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone: "localhost" or an address such as 127.0.0.1."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Handler(APIHandler):
    """One connection of a program that asks. Nothing it sends makes the server load, read or download anything."""

    server: Any
    requested_model: str
    requested_draft_model: str | None
    adapter: str | None

    def do_GET(self) -> None:
        if not self._refuse_stranger():
            super().do_GET()

    def do_POST(self) -> None:
        if not self._refuse_stranger():
            super().do_POST()

    def _refuse_stranger(self) -> bool:
        """Refuse what a page of the internet sends from the person's own browser, by its address or by the name under
        which it reached this machine."""
        origin = self.headers.get("Origin")
        reached_as = _host_of(f"//{self.headers.get('Host', '')}")
        wrong_name = self.server.is_local and not is_loopback(reached_as)
        if not wrong_name and (origin is None or is_loopback(_host_of(origin))):
            return False
        self._refuse(403, "This server answers programs on this machine, not pages of the internet.")
        return True

    def _refuse(self, status: int, sentence: str) -> None:
        self._set_completion_headers(status)
        self.end_headers()
        self.wfile.write(json.dumps({"error": sentence}).encode())

    def _set_cors_headers(self) -> None:
        origin = self.headers.get("Origin")
        if origin is not None and is_loopback(_host_of(origin)):
            self.send_header("Access-Control-Allow-Origin", origin)
            self.send_header("Vary", "Origin")
            self.send_header("Access-Control-Allow-Methods", "*")
            self.send_header("Access-Control-Allow-Headers", "*")

    def handle_models_request(self) -> None:
        """List the one model; mlx-lm would list all that were ever downloaded."""
        model = {"id": self.response_generator.model_provider.name, "object": "model", "created": self.created}
        self._set_completion_headers(200)
        self.end_headers()
        self.wfile.write(json.dumps({"object": "list", "data": [model]}).encode())

    def handle_chat_completions(self) -> CompletionRequest:
        """As mlx-lm does it, for text: it would download the images that a message names."""
        messages = self.body.get("messages")
        if not isinstance(messages, list) or not messages or not all(map(_is_message, messages)):
            raise ValueError("The request needs messages: a list of objects, each with a role and content.")
        if any(True for _ in _image_parts(messages)):
            raise ValueError("This server reads text, no images.")
        return super().handle_chat_completions()

    def handle_completion(self, request: CompletionRequest, stop_words: list[str]) -> None:
        """As mlx-lm does it, of no model but the one."""
        provider = self.response_generator.model_provider
        try:
            provider.load(self.requested_model, self.adapter, self.requested_draft_model)
        except ValueError as error:
            self._refuse(404, str(error))
            return
        self.requested_model, self.requested_draft_model, self.adapter = provider.name, ANY_NAME, None
        super().handle_completion(request, stop_words)

    def log_message(self, format: str, *args: Any) -> None:
        """Into Hone's log, where mlx-lm would print."""
        _log.debug(format, *args)


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str)


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
