"""Whether a chat template is sure to end: its time and its text are bounded by its own length and the conversation's.

It may loop over the conversation and write parts of it. What could grow by itself (a variable joined to itself, counted
loops, macros, formats with a width) makes a template not plain, so that it has to be tried.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

MAX_NESTED_LOOPS = 4
MAX_FREE_LOOPS = 2  # nested ones over the conversation as a whole instead of over a part of an outer loop's
_SIMPLE = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.NSRef, nodes.Const, nodes.If, nodes.Assign),
    *(nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not),
    *(nodes.Test, nodes.Concat, nodes.Add, nodes.Sub, nodes.CondExpr, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair),
    *(nodes.Keyword, nodes.Break, nodes.Continue),
)
_GROWING = (nodes.Concat, nodes.Add, nodes.List, nodes.Tuple, nodes.Dict)
_FILTERS = {"trim", "tojson", "length", "items", "list", "first", "last", "upper", "lower", "string", "default"}
_COUNTERS = [nodes.Getattr(nodes.Name("loop", "load"), name, "load") for name in ("index", "index0")]
_METHODS = {"strip", "lstrip", "rstrip", "split", "startswith", "endswith", "items", "keys", "values", "get", "lower"}
_FUNCTIONS = {"raise_exception", "namespace"}


def is_plain(template: nodes.Template) -> bool:
    """Whether a parsed template is sure to end for every conversation."""
    grown = _grown_names(template)
    return all(_is_simple(node, grown) for node in _all(template)) and _nests_little(template, [], 0)


def _all(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _all(child)


def _names(node: nodes.Node) -> set[str]:
    return {each.name for each in _all(node) if isinstance(each, nodes.Name | nodes.NSRef)}


def _grown_names(template: nodes.Template) -> set[str]:
    """The variables that the template sets itself, and those of loops over them."""
    grown = {name for each in _all(template) if isinstance(each, nodes.Assign) for name in _names(each.target)}
    loops = [each for each in _all(template) if isinstance(each, nodes.For)]
    for _ in loops:  # an inner loop may stand before the one that makes its variable grow
        grown |= {name for each in loops if _names(each.iter) & grown for name in _names(each.target)}
    return grown


def _is_simple(node: nodes.Node, grown: set[str]) -> bool:
    if isinstance(node, nodes.Assign):
        # A list of itself, or a text joined to itself, doubles each time.
        return not any(isinstance(each, _GROWING) and _names(each) & grown for each in _all(node.node))
    if isinstance(node, nodes.For):
        return not node.recursive and not any(isinstance(each, _GROWING) for each in _all(node.iter))
    if isinstance(node, nodes.Filter):
        return node.name in _FILTERS
    if isinstance(node, nodes.Call):
        called = node.node
        if isinstance(called, nodes.Getattr):
            return called.attr in _METHODS
        return isinstance(called, nodes.Name) and called.name in _FUNCTIONS - grown
    if isinstance(node, nodes.Mod):  # of texts it is a format, which may have a width
        return node.left in _COUNTERS
    return isinstance(node, _SIMPLE)


def _nests_little(node: nodes.Node, outer: list[set[str]], free: int) -> bool:
    if isinstance(node, nodes.For):
        free += not any(_names(node.iter) & names for names in outer)
        outer = [*outer, _names(node.target)]
        if len(outer) > MAX_NESTED_LOOPS or free > MAX_FREE_LOOPS:
            return False
    return all(_nests_little(child, outer, free) for child in node.iter_child_nodes())
