"""Whether a field of a row repeats what its conversation says, and is not lost with the field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fine_tuning.data_io.json_values import is_list, is_object

LONG = 20  # characters of a text that is in another one on purpose
_BEFORE = "\n\r>\"'“«„`:\N{FULLWIDTH COLON}|([{「『"
_AFTER = "\n\r<\"'”»“`|)]}」』"


class ConversationTexts:
    """The texts of a conversation.

    Args:
        request: the texts that the model was sent, in each of which a field's text may be a block.
        answers: the texts of the answers, which a copy of the conversation also has.
    """

    def __init__(self, request: Sequence[str], answers: Sequence[str]) -> None:
        self._request = request
        self._whole = {_spaced(text) for text in (*request, *answers)}

    def has_all(self, value: object, *, is_copy: bool) -> bool:
        """Whether every text of a field is said.

        Args:
            is_copy: the field may be a copy of the whole conversation.
        """
        return all(
            (is_copy and _spaced(text) in self._whole) or any(is_block(text.strip(), whole) for whole in self._request)
            for text in texts(value)
            if text.strip()
        )


def texts(value: object) -> Iterator[str]:
    """Every text in a value, but for roles and types; numbers say nothing alone."""
    if isinstance(value, str):
        yield value
    elif is_object(value):
        for key, each in value.items():
            if key not in {"role", "type", "from"}:
                yield from texts(each)
    elif is_list(value):
        for each in value:
            yield from texts(each)


def is_block(text: str, whole: str) -> bool:
    """Whether a text is in another one as a part of its own, and not by chance.

    A long text is not there by chance. A short one has to be all of it, a line, or in quotes, in marks or behind a
    colon, as templates put what they are filled with: "France" is a part of "Country: France", but not of "in France".
    """
    if len(text) >= LONG:
        return text in whole or _spaced(text) in _spaced(whole)
    at = whole.find(text)
    while at >= 0:
        before, after = whole[:at].rstrip(" \t"), whole[at + len(text) :].lstrip(" \t")
        if (not before or before[-1] in _BEFORE) and (not after or after[0] in _AFTER):
            return True
        at = whole.find(text, at + 1)
    return False


def _spaced(text: str) -> str:
    return " ".join(text.split())
