"""The parts of a run that adapters read. They are protocols, because runs are declared in a layer above this one."""

from typing import Any, ClassVar, Protocol


class AdapterOptions(Protocol):
    """The section [adapter] of a run: core.run.Adapter."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def type(self) -> str: ...  # "lora", "dora" or "full"

    @property
    def init(self) -> str | None: ...  # folder of the adapter to go on from

    @property
    def rank(self) -> int: ...

    @property
    def alpha(self) -> float | None: ...  # None: twice the rank

    @property
    def rslora(self) -> bool: ...

    @property
    def dropout(self) -> float: ...

    @property
    def targets(self) -> str: ...  # see core/adapters/target_modules.py

    @property
    def layers(self) -> int | None: ...  # how many of the last blocks; None: all


class BaseModelOptions(Protocol):
    """What adapter_config.json says of the base, from the section [model] of a run: core.run.Model."""

    @property
    def path(self) -> str: ...

    @property
    def quantization(self) -> str: ...

    @property
    def double_quantization(self) -> bool: ...
