"""Which chat templates cannot run away: their loops and texts stay in proportion to the messages, as their code shows.

Only what is known to be harmless counts as such. Any other template is counted step by step, see template_limits.
"""

from collections.abc import Iterator

from jinja2 import nodes

# Filters and methods whose result is no longer than what they are given.
_SHORTENING = frozenset(
    ("trim", "length", "count", "first", "last", "list", "default", "d", "lower", "int")
) | frozenset(
    ("items", "keys", "values", "get", "strip", "lstrip", "rstrip", "split", "startswith", "endswith", "selectattr")
)
# Those whose result is longer by a factor at most, where their arguments are constants; not to be applied repeatedly.
_STRETCHING = frozenset(["tojson", "replace", "string", "upper", "title", "capitalize"])
_LARGEST_ARGUMENT = 16  # of tojson(indent=4)
_LONGEST_ARGUMENT = 64  # characters
_MOST_NAMES = 64  # in one expression, each of which may be a long text
# What could be called by another name, once it is kept under that: functions, and the methods of values.
_CALLABLES = frozenset(
    ("range", "lipsum", "dict", "cycler", "joiner", "namespace", "raise_exception", "strftime_now", "self", "super")
)
_METHODS = frozenset(name for kind in (str, list, dict, int, float) for name in dir(kind))
_FUNCTIONS = ("raise_exception", "strftime_now", "namespace")
_BUILDING = (nodes.Add, nodes.Concat, nodes.List, nodes.Dict, nodes.Tuple)
_HARMLESS = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.Break, nodes.Continue),
    *(nodes.Name, nodes.NSRef, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Keyword, nodes.Pair),
    *(nodes.Filter, nodes.Call, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not),
    *(nodes.CondExpr, nodes.Sub, nodes.Neg, nodes.Mod, *_BUILDING),
)


def is_harmless(template: nodes.Template) -> bool:
    """Whether the work and the text of a rendering stay in proportion to what is rendered.

    Then no macro, recursion or range() is there, an inner loop goes over a part of what the loop around it goes over,
    and what is assigned grows by a constant or a part of the present message at a time.
    """
    assignments: dict[str, list[nodes.Node]] = {}
    for node in template.find_all(nodes.Assign):
        target = node.target
        if not isinstance(target, nodes.Name | nodes.NSRef):
            return False
        assignments.setdefault(target.name, []).append(node.node)
    made = set(assignments)
    loops = [loop for loop in template.find_all(nodes.For) if isinstance(loop.target, nodes.Name)]
    for _ in loops:  # an item of what was made counts as made too, and so does an item of that
        made |= {loop.target.name for loop in loops if made & set(_names(loop.iter))}  # type: ignore[attr-defined]
    return _Inspection(assignments, made).passes(template, [])


