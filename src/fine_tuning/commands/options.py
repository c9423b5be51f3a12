"""Options of a command as one model, so that a command with many options is a function with few parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from typing import Annotated, TypeVar, get_type_hints

import typer

from fine_tuning._util.option_model import OptionModel
from fine_tuning.commands.output import key_values

Result = TypeVar("Result")


def with_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """Let a command take dataclasses and option models whose fields are options.

    Fields of a dataclass are `Annotated[type, typer.Option(...)] = default`. A field of an option model has its
    description as help text; a tuple of texts is an option in the singular that may be repeated, a dict of texts one
    that takes KEY=VALUE. Typer sees each field as a parameter of the command, in the order of the fields and at the
    place of the model; the command gets the model filled in.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type] = {}
    shown: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if is_dataclass(hints[name]) or (isinstance(hints[name], type) and issubclass(hints[name], OptionModel)):
            groups[name] = hints[name]
            shown += _parameters_of(hints[name])
        else:
            shown.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))

    @wraps(command)
    def called(**given: object) -> Result:
        filled = {name: _filled(group, given) for name, group in groups.items()}
        return command(**given, **filled)

    called.__signature__ = inspect.Signature(shown, return_annotation=None)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return called


def _filled(group: type[object], given: dict[str, object]) -> object:
    """The model of the options that were given, which are removed from `given`."""
    if is_dataclass(group):
        return group(**{field.name: given.pop(field.name) for field in fields(group)})
    assert issubclass(group, OptionModel)  # noqa: S101 - one of the two
    kinds = get_type_hints(group)
    return group.of({name: _value(name, kinds[name], given.pop(name)) for name in group.model_fields})


def _value(name: str, kind: object, given: object) -> object:
    """The value of a model's field from what Typer parsed."""
    if _is_mapping(kind):
        return key_values(_option_of(name), given if isinstance(given, list) else [])
    if kind == tuple[str, ...]:
        return tuple(given) if isinstance(given, list) else ()
    return given


def _parameters_of(group: type) -> list[inspect.Parameter]:
    if is_dataclass(group):
        hints = get_type_hints(group, include_extras=True)
        defaults = {
            each.name: inspect.Parameter.empty if each.default is MISSING else each.default for each in fields(group)
        }
        return [_parameter(name, hints[name], default) for name, default in defaults.items()]
    assert issubclass(group, OptionModel)  # noqa: S101 - one of the two
    kinds = get_type_hints(group)
    return [_of_model_field(group, name, kinds[name]) for name in group.model_fields]


def _of_model_field(group: type[OptionModel], name: str, kind: object) -> inspect.Parameter:
    field = group.model_fields[name]
    help_text = field.description
    if kind == tuple[str, ...]:
        option = typer.Option(_option_of(name.removesuffix("s")), help=help_text)
        return _parameter(name, Annotated[list[str] | None, option], None)
    if _is_mapping(kind):
        return _parameter(name, Annotated[list[str] | None, typer.Option(help=help_text)], None)
    default = inspect.Parameter.empty if field.is_required() else field.default
    return _parameter(name, Annotated[kind, typer.Option(help=help_text)], default)


def _is_mapping(kind: object) -> bool:
    return kind in (dict[str, str], Mapping[str, str])


def _option_of(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _parameter(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
