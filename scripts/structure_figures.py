"""Print figures of the package's structure; with `--list FIGURE`, the places behind one.

    python scripts/structure_figures.py [--list FIGURE] [--below FOLDER]

Counted are: modules in the root that no user imports, functions with more than seven parameters, booleans that a call
may pass by position, `Any`, subscripts by a string literal on values that are not TypedDicts, files over 300 lines,
functions over 60, facades over 250, `fmt: skip`, and calls that reach for the workspace instead of being given it.
Methods of the public facades are the user's contract and count neither as long signatures nor as positional booleans.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "fine_tuning"
FACADES = (
    "ab_testing cost_tracker dataset_builder llm_service local_fine_tuner model_evaluator model_registry "
    "ollama_fine_tuner openai_fine_tuner task"
).split()
PUBLIC = {*FACADES, "__init__", "cli", "errors", "settings"}
CONTRACT = {
    *(f"{name}.py" for name in FACADES),
    "distillation/call_imports.py",
    "distillation/data_collector.py",
    "training/jobs/fine_tuner.py",
}
MOST_PARAMETERS = 7
LONG_FILE, LONG_FACADE, LONG_FUNCTION = 300, 250, 60
Place = tuple[str, int, str]


def sources() -> Iterator[tuple[str, str]]:
    """Path below the package and text of each source file; migrations are history and left out."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith("store/migrations/"):
            yield name, path.read_text(encoding="utf-8")


def in_root() -> list[Place]:
    """Modules in the root of the package that users do not import."""
    return [(path.name, 1, "") for path in sorted(PACKAGE.glob("*.py")) if path.stem not in PUBLIC]


def functions(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a file."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def long_signatures() -> list[Place]:
    """Functions with more than seven parameters, `self` aside."""
    found: list[Place] = []
    for name, text in sources():
        if name in CONTRACT:
            continue
        for node in functions(text):
            arguments = node.args
            named = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
            count = len([each for each in named if each not in {"self", "cls"}])
            if count > MOST_PARAMETERS:
                found.append((name, node.lineno, f"{node.name}: {count}"))
    return found


def positional_booleans() -> list[Place]:
    """Parameters that are booleans and may be passed by position; literals that are. Options of commands have names."""
    found: list[Place] = []
    for name, text in sources():
        if name in CONTRACT or name.startswith("commands/"):
            continue
        for node in functions(text):
            found += [
                (name, each.lineno, f"{node.name}({each.arg})")
                for each in (*node.args.posonlyargs, *node.args.args)
                if isinstance(each.annotation, ast.Name) and each.annotation.id == "bool"
            ]
        for call in ast.walk(ast.parse(text)):
            if isinstance(call, ast.Call):
                found += [
                    (name, each.lineno, ast.unparse(call.func))
                    for each in call.args
                    if isinstance(each, ast.Constant) and isinstance(each.value, bool)
                ]
    return found


def lines_with(pattern: str) -> list[Place]:
    """Each place at which a pattern occurs in the text of a file."""
    return [
        (name, number, line.strip())
        for name, text in sources()
        for number, line in enumerate(text.splitlines(), 1)
        for _ in re.finditer(pattern, line)
    ]


def reached_for() -> list[Place]:
    """Calls that open the workspace's database or read its settings anywhere but in the modules that define them."""
    own = {"settings/__init__.py", "store/database.py", "store/workspace.py"}
    return [place for place in lines_with(r"\b(?:open_database|get_settings)\(") if place[0] not in own]


def opened() -> list[Place]:
    """Calls that open a workspace below the edges: facades, commands, and where an application or a process starts."""
    edges = (
        "commands/",
        "dashboard/app.py",
        "dashboard/separate_process.py",
        "distillation/data_collector.py",
        "distillation/review_inbox.py",
        "server/app.py",
        "server/spool_worker.py",
        "store/workspace.py",
        "training/jobs/worker.py",
    )
    found = [place for place in lines_with(r"\bopen_workspace\(") if "/" in place[0]]
    return [place for place in found if not place[0].startswith(edges)]


def untyped_subscripts() -> list[Place]:
    """Subscripts by a string literal on values that mypy knows as no TypedDict (takes a minute)."""
    kinds = _kinds_of_subscripted()
    found = []
    for name, text in sources():
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Constant):
                continue
            if isinstance(node.slice.value, str):
                kind = kinds.get((node.lineno, node.col_offset, node.slice.value), "what mypy does not see")
                if not kind.startswith("TypedDict("):
                    found.append((name, node.lineno, f"[{node.slice.value!r}] of {kind}"))
    return found


