"""From the items of a conversation to the messages of a chat completion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fine_tuning.server.api_errors import invalid
from fine_tuning.server.chat_messages import MAX_MESSAGES, CalledFunction, Message, ToolCall
from fine_tuning.server.response_items import FunctionCallItem, FunctionCallOutputItem, Item, MessageItem


def chat_messages(items: Sequence[Item], instructions: str | None = None) -> list[Message]:
    """The messages: a turn of the assistant is one, with its text and its calls. Reasoning is left out.

    Raises:
        ApiError: 400, there are none or too many, or a function's output is of no call.
    """
    called: set[str] = set()
    found = [Message(role="system", content=instructions)] if instructions else []
    for item in items:
        if isinstance(item, FunctionCallOutputItem):
            if item.call_id not in called:
                message = f"No tool call found for function call output with call_id {item.call_id}."
                raise invalid(f"{message} Send its function_call before it, or previous_response_id.", "input")
            found.append(Message(role="tool", tool_call_id=item.call_id, content=item.text))
        elif isinstance(item, FunctionCallItem):
            called.add(item.call_id)
            if not found or found[-1].role != "assistant":
                found.append(Message(role="assistant"))
            found[-1].tool_calls = [*(found[-1].tool_calls or []), _call(item)]
        elif isinstance(item, MessageItem):
            found.append(Message(role=item.role, content=item.text))
    if not items:
        raise invalid("Missing required parameter: 'input'.", "input", "missing_required_parameter")
    if not found:
        raise invalid("'input' has reasoning alone, which is kept and not read here; send a message, too.", "input")
    if len(found) > MAX_MESSAGES:
        raise invalid(f"the conversation has {len(found)} messages; there may be {MAX_MESSAGES}", "input")
    return found


def check_answered(items: Sequence[Item]) -> None:
    """Check that every function call has its output, since an answer to half a turn is of no use.

    Raises:
        ApiError: 400, naming the first call without one.
    """
    waiting: dict[str, None] = {}  # a set in the order of the calls
    for item in items:
        if isinstance(item, FunctionCallItem):
            waiting[item.call_id] = None
        elif isinstance(item, FunctionCallOutputItem):
            waiting.pop(item.call_id, None)
    if (call_id := next(iter(waiting), None)) is not None:
        raise invalid(f"No tool output found for function call {call_id}.", "input")


def _call(item: FunctionCallItem) -> ToolCall:
    return ToolCall(id=item.call_id, function=CalledFunction(name=item.name, arguments=item.arguments))


def without_oldest(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """The conversation without its oldest message, without its two oldest, and so on, but for those of the system.

    What is left begins with no function's output, and has the newest message.
    """
    start = next((place for place, each in enumerate(messages) if each.role not in {"system", "developer"}), 0)
    for place in range(start + 1, len(messages)):
        if messages[place].role != "tool":
            yield [*messages[:start], *messages[place:]]
