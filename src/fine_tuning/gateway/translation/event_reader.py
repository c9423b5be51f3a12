"""Server-sent events as they come, in pieces that end anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fine_tuning._util.json_counts import is_bounded
from fine_tuning.data_io.formats.event_stream import events_of
from fine_tuning.data_io.json_values import Row
from fine_tuning.gateway.replies import BrokenOff

MAX_EVENT_BYTES = 8 << 20
_LONGEST_BLANK = 3  # bytes of an empty line that is not whole yet
_BLANK = re.compile(rb"(?>\r\n|\n|\r){2,}")  # \r\n is one end of a line, and not two


class EventReader:
    """Gives the events of a stream, each when its last byte has come."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def add(self, piece: bytes) -> Iterator[Row]:
        """The events that are whole with this piece.

        Raises:
            BrokenOff: one is no object of JSON, too large, or has too many values.
        """
        known = max(0, len(self._rest) - _LONGEST_BLANK)  # no event ends before: one without an end is searched once
        self._rest += piece
        blocks: list[bytes] = []
        if _BLANK.search(self._rest, known):
            *blocks, rest = _BLANK.split(bytes(self._rest))
            self._rest = bytearray(rest)
        if len(self._rest) > MAX_EVENT_BYTES:
            raise BrokenOff
        return _read(blocks)

    def end(self) -> Iterator[Row]:
        """The last event, where no empty line followed it."""
        rest, self._rest = self._rest, bytearray()
        return _read([rest])


def _read(blocks: Iterable[bytes | bytearray]) -> Iterator[Row]:
    for block in blocks:
        if not is_bounded(block):
            raise BrokenOff
        for event in events_of(block.decode("utf-8", "replace")):
            if event is None:
                raise BrokenOff
            yield event
