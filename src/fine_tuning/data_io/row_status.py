"""Whether a row is a call to learn from, by what its fields say of the call beside the conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fine_tuning.data_io import exclusions, failed_calls
from fine_tuning.data_io.failed_calls import Sign
from fine_tuning.data_io.json_values import Row, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Message
from fine_tuning.data_io.row_facts import Fact, facts_of, name_of
from fine_tuning.data_io.telling_names import may_tell
from fine_tuning.data_io.unread_rows import Unread

_RESPONSES = ("response", "response_body", "responseBody", "body")


class RowStatus(NamedTuple):
    """What a row says of a failure of its call, and of not being learnt.

    Attributes:
        texts: about errors.
    """

    failures: Sequence[Sign] = ()
    exclusions: Sequence[Sign] = ()
    texts: Sequence[Fact] = ()

    def surely(self) -> Unread | None:
        """Why the row is no call to learn from, whatever its conversation is about; None if it may be one."""
        for why, signs in (("excluded", self.exclusions), ("failed", self.failures)):
            for sign in signs:
                if sign.of_subject is None:
                    return _unread(why, sign.place)
        return None

    def unread(self, messages: Sequence[Message]) -> Unread | None:
        """Why a call is none to learn from, given its conversation; None if it is one."""
        if not any(self):
            return None
        if (place := failed_calls.failed_by((), self.texts, messages)) is not None:
            return _unread("failed", place)
        for why, signs in (("excluded", self.exclusions), ("failed", self.failures)):
            if (place := failed_calls.failed_by(signs, (), messages)) is not None:
                return _unread(why, place)
        return None

    def subjects(self) -> set[str]:
        """Fields that are about what the conversation is about, if the call is one to learn from."""
        return {sign.place for sign in (*self.failures, *self.exclusions)} | {text.place for text in self.texts}


_SAYS_NOTHING = RowStatus()


def status_of(row: Row, *, is_record: bool, is_log: bool) -> RowStatus:
    """What the fields of a row say.

    Args:
        is_record: it was captured by this project, whose users write metadata of their own.
        is_log: it is an entry of a log, whose response may say so, too.
    """
    if is_record:
        facts = [Fact(name_of(key), key, value) for key, value in row.items() if may_tell(key)]
    else:
        facts = [*facts_of(row, may_tell)]
    for key in _RESPONSES if is_log else ():
        if is_object(response := parse_embedded_json(row.get(key))):
            facts += (Fact(name_of(each), f"{key}.{each}", value) for each, value in response.items() if may_tell(each))
    if not facts:
        return _SAYS_NOTHING
    return RowStatus(failed_calls.signs(facts), exclusions.signs(facts), failed_calls.error_texts(facts))


def _unread(why: str, place: str) -> Unread:
    return Unread("failed" if why == "failed" else "excluded", field=place)
