"""Chat templates with an end: limits of time and size for each rendering, in the sandbox that transformers uses.

A template comes with a model, from whoever made it, and can loop for hours or double a text until memory is full. Its
loops, calls, filters, sums and products go through here and are counted, in any thread and without signals.
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import jinja2
from jinja2 import nodes
from jinja2.filters import do_join, make_attrgetter
from jinja2.visitor import NodeTransformer

from core.data.tokenize import template_budget
from core.data.tokenize.template_budget import ITEM, LOOK, Budget, TemplateLimit, count_entries
from core.data.tokenize.template_sandbox import TemplateSandbox
from core.text.sentence import say

WIDTH = 1_000_000  # characters that a text can be widened to, and bits of a number

_ADD, _CONCATENATE, _COUNT = "add up", "join texts", "count rounds"  # names of filters that no template can spell
_KEEP, _NEST = "count a part", "count a list"
_WIDE_FORMATS = (  # %1000000d and %*d, {:1000000} and {:{}}
    re.compile(r"%(\([^)]*\))?[^a-zA-Z%(]*(\d{6}|\*)"),
    re.compile(r"\{[^{}]*(:[^{}]*\d{6}|\{)"),
)
_WIDENING = (
    "center",
    "ljust",
    "rjust",
    "zfill",
    "expandtabs",
    "indent",
    "batch",
    "slice",
    "wordwrap",
    "generate_lorem_ipsum",
    "tojson",
)
_CHECKED = frozenset((*_WIDENING, "format", "format_map", "join", "replace", "sum"))


class LimitedTemplate(jinja2.Template):
    """A template each of whose renderings has a budget of its own."""

    def render(self, *args: Any, **kwargs: Any) -> str:
        environment = self.environment
        assert isinstance(environment, LimitedEnvironment)
        environment.budget.start(kwargs)
        return super().render(*args, **kwargs)


class _Counting(NodeTransformer):
    """Sends what the environment is not asked about through filters: loops, and texts joined by ~."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = _filter(cast(nodes.Expr, node.iter), _COUNT)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        return _filter(node, _KEEP) if isinstance(node.arg, nodes.Slice) and node.ctx == "load" else node

    def visit_List(self, node: nodes.List) -> nodes.Node:
        self.generic_visit(node)
        return _filter(node, _NEST) if node.items else node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        self.generic_visit(node)
        return _filter(node, _NEST) if node.items else node

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        return _filter(node, _NEST) if node.items and node.ctx == "load" else node

    def visit_Add(self, node: nodes.Add) -> nodes.Node:
        self.generic_visit(node)
        if isinstance(node.left, nodes.Filter) and node.left.name == _ADD:  # a + b + c in one
            node.left.args.append(node.right)
            return node.left
        return _filter(node.left, _ADD, [node.right])

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _filter(node.nodes[0], _CONCATENATE, node.nodes[1:])


def _filter(value: nodes.Expr, name: str, arguments: Iterable[nodes.Expr] = ()) -> nodes.Filter:
    return nodes.Filter(value, name, list(arguments), [], None, None, lineno=value.lineno)


