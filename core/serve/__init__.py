"""A model for other programs on this machine: mlx-lm's own OpenAI-compatible server over a model that Hone loaded.

with Server("runs/mine") as server:
    print(server.url)
"""

from core.serve.server import HOST, PORT, Server

__all__ = ["HOST", "PORT", "Server"]