class _Inspection:
    def __init__(self, assignments: dict[str, list[nodes.Node]], made: set[str]) -> None:
        self.assignments = assignments  # to each name, and to the attributes of a namespace
        self.made = made  # names of what may hold anything that was assigned

    def passes(self, node: nodes.Node, targets: list[str]) -> bool:
        """Whether a node with all below it is harmless; `targets` are the names of the loops around it."""
        if type(node) not in _HARMLESS:
            return False
        inner = targets
        match node:
            case nodes.For():
                if not isinstance(node.target, nodes.Name) or node.recursive or not self._may_loop(node, targets):
                    return False
                inner = [*targets, node.target.name]
            case nodes.Assign():
                if not self._may_assign(node.node, targets):
                    return False
            case nodes.Mod():
                if _root(node.left) != "loop":  # else it could be a text's format
                    return False
            case nodes.Call() | nodes.Filter():
                if not _may_call(node):
                    return False
                receiver = (
                    node.node.node if isinstance(node.node, nodes.Getattr) and type(node) is nodes.Call else node.node
                )
                values = [value for value in (receiver, *node.args, *node.kwargs) if value is not None]
                if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
                    values = [*node.args, *node.kwargs]
                return all(self.passes(value, targets) for value in values)
            case nodes.Name():
                return node.name not in _CALLABLES
            case nodes.Getattr():
                if node.attr in _METHODS and _root(node) != "loop":
                    return False
            case nodes.Getitem():
                if not _is_key(node.arg):
                    return False
            case nodes.Output():
                if any(len(list(_names(part))) > _MOST_NAMES for part in node.nodes):
                    return False
        return all(self.passes(child, inner) for child in node.iter_child_nodes())

    def _may_loop(self, loop: nodes.For, targets: list[str]) -> bool:
        """Over anything; within a loop, over a part of that one's present item."""
        name = _root(loop.iter)
        if not targets:
            return True
        if len(targets) == 1 and name in self.assignments:
            # What is set in a loop is there in the same round alone, unless it is a namespace's.
            return all(_is_part(value, targets[0]) for value in self.assignments[name])
        return name == targets[-1] and name not in self.assignments and _is_part(loop.iter, name)

    def _may_assign(self, value: nodes.Node, targets: list[str]) -> bool:
        names = list(_names(value))
        assigned = [name for name in names if name in self.made]
        stretches = any(_called(node) in _STRETCHING for node in value.find_all((nodes.Call, nodes.Filter)))
        stretches = stretches or _called(value) in _STRETCHING
        joins = isinstance(value, nodes.Concat) or value.find(nodes.Concat) is not None  # as texts, whatever they are
        if len(names) > _MOST_NAMES or len(assigned) > 1 or (assigned and (stretches or joins)):
            return False
        builds = isinstance(value, _BUILDING) or any(value.find(kind) for kind in _BUILDING)
        if targets and (builds or stretches):
            return all(name in (targets[-1], "loop") or name in assigned for name in names)
        return True


def _may_call(node: nodes.Call | nodes.Filter) -> bool:
    """Of functions, a few; of filters and methods, those of which is known what comes out."""
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        return False
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        return node.node.name in _FUNCTIONS
    if isinstance(node, nodes.Filter) and node.node is None:
        return False
    name = _called(node)
    if name in _SHORTENING:
        return True
    arguments = [*node.args, *(keyword.value for keyword in node.kwargs)]
    return name in _STRETCHING and all(_is_small(argument) for argument in arguments)


def _is_small(argument: nodes.Expr) -> bool:
    if not isinstance(argument, nodes.Const):
        return False
    value = argument.value
    return len(value) <= _LONGEST_ARGUMENT if isinstance(value, str) else value is None or value <= _LARGEST_ARGUMENT


def _is_key(key: nodes.Expr) -> bool:
    """Whether a key is a number, or a text that names no method."""
    if isinstance(key, nodes.Const):
        return not isinstance(key.value, str) or key.value not in _METHODS
    return isinstance(key, nodes.Slice | nodes.Sub | nodes.Neg) or _root(key) == "loop"


def _called(node: nodes.Node) -> str:
    """The name of a filter or a method; "" for anything else."""
    if isinstance(node, nodes.Filter):
        return node.name
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
        return node.node.attr
    return ""


def _is_part(value: nodes.Node, name: str) -> bool:
    """Whether a value is a part of what has this name, as it lies there; or a constant."""
    while isinstance(value, nodes.Getattr | nodes.Getitem):
        value = value.node
    return isinstance(value, nodes.Const) or (isinstance(value, nodes.Name) and value.name == name)


def _root(value: nodes.Node | None) -> str:
    """The name at whose parts an expression looks; "" where it is none."""
    while isinstance(value, nodes.Getattr | nodes.Getitem | nodes.Filter):
        value = value.node
    return value.name if isinstance(value, nodes.Name) else ""


def _names(value: nodes.Node) -> Iterator[str]:
    """The names whose contents may be in a value: not those that are only compared."""
    if isinstance(value, nodes.Name | nodes.NSRef):
        yield value.name
    elif not isinstance(value, nodes.Compare | nodes.Test):
        for child in value.iter_child_nodes():
            if not (isinstance(value, nodes.CondExpr) and child is value.test):
                yield from _names(child)