class LimitedEnvironment(TemplateSandbox):
    """transformers' environment for chat templates, with limits. `model` is one that it has made."""

    intercepted_binops = frozenset({"*", "**", "%"})
    template_class = LimitedTemplate

    def __init__(self, model: jinja2.Environment) -> None:
        super().__init__(model)
        self.budget = Budget()
        self.filters.update({name: self._limit(name, function) for name, function in model.filters.items()})
        self.filters["join"] = self._join
        self.filters |= {_CONCATENATE: self._concatenate, _COUNT: self._count}
        self.filters |= {_ADD: self._add, _KEEP: self.budget.keep, _NEST: self._nest}
        namespace: Any = model.globals["namespace"]  # its own text would show all that lies in it, at every level
        self.globals["namespace"] = type("Namespace", (namespace,), {"__repr__": lambda _: "namespace"})

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Counting().visit(super()._parse(source, name, filename))
        tree.set_environment(self)
        return tree

    def concat(self, pieces: Iterable[str]) -> str:  # the text of the whole, or of a macro
        kept = list(pieces)
        self.budget.add(sum(map(len, kept)))
        return "".join(kept)

    def call(self, context: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        self.budget.step()
        name = getattr(function, "__name__", "")
        if name in _CHECKED:
            text = getattr(function, "__self__", None)
            if name == "join" and isinstance(text, str):
                args = (self._check_join(text, *args),)
            self._check_call(name, [text, *args, *kwargs.values()])
        result = super().call(context, function, *args, **kwargs)
        return self._nest(result) if isinstance(result, dict) else self.budget.keep(result)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        if wrapped is not None:
            _check_format(value.__self__)
        return wrapped

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            self._check_product(left, right)
            self._check_product(right, left)
        elif operator == "**" and isinstance(left, int) and isinstance(right, int):
            _check_width(left.bit_length() * abs(right))
        elif operator == "%" and isinstance(left, str):
            _check_format(left)
        result = super().call_binop(context, operator, left, right)
        return self._nest(result) if operator == "*" and isinstance(result, list | tuple) else self.budget.keep(result)

    def _check_product(self, left: Any, right: Any) -> None:
        if isinstance(right, int):
            if isinstance(left, int):
                _check_width(left.bit_length() + right.bit_length())
            elif isinstance(left, str | list | tuple):
                self.budget.add(len(left) * max(0, right) * (1 if isinstance(left, str) else ITEM))

    def _limit(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A filter whose work is counted. It keeps what the environment passes to it (jinja_pass_arg)."""
        budget = self.budget

        if name in _CHECKED:

            @functools.wraps(function)
            def limited(*args: Any, **kwargs: Any) -> Any:
                budget.step()
                self._check_call(name, [*args, *kwargs.values()])
                return budget.keep(function(*args, **kwargs))

        else:

            @functools.wraps(function)
            def limited(*args: Any, **kwargs: Any) -> Any:
                budget.step()
                return budget.keep(function(*args, **kwargs))

        return limited

    def _check_call(self, name: str, values: list[Any]) -> None:
        """Refuse a call of a filter or of a method of a text, before it makes something huge."""
        if name in _WIDENING:
            widths = [value for value in values if isinstance(value, int)]
            sizes = sorted(len(value) for value in values if isinstance(value, str | list | tuple))
            for width in widths:
                _check_width(width)
            if len(sizes) > 1:  # wordwrap's text between lines, tojson's separators
                widths.append(sizes[-2])
            self.budget.add(max(widths, default=0) * max(sizes, default=0))
        elif name in ("format", "format_map"):
            _check_format(next((value for value in values if isinstance(value, str)), ""))
        elif name == "replace":
            text, old, new, *_ = [*(value for value in values if isinstance(value, str)), "", "", ""]
            self.budget.add((len(text) // max(1, len(old)) + 1) * max(0, len(new) - len(old)))
        elif name == "sum" and sum(isinstance(value, list | tuple) for value in values) > 1:
            raise TemplateLimit(say("adds lists up"))

    def _check_join(self, separator: str, values: Iterable[Any]) -> list[Any]:
        """The values to be joined, counted first."""
        kept = list(values)
        self.budget.add(sum(len(v) for v in kept if isinstance(v, str)) + len(separator) * len(kept))
        return kept

    @jinja2.pass_eval_context
    def _join(
        self, context: nodes.EvalContext, value: Iterable[Any], d: str = "", attribute: str | int | None = None
    ) -> str:
        if attribute is not None:
            value = map(make_attrgetter(self, attribute), value)
        return str(do_join(context, self._check_join(d, value), d))

    def _nest(self, value: Any) -> Any:
        """A list, tuple or dict, counted with all that lies in it: it may hold the same thing twice, at every level."""
        if count_entries(value, template_budget.ENTRIES) > template_budget.ENTRIES:
            raise TemplateLimit(say("makes a list of more than {entries:,} entries", entries=template_budget.ENTRIES))
        return self.budget.keep(value)

    def _add(self, value: Any, *others: Any) -> Any:
        for other in others:
            value = value + other
        budget = self.budget
        if type(value) is str:
            budget.characters += len(value)
            if budget.characters > budget.limit:
                budget.add(0)
            return value
        return budget.keep(value)

    def _concatenate(self, *values: Any) -> str:
        texts = [value if type(value) is str else str(value) for value in values]
        self.budget.add(sum(map(len, texts)))
        return "".join(texts)

    def _count(self, values: Iterable[Any]) -> Iterable[Any]:
        """The values of a loop, with a look at the clock now and then."""
        self.budget.step()
        is_short = isinstance(values, list | tuple | str | dict) and len(values) < LOOK
        return values if is_short else self._watch(values)

    def _watch(self, values: Iterable[Any]) -> Iterator[Any]:
        for number, value in enumerate(values, 1):
            if not number % LOOK:
                self.budget.check_time()
            yield value


def _check_width(width: int) -> None:
    if width > WIDTH:
        raise TemplateLimit(say("widens a text or a number beyond {width:,}", width=WIDTH))


def _check_format(text: str) -> None:
    if any(pattern.search(text) for pattern in _WIDE_FORMATS):
        raise TemplateLimit(say("widens a text or a number beyond {width:,}", width=WIDTH))
