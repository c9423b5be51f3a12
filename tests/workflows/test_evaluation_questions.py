"""Questions of a test file, and the conversations that they are of."""

from __future__ import annotations

from fine_tuning.data_io.messages import Message
from fine_tuning.workflows.evaluation_questions import Question, clusters


def test_clusters_of_questions_are_their_conversations() -> None:
    def chat(*said: str, cluster: str | None = None) -> Question:
        roles = ("user", "assistant")
        messages: list[Message] = [{"role": roles[at % 2], "content": text} for at, text in enumerate(said[:-1])]
        return Question(messages, said[-1], cluster=cluster)

    first = ("Where is my lamp?", "On its way.")
    asked = [
        chat(*first),
        chat(*first, "When does it come?", "Today."),
        chat("where is my lamp", "It was sent."),
        chat("Who are you?", "A shop."),
        chat("How much is it?", "Ten.", cluster="session_id=1"),
        chat("What else?", "Nothing.", cluster="session_id=1"),
    ]
    assert clusters(asked) == ["row=0", "row=0", "row=0", "row=3", "session_id=1", "session_id=1"]
    assert clusters([asked[0], asked[3]]) is None
