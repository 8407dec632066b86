"""The sandbox that transformers compiles chat templates in, to be made anew by whoever adds something to it."""

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """An environment with the settings, extensions, globals and filters of `model`, one that transformers has made."""

    def __init__(self, model: jinja2.Environment) -> None:
        super().__init__(
            trim_blocks=model.trim_blocks,
            lstrip_blocks=model.lstrip_blocks,
            extensions=[type(extension) for extension in model.extensions.values()],
        )
        self.globals.update(model.globals)
        self.filters.update(model.filters)
