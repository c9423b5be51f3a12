"""Query parameters: those that a route does not have are refused, and the ones that several routes share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, NamedTuple

from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.chat_request import MAX_METADATA_KEYS
from fine_tuning.server.response_request import Includable

METADATA = "metadata"
_WITH_KEY = re.compile(r"metadata\[(?P<key>.+)\]")
_LISTS = ("include", "include[]", "lifecycle[]")  # the SDKs write the brackets
_HOW = "write metadata[KEY]=VALUE, once for each key"


class QueryField(NamedTuple):
    """A parameter as clients write it, and its limits."""

    name: str
    constraints: Sequence[object]


def fields(dependant: Dependant) -> Iterator[QueryField]:
    """The query parameters of a route, and of what it depends on."""
    yield from (QueryField(each.alias, each.field_info.metadata) for each in dependant.query_params)
    for each in dependant.dependencies:
        yield from fields(each)


def check_known(request: Request) -> None:
    """Refuse parameters that nothing reads: a filter that is left out gives the wrong rows.

    Raises:
        ApiError: 400, naming the parameter.
    """
    route, given = request.scope.get("route"), [name for name, _ in request.query_params.multi_items()]
    if not given or not isinstance(route, APIRoute):
        return
    known = [field.name for field in fields(route.dependant)]
    for name in given:
        if METADATA in known and name.startswith(f"{METADATA}["):
            continue
        if name not in known:
            none = "; there are none here" + (", send it in the body" if request.method == "POST" else "")
            there_are = f"; there are {', '.join(known)}" if known else none
            raise invalid(f"Unknown parameter: '{name}'{there_are}", name, "unknown_parameter")
        if given.count(name) > 1 and name not in _LISTS:
            raise invalid(f"'{name}' is given twice", name)


def metadata_filter(
    request: Request,
    metadata: Annotated[str | None, Query(description=_HOW)] = None,
) -> dict[str, str] | None:
    """The pairs that rows must have in their metadata; None for rows without any (`metadata=null`).

    Raises:
        ApiError: 400, there are too many, or a pair is written otherwise, twice, or with what no metadata has.
    """
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if not name.startswith(f"{METADATA}["):
            continue
        match = _WITH_KEY.fullmatch(name)
        if match is None or "][" in match["key"]:
            raise invalid(f"'{name}' is no filter of metadata: {_HOW}", METADATA)
        if match["key"] in found:
            raise invalid(f"'{name}' is given twice, and metadata has one value for a key", METADATA)
        found[match["key"]] = _storable(name, value)
    if len(found) > MAX_METADATA_KEYS:
        raise invalid(f"{len(found)} filters of metadata, which has up to {MAX_METADATA_KEYS} keys", METADATA)
    if metadata is None:
        return found
    if metadata != "null" or found:
        raise invalid(f"'metadata={metadata}' is no filter of metadata: {_HOW}", METADATA)
    return None


def _storable(name: str, value: str) -> str:
    try:
        checks.storable(name, value)
    except UsageError as error:
        raise invalid(str(error), METADATA) from None
    return value


def included(
    include: Annotated[list[Includable] | None, Query()] = None,
    include_of_sdk: Annotated[list[Includable] | None, Query(alias="include[]")] = None,
) -> None:
    """What items are to have besides their text: items here always have all that there is of them."""


MetadataFilter = Annotated[dict[str, str] | None, Depends(metadata_filter)]
Included = Annotated[None, Depends(included)]
Beta = Annotated[bool | None, Query(description="Sent by the beta resources of Anthropic's SDKs; changes nothing.")]
