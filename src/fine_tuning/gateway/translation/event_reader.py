"""Server-sent events as they come, in pieces that end anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fine_tuning.data_io.formats.event_stream import events_of
from fine_tuning.data_io.json_values import Row
from fine_tuning.gateway.replies import BrokenOff

MAX_EVENT_BYTES = 32 << 20
_BLANK = re.compile(rb"(?:\r\n|\n|\r){2,}")


class EventReader:
    """Gives the events of a stream, each when its last byte has come."""

    def __init__(self) -> None:
        self._rest = b""

    def add(self, piece: bytes) -> Iterator[Row]:
        """The events that are whole with this piece.

        Raises:
            BrokenOff: one is no object of JSON, or too large.
        """
        *blocks, self._rest = _BLANK.split(self._rest + piece)
        if len(self._rest) > MAX_EVENT_BYTES:
            raise BrokenOff
        return _read(blocks)

    def end(self) -> Iterator[Row]:
        """The last event, where no empty line followed it."""
        rest, self._rest = self._rest, b""
        return _read([rest])


def _read(blocks: Iterable[bytes]) -> Iterator[Row]:
    for block in blocks:
        for event in events_of(block.decode("utf-8", "replace")):
            if event is None:
                raise BrokenOff
            yield event