def _kinds_of_subscripted() -> dict[tuple[int, int, str], str]:
    """What is subscripted, by line, column and key: mypy's nodes do not say which file they are of."""
    from mypy import build
    from mypy.config_parser import parse_config_file
    from mypy.nodes import IndexExpr, StrExpr
    from mypy.options import Options

    options = Options()
    parse_config_file(options, lambda: None, str(PACKAGE.parents[1] / "pyproject.toml"))
    options.export_types, options.incremental = True, False
    options.mypy_path = [str(PACKAGE.parent)]
    modules = {"fine_tuning." + name.removesuffix(".py").replace("/", "."): name for name, _ in sources()}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    made = build.build([build.BuildSource(str(PACKAGE / path), name) for name, path in modules.items()], options)
    kinds: dict[tuple[int, int, str], str] = {}
    for node in made.types:
        if isinstance(node, IndexExpr) and isinstance(node.index, StrExpr):
            place, kind = (node.line, node.column, node.index.value), str(made.types.get(node.base))
            if not kinds.get(place, "TypedDict(").startswith("TypedDict("):
                continue  # where two files have the same subscript at the same place, the untyped one counts
            kinds[place] = kind
    return kinds


def long_files() -> list[Place]:
    """Files over 300 lines."""
    return _files_over(LONG_FILE)


def long_facades() -> list[Place]:
    """Modules in the root over 250 lines: a facade states its contract and delegates."""
    return [place for place in _files_over(LONG_FACADE) if "/" not in place[0]]


def _files_over(lines: int) -> list[Place]:
    return [(name, text.count("\n"), "lines") for name, text in sources() if text.count("\n") > lines]


def long_functions() -> list[Place]:
    """Functions over 60 lines, docstring included."""
    return [
        (name, node.lineno, f"{node.name}: {length}")
        for name, text in sources()
        for node in functions(text)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LONG_FUNCTION
    ]


FIGURES = {
    "root": ("modules in the root that users do not import", in_root),
    "parameters": (f"functions with more than {MOST_PARAMETERS} parameters", long_signatures),
    "booleans": ("booleans by position", positional_booleans),
    "any": ("Any", lambda: lines_with(r"\bAny\b")),
    "dicts": ("dict[str, Any]", lambda: lines_with(r"dict\[str, Any\]")),
    "subscripts": ("string subscripts on what is no TypedDict", untyped_subscripts),
    "reached": ("open_database() and get_settings() called", reached_for),
    "opened": ("open_workspace() called below the edges", opened),
    "files": (f"files over {LONG_FILE} lines", long_files),
    "facades": (f"facades over {LONG_FACADE} lines", long_facades),
    "functions": (f"functions over {LONG_FUNCTION} lines", long_functions),
    "skips": ("fmt: skip", lambda: lines_with("fmt: skip")),
}


def main() -> None:
    """Print every figure, or the places behind one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", choices=FIGURES, metavar="FIGURE", help=", ".join(FIGURES))
    parser.add_argument("--below", default="", metavar="FOLDER", help="only files below this folder of the package")
    chosen = parser.parse_args()
    for name, (label, find) in FIGURES.items():
        if chosen.list in (None, name):
            found = [place for place in find() if place[0].startswith(chosen.below)]
            print(f"{len(found):6,}  {label}  ({name})")
            if chosen.list:
                for path, line, what in found:
                    print(f"        {path}:{line} {what}")


if __name__ == "__main__":
    main()
