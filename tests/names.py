"""How many of the names that the code assigns say nothing by themselves: python -m tests.names [-v] [FOLDER ...]

A name counts where it is bound: assignments, loop variables, arguments, `with ... as`, fields, functions and classes.
It is vague where each of its words is a pronoun, a question word, or a bare participle ("found", "made_for_it"): a
reader learns from it neither what kind of thing it is nor what it is for. Participles that the field uses as nouns or
adjectives ("chosen", "rejected", "packed") are not vague. This prints; it is no test.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

PRONOUNS = """
i it its they them their this that these those he she we us our mine my ours yours theirs one ones other others
another each every both all any some none such same self_ either neither rest whole nothing something anything
everything somebody someone who whom whose what which
""".split()
QUESTIONS = "how why when where whether whence".split()
PREPOSITIONS = """
about above after again along among apart around aside at away back before behind below beside between beyond by
down for from here in into near next of off on once onto out over since still there through to together towards
under until up upon with within without yet
""".split()
PARTICIPLES = """
added allowed announced answered asked attached begun bound broken brought built called carried caught changed
checked chosen_ closed come compared computed counted covered cut described done drawn driven dropped ended
entered expected_ fallen filled fitted fixed followed forgotten formed found gathered given gone got grown had
handed heard held helped holding kept known laid lacking learned left let lifted listed looked lost made meant
measured met missed moved named needed noted noticed offered opened ordered owed owned parted passed picked placed
played pressed printed put reached read_ ready received reported resolved_ returned run_ said saved_ seen sent set_
settled shared_ shown sorted_ spent spoken spread standing started_ stated stopped stored suited taken talked taught
tested thought thrown told touched tried turned understood unsuited used waited waiting wanted warned weighed went
wished worked written wrote
""".split()
NOUNS = "way ways thing things sort sorts piece_ matter".split()
VAGUE = {word for word in (*PRONOUNS, *QUESTIONS, *PREPOSITIONS, *PARTICIPLES, *NOUNS) if not word.endswith("_")}
# Whole names that are the field's or Python's own.
USUAL = {"_", "__", "self", "cls", "i", "all", "any", "set", "run", "on", "off", "out", "held_out"}


def bound(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(name, line) of every name that a module binds, imports left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


def is_vague(name: str) -> bool:
    if name in USUAL or (name.startswith("__") and name.endswith("__")):
        return False
    words = [word for word in name.lower().split("_") if word]
    return bool(words) and all(word in VAGUE for word in words)


def main() -> None:
    verbose = "-v" in sys.argv
    folders = [Path(a) for a in sys.argv[1:] if a != "-v"] or [ROOT / "core", ROOT / "app"]
    total, vague = 0, Counter[str]()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
            for name, line in bound(ast.parse(path.read_text("utf-8"))):
                total += 1
                if is_vague(name):
                    vague[name] += 1
                    if verbose:
                        print(f"{path}:{line}: {name}")
    print(f"{sum(vague.values()):,} of {total:,} bound names are vague: {sum(vague.values()) / max(1, total):.1%}")
    print("most often: " + ", ".join(f"{name} {count}" for name, count in vague.most_common(40)))


if __name__ == "__main__":
    main()
