"""An environment for chat templates in which texts are traced (core.data.tokenize.traced_text).

Only what is known to ask a traced text itself is let through to it. What else gets one, or could differ from one
rendering to the next, ends the tracing.
"""

from collections.abc import Callable, Iterable
from typing import Any, cast

import jinja2
from jinja2 import nodes
from jinja2.runtime import Macro
from jinja2.visitor import NodeTransformer

from core.data.tokenize.template_sandbox import TemplateSandbox
from core.data.tokenize.traced_text import TracedText, Untraceable, join

_FILTERS = frozenset(("trim", "default", "d", "list", "first", "last", "string", "selectattr", "rejectattr"))
_TESTS = frozenset(
    ("defined", "undefined", "none", "string", "mapping", "number", "boolean", "true", "false", "integer", "float")
) | frozenset(("eq", "equalto", "==", "ne", "!="))
_LIKE_A_TEXT = ("iterable", "sequence")  # tests that are true of every text
_FREE = ("random", "shuffle", "pprint", "xmlattr", "groupby")  # filters that are not followed, whatever they get
_OF_DICTS = ("get", "items", "keys", "values")
_CONCATENATE, _CONTAINS = "join texts", "look in"  # names of filters that no template can spell


class _Asking(NodeTransformer):
    """Sends what Jinja does with texts in C through filters: a ~ b, and whether a lies in b."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return nodes.Filter(node.nodes[0], _CONCATENATE, node.nodes[1:], [], None, None, lineno=node.lineno)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        if len(node.ops) == 1 and node.ops[0].op in ("in", "notin"):
            operand = node.ops[0]
            found = nodes.Filter(node.expr, _CONTAINS, [operand.expr], [], None, None, lineno=node.lineno)
            return found if operand.op == "in" else nodes.Not(found, lineno=node.lineno)
        return node


class TracingEnvironment(TemplateSandbox):
    """transformers' environment for chat templates, traced. `model` is one that it has made."""

    intercepted_binops = frozenset({"*", "%", "**", "/", "//"})

    def __init__(self, model: jinja2.Environment) -> None:
        super().__init__(model)
        self.filters.update({name: _guard(name, function, _FILTERS) for name, function in model.filters.items()})
        self.filters |= {_CONCATENATE: _concatenate, _CONTAINS: _contains, "length": _length, "count": _length}
        self.tests.update({name: _guard(name, function, _TESTS) for name, function in model.tests.items()})
        self.tests |= {name: _is_like_a_text(model.tests[name]) for name in _LIKE_A_TEXT}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Asking().visit(super()._parse(source, name, filename))
        if any(len(compare.ops) > 1 for compare in tree.find_all(nodes.Compare)):
            raise Untraceable
        tree.set_environment(self)
        return tree

    def concat(self, pieces: Iterable[str]) -> str:  # the text of the whole, or of a macro
        return cast(str, join(list(pieces)))

    def call(self, context: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        if not self._may_call(function, [*args, *kwargs.values()]):
            raise Untraceable
        return super().call(context, function, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not _is_number(left) or not _is_number(right):
            raise Untraceable
        return super().call_binop(context, operator, left, right)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if type(argument) is TracedText:
            raise Untraceable
        return super().getitem(obj, argument)

    def _may_call(self, function: Any, values: list[Any]) -> bool:
        """Whether a call is known to look at no text but through the text itself, and to be the same each time."""
        if isinstance(function, Macro) or function in (self.globals["namespace"], self.globals["raise_exception"]):
            return True
        owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
        if type(owner) is TracedText:
            return True
        if type(owner) is dict and name in _OF_DICTS:
            return not values or type(values[0]) is str
        is_plain = not any(map(_may_be_traced, values))
        return is_plain and (type(owner) is str or function is range)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float, bool)


def _may_be_traced(value: Any) -> bool:
    """Whether a value is or holds a traced text, or is something of which that is not known."""
    if value is None or type(value) in (str, int, float, bool) or isinstance(value, jinja2.Undefined):
        return False
    if type(value) in (list, tuple):
        return any(map(_may_be_traced, value))
    if type(value) is dict:
        return any(map(_may_be_traced, value.values())) or any(map(_may_be_traced, value))
    return True


def _guard(name: str, function: Any, followed: frozenset[str]) -> Any:
    """A filter or test that gets no traced text unless it is followed."""
    if name in followed:
        return function

    def guarded(*args: Any, **kwargs: Any) -> Any:
        own = args[1:] if hasattr(function, "jinja_pass_arg") else args
        if name in _FREE or any(map(_may_be_traced, (*own, *kwargs.values()))):
            raise Untraceable
        return function(*args, **kwargs)

    if hasattr(function, "jinja_pass_arg"):
        vars(guarded)["jinja_pass_arg"] = function.jinja_pass_arg
    return guarded


def _is_like_a_text(test: Any) -> Callable[[Any], bool]:
    return lambda value: type(value) is TracedText or test(value)


def _concatenate(*values: Any) -> Any:
    return join([value if type(value) in (str, TracedText) else _plain_text(value) for value in values])


def _plain_text(value: Any) -> str:
    if _may_be_traced(value):
        raise Untraceable
    return str(value)


def _contains(part: Any, whole: Any) -> bool:
    """part in whole: asks a traced text, or the entries of a list one by one."""
    if type(part) is TracedText and type(whole) not in (list, tuple):
        raise Untraceable
    return part in whole


def _length(value: Any) -> int:
    if type(value) is TracedText:
        raise Untraceable
    return len(value)
