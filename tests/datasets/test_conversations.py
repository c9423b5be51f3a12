"""Chats that are logged at every turn: the longest state stays, and none of them is in two splits."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fine_tuning import DatasetBuilder
from fine_tuning.data_io.messages import Message
from fine_tuning.datasets import conversations, turns
from tests.datasets.test_building import build, lines_of, question, rows_of, write

GREETING = [("Hi there", "Hello! What can I do for you today?")]


def row(exchanges: list[tuple[str, str]], *before: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = [
        {"role": role, "content": text}
        for exchange in exchanges
        for role, text in zip(("user", "assistant"), exchange, strict=True)
    ]
    return {"messages": [*before, *said], **more}


def talk(number: int, length: int = 4) -> list[tuple[str, str]]:
    return [(f"{question(number * 7 + at)} {number} {at}", f"Behind hill {number}, {at}.") for at in range(length)]


def log(number: int, length: int = 4, **more: Any) -> list[dict[str, Any]]:
    return [row(talk(number, length)[:until], **more) for until in range(1, length + 1)]


def splits_of(made: dict[str, Any]) -> dict[str, set[str]]:
    """The splits that each chat, which its last answer names, is in."""
    found: dict[str, set[str]] = {}
    for part in made["parts"]:
        for each in lines_of(made, made["parts"][part]["file"]):
            found.setdefault(each["messages"][-1]["content"].split(",")[0], set()).add(part)
    return found


def test_build_growing_chats_keep_the_last_state(tmp_path: Path) -> None:
    rows = [each for number in range(12) for each in log(number)]
    random.Random(1).shuffle(rows)
    file = write(tmp_path / "rows.jsonl", rows)
    made = build("log", file, validation=0, test=0)
    assert made["steps"] == {"continued chats": 36}
    assert made["counts"]["duplicates"] == 36
    assert [len(each["messages"]) for each in rows_of(made)] == [8] * 12
    left = lines_of(made, "left-out.jsonl")
    assert {each["why"] for each in left} == {"continued"}
    assert {len(rows[each["kept_line"] - 1]["messages"]) for each in left} == {8}
    assert build("all", file, near_duplicates=None)["counts"]["kept"] == 48


def test_build_continued_row_that_is_trained_on_otherwise_is_kept(tmp_path: Path) -> None:
    rows = log(1, 2) + [each for number in range(2, 12) for each in log(number, 2)]
    rows[1]["messages"][1]["weight"] = 0  # the first answer is not learnt from the longer row
    assert build("weights", write(tmp_path / "rows.jsonl", rows), test=0)["counts"]["kept"] == 12


def test_build_ids_of_conversations_win(tmp_path: Path) -> None:
    rows = [each for number in range(12) for each in log(number, 2)]
    for number, each in enumerate(rows):
        each["metadata"] = {"session_id": number}
    made = build("ids", write(tmp_path / "rows.jsonl", rows), validation=0, test=0)
    assert made["counts"]["kept"] == 24
    for each in rows:
        each["metadata"] = {"session_id": each["messages"][0]["content"]}
    assert build("same", write(tmp_path / "rows.jsonl", rows), test=0)["counts"]["kept"] == 12


@pytest.mark.parametrize("window", [2, 3, 4, 5])
def test_build_sliding_windows_and_changing_system_messages_stay_in_one_split(tmp_path: Path, window: int) -> None:
    rows = []
    for number in range(20):
        said = row(talk(number, 6))["messages"]
        for until in range(2, len(said) + 1, 2):
            date = {"role": "system", "content": f"Today is day {number} {until}."}
            rows.append({"messages": [date, *said[max(0, until - window - 1) : until]]})
    made = build("window", write(tmp_path / "rows.jsonl", rows), test=0.2, validation=0.2)
    where = splits_of(made)
    assert len(where) == 20
    assert all(len(parts) == 1 for parts in where.values())


@pytest.mark.parametrize("size", [2, 3, 5, 6])
def test_build_log_of_the_last_messages_stays_beside_the_whole_chat(tmp_path: Path, size: int) -> None:
    chats = [row(talk(number, 6))["messages"] for number in range(20)]
    rows = [{"messages": messages} for chat in chats for messages in (chat, chat[-size:])]
    where = splits_of(build("tail", write(tmp_path / "rows.jsonl", rows), test=0.3, validation=0))
    assert [len(parts) for parts in where.values()] == [1] * 20
    found = conversations.groups([each["messages"] for each in rows], [None] * 40)
    assert [found[at] == found[at + 1] for at in range(0, 40, 2)] == [True] * 20
    assert len(set(found)) == 20


@pytest.mark.parametrize("is_assistant_first", [True, False])
def test_build_greeting_makes_no_conversation(tmp_path: Path, is_assistant_first: bool) -> None:
    first = [{"role": "assistant", "content": "Welcome to our shop of lamps, how may I help?"}]
    rows = [row([*GREETING, *talk(n, 1)], *(first if is_assistant_first else [])) for n in range(40)]
    made = build("hello", write(tmp_path / "rows.jsonl", rows), validation=0.1, test=0.2)
    assert {name: part["rows"] for name, part in made["parts"].items()} == {"train": 28, "validation": 4, "test": 8}
    assert made["findings"] == []


SCRIPTED = [(f"line {at} that every caller of the shop reads out", f"reply {at} that they all get") for at in range(4)]
MENU = [("Hi", "Choose a or b."), ("{a}", "{a} it is. Choose c or d."), ("{b}", "What do you want to know?")]


@pytest.mark.parametrize("opening", [[*GREETING, ("I have a question", "Sure, go ahead!")], SCRIPTED, MENU])
@pytest.mark.parametrize("asked", ["{question}", "lamp {number}"])
@pytest.mark.parametrize("is_logged_at_every_turn", [True, False])
def test_build_common_opening_of_any_length_makes_no_conversation(
    tmp_path: Path, opening: list[tuple[str, str]], asked: str, is_logged_at_every_turn: bool
) -> None:
    rows = []
    for number in range(40):
        chosen = {"a": "ab"[number % 2], "b": "cd"[number // 2 % 2]}
        before = [(user.format(**chosen), bot.format(**chosen)) for user, bot in opening]
        text = asked.format(question=question(number), number=number)
        said = [*before, (text, f"Behind hill {number}, it is."), *talk(number, 1)]
        rows += [row(said[:until]) for until in range(1 if is_logged_at_every_turn else len(said), len(said) + 1)]
    file = write(tmp_path / "rows.jsonl", rows)
    made = build("opening", file, validation=0.1, test=0.2)
    assert {name: part["rows"] for name, part in made["parts"].items()} == {"train": 28, "validation": 4, "test": 8}
    assert made["findings"] == []
    assert made["counts"]["kept"] == 40


def test_groups_of_chats_part_after_a_common_opening_only() -> None:
    opened = [row([*SCRIPTED, *talk(number, 2)[:until]])["messages"] for number in range(20) for until in (1, 2)]
    chats = conversations.groups(opened, [None] * 40)
    assert [chats[at] == chats[at + 1] for at in range(0, 40, 2)] == [True] * 20
    assert len(set(chats)) == 20


def test_groups_of_a_chat_with_edited_questions_is_one_conversation() -> None:
    long = talk(1, 6)
    edited = [row([*long[:at], (f"Or rather {at} {n}", "So.")])["messages"] for at in (1, 3, 5) for n in range(2)]
    assert set(conversations.groups([*edited, row(long)["messages"]], [None] * 7)) == {0}


@pytest.mark.parametrize("length", [1, 3])
def test_build_answers_given_again_are_of_one_chat(tmp_path: Path, length: int) -> None:
    rows = []
    for number in range(20):
        chat = talk(number, length)
        (asked, answer), last = chat[0], chat[-1]
        again = [(asked, f"{answer} Or rather hill {number + 100}."), *chat[1:], (f"Why, {number}?", "That is so.")]
        rows += [row(chat), row(again), row([*chat[:-1], (last[0], f"Again {last[1]}"), ("Since when?", f"{number}")])]
    made = build("again", write(tmp_path / "rows.jsonl", rows), validation=0.1, test=0.2, near_duplicates=None)
    found: dict[str, set[str]] = {}
    for part in made["parts"]:
        for each in lines_of(made, made["parts"][part]["file"]):
            found.setdefault(each["messages"][0]["content"], set()).add(part)
    assert len(found) == 20
    assert all(len(parts) == 1 for parts in found.values())


def test_greeting_with_a_few_answers_makes_no_conversation() -> None:
    greeted = [row([("Hi", f"Hello {number % 3}"), *talk(number, 2)])["messages"] for number in range(30)]
    assert len(set(conversations.groups(greeted, [None] * 30))) == 30


def test_build_empty_split_is_reported(tmp_path: Path) -> None:
    rows = [row(talk(n, 1), metadata={"session_id": "one"}) for n in range(40)]
    made = build("one", write(tmp_path / "rows.jsonl", rows), validation=0.1, test=0.2)
    (found,) = made["findings"]
    assert (found["code"], found["severity"]) == ("uneven-splits", "warning")
    assert "validation has 0 instead of 4, test has 0 instead of 8; 40 of them belong together" in found["message"]


def test_build_last_questions_of_a_long_chat_are_different_questions(tmp_path: Path) -> None:
    long = talk(0, 8)
    asked = ["What does it cost?", "Who made it?", "what does it cost"]
    edited = [(f"{long[0][0]}!", f"{long[0][1]} Yes."), *long[1:]]  # no state in common, much the same words
    ends = [
        row([*before, (text, f"It is so {at}.")])
        for at, (before, text) in enumerate([(long, asked[0]), (edited, asked[1]), (edited, asked[2])])
    ]
    others = [row(talk(n, 1)) for n in range(1, 11)]
    made = build("ends", write(tmp_path / "rows.jsonl", ends + others), validation=0.2, test=0.2)
    assert made["steps"] == {"near-duplicates": 1}
    where = {part for part in made["parts"] for each in rows_of(made, part) if "It is so" in str(each)}
    assert len(where) == 1


def test_find_leaks_of_a_continued_chat_are_reported(tmp_path: Path) -> None:
    first = write(tmp_path / "train.jsonl", [log(number)[3] for number in range(5)])
    second = write(tmp_path / "test.jsonl", [log(2)[1], log(7)[0]])
    found = DatasetBuilder().find_leaks(str(first), str(second))
    assert (found["leaking"], found["counts"]) == (1, {"same conversation": 1})


CHATS = st.lists(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=4), min_size=1, max_size=8
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHATS, st.randoms(use_true_random=False))
def test_build_states_of_a_chat_are_in_one_split_in_any_order(
    tmp_path: Path, chats: list[list[tuple[int, int]]], chance: random.Random
) -> None:
    rows = [
        row([(f"{question(a)} {chat}", f"Behind hill {chat}, {b}") for a, b in said[:until]])
        for chat, said in enumerate(chats)
        for until in range(1, len(said) + 1)
    ]
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        choices: dict[str, Any] = {"near_duplicates": None, "validation": 0.2, "test": 0.3}
        made = build("some", write(Path(folder) / "rows.jsonl", rows), **choices)
        assert all(len(parts) == 1 for parts in splits_of(made).values())
        before = {part: sorted(map(str, lines_of(made, made["parts"][part]["file"]))) for part in made["parts"]}
        chance.shuffle(rows)
        again = build("some", write(Path(folder) / "rows.jsonl", rows), **choices)
        assert {
            part: sorted(map(str, lines_of(again, again["parts"][part]["file"]))) for part in again["parts"]
        } == before


def asked_weather(place: str, arguments: str, call: str, *, told: str = '{"sky": "clear", "at": 1767225600}') -> Any:
    """An exchange of an agent: question, call, result."""
    function = {"name": "get_weather", "arguments": arguments}
    return [
        {"role": "user", "content": f"How is the weather at {place} this evening?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": call, "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": call, "content": told},
    ]


REWRITTEN = [
    ('{"place": "fjord", "days": 1}', '{"days":1,"place":"fjord"}'),
    ('{"place": "fjord", "days": 1.0}', '{"days": 1, "place": "fjord", "unit": null}'),
    ('{"at": "2026-03-01T10:00:00Z", "place": "fjord"}', '{"place": "fjord", "at": "2026-03-01T10:04:31.25Z"}'),
    ('{"request_id": "a-1", "near": {"b": 2, "a": [1]}}', '{"near": {"a": [1.0], "b": 2}, "request_id": "a-2"}'),
    (
        '{"ts": 1767225600.5, "query": "{\\"a\\": 1, \\"b\\": 2}"}',
        '{"query": "{\\"b\\":2,\\"a\\":1}", "ts": 1767225700}',
    ),
    ('{"place": "fj\\u00f8rd"}', '{"place": "fjørd"}'),
]


@pytest.mark.parametrize(("first", "later"), REWRITTEN)
def test_build_calls_written_anew_are_the_same_chat(tmp_path: Path, first: str, later: str) -> None:
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]
    rows: list[dict[str, Any]] = []
    for number in range(12):
        opening = asked_weather(f"hill {number}", first, f"call_{number}")
        again = asked_weather(f"hill {number}", later, f"toolu_{number}", told='{"at":1767229999,"sky":"clear"}')
        again[1]["content"] = ""
        answer = {"role": "assistant", "content": f"Clear above hill {number}."}
        more = row(talk(number, 1))["messages"]
        rows += [{"messages": said, "tools": tools} for said in (opening[:2], [*again, answer])]
        rows.append({"messages": [*opening, answer, *more], "tools": tools})
    file = write(tmp_path / "rows.jsonl", rows)
    made = build("anew", file, validation=0, test=0)
    assert made["steps"] == {"continued chats": 24}
    assert [len(each["messages"]) for each in rows_of(made)] == [6] * 12
    parts = build("all", file, near_duplicates=None, test=0.25, validation=0.25)
    where: dict[str, set[str]] = {}
    for part in parts["parts"]:
        for each in rows_of(parts, part):
            where.setdefault(each["messages"][0]["content"], set()).add(part)
    assert [len(found) for found in where.values()] == [1] * 12


def test_build_calls_with_other_arguments_are_other_chats(tmp_path: Path) -> None:
    rows = [
        {"messages": asked_weather("home", f'{{"place": "{place}", "days": {days}}}', "call_1")[:until]}
        for place, days in (("fjord", 1), ("fjord", 2), ("inlet", True))
        for until in (2,)
    ]
    longer = asked_weather("home", '{"place": "grove", "days": 1}', "call_1")
    rows.append({"messages": [*longer, {"role": "assistant", "content": "Clear above the grove tonight."}]})
    file = write(tmp_path / "rows.jsonl", rows)
    assert "continued chats" not in build("other", file, validation=0, test=0)["steps"]


@pytest.mark.parametrize("content", [None, ""])
def test_states_of_different_refusals_differ(content: str | None) -> None:
    asked: Message = {"role": "user", "content": "How is it made?"}
    refusals: list[Message] = [
        {"role": "assistant", "content": content, "refusal": text} for text in ("I cannot.", "Not that.")
    ]
    assert [turns.texts([each]) for each in refusals] == [["I cannot."], ["Not that."]]
    first, second = (turns.states([asked, each]).whole for each in refusals)
    assert first != second
    assert first == turns.states([asked, {"role": "assistant", "content": "I cannot."}]).whole
    longer = [turns.states([asked, each, asked, refusals[0]]).starts for each in refusals]
    assert longer[0] != longer[1]


@pytest.mark.parametrize("count", [4, 5, 8, 10])
@pytest.mark.parametrize("opening", [GREETING, [*GREETING, ("I have a question", "Sure, go ahead!")]])
@pytest.mark.parametrize("bots", [1, 3])
@pytest.mark.parametrize("is_logged_at_every_turn", [True, False])
def test_groups_of_a_few_chats_with_one_greeting_are_different(
    count: int, opening: list[tuple[str, str]], bots: int, is_logged_at_every_turn: bool
) -> None:
    found = []
    for number in range(count * bots):
        greeting = [(f"{user} {number // count}", f"{bot} {number // count}") for user, bot in opening]
        said = [*greeting, *talk(number, 2)]
        logged = range(len(opening) + 1 if is_logged_at_every_turn else len(said), len(said) + 1)
        found.append([row(said[:until])["messages"] for until in logged])
    chats = conversations.groups([each for rows in found for each in rows], [None] * sum(map(len, found)))
    assert chats == [number for number, rows in enumerate(found) for _ in rows]


def test_build_few_chats_with_one_greeting_fill_the_test_split(tmp_path: Path) -> None:
    greetings = [("Hi", "Hello! How can I help?"), ("Good morning", "Good morning! What can I do for you?")]
    rows = [row([greetings[number // 10], *talk(number, 1)]) for number in range(20)]
    made = build("hello", write(tmp_path / "rows.jsonl", rows), validation=0, test=0.2)
    assert (made["parts"]["test"]["rows"], made["findings"]) == (4, [])


@pytest.mark.parametrize("edits", [2, 3, 5, 8])
def test_groups_of_a_long_chat_with_one_question_edited_often_is_one_conversation(edits: int) -> None:
    edited = [row([*talk(1, 3), (f"Or rather {at}", "So."), *talk(at + 2, 1)])["messages"] for at in range(edits)]
    assert set(conversations.groups([*edited, row(talk(1, 3))["messages"]], [None] * (edits + 1))) == {0}


REASONED = [
    "<think>\nHm, {n}.\n</think>\n\n{answer}",
    "Hm, {n}.\n</think>\n\n{answer}",
    "<thinking>Hm.</thinking>{answer}",
    "[THINK]Hm.[/THINK]{answer}",
    "◁think▷Hm.◁/think▷{answer}",
    "<reasoning>a</reasoning>\n<think>b</think>\n{answer}",
]


@pytest.mark.parametrize("reasoned", REASONED)
@pytest.mark.parametrize("is_in_parts", [True, False])
def test_build_answers_whose_reasoning_later_turns_leave_out_are_one_chat(
    tmp_path: Path, reasoned: str, is_in_parts: bool
) -> None:
    rows = [each for number in range(12) for each in log(number, 3)]
    for number, each in enumerate(rows):
        last = each["messages"][-1]
        text = reasoned.format(n=number, answer=last["content"])
        last["content"] = [{"type": "text", "text": text}] if is_in_parts else text
    made = build("thought", write(tmp_path / "rows.jsonl", rows), validation=0, test=0)
    assert made["steps"] == {"continued chats": 24}
    assert [len(each["messages"]) for each in rows_of(made)] == [6] * 12
    assert all("Hm" in str(each["messages"][-1]) or "<think>b" in str(each) for each in rows_of(made))


def test_states_of_reasoning_alone_or_inside_an_answer_or_question_differ() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    asked: Message = {"role": "user", "content": "How is it made?"}
    alone = [
        "<think>a</think>",
        "<think>b</think>",
        "Use <think>a</think> tags.",
        "Use <think>b</think> tags.",
        "<b>a</b>",
    ]
    answers: list[Message] = [{"role": "assistant", "content": text} for text in alone]
    assert len({turns.states([asked, each]).whole for each in answers}) == len(alone)
    questions: list[Message] = [{"role": "user", "content": f"<think>{at}</think> Why?"} for at in range(2)]
    assert len({turns.states([each, answers[0]]).whole for each in questions}) == 2
    calls: list[Any] = [
        {"role": "assistant", "content": text, "tool_calls": [call]} for text in ("<think>a</think>", None)
    ]
    assert len({turns.states([asked, each]).whole for each in calls}) == 1


def with_passages(asked: str, style: int) -> list[dict[str, Any]]:
    """A question with passages, as applications write them."""
    passages = f"Chapter {len(asked)}: {question(len(asked) + 90)} It is said there."
    if style == 0:
        return [{"role": "user", "content": f"Use these passages.\n\n{passages}\n\nQuestion: {asked}\nHelpful answer:"}]
    if style == 1:
        return [{"role": "user", "content": passages}, {"role": "user", "content": asked}]
    return [{"role": "user", "content": [{"type": "text", "text": text} for text in (asked, passages)]}]


def answered_from_documents(number: int, length: int, style: int, greeting: list[tuple[str, str]]) -> list[Any]:
    exchanges = [*greeting, *talk(number, length)]
    rows = []
    for until in range(len(greeting), len(exchanges)):
        before, (asked, answer) = row(exchanges[:until])["messages"], exchanges[until]
        said = [*before, *with_passages(asked, style), {"role": "assistant", "content": answer}]
        rows.append({"messages": said})
    return rows


@pytest.mark.parametrize(("style", "format"), [(0, "openai"), (1, "openai"), (2, "openai"), (0, "sharegpt")])
@pytest.mark.parametrize("greeting", [[], GREETING])
def test_build_chats_with_passages_beside_the_last_question_are_in_one_split(
    tmp_path: Path, style: int, greeting: list[tuple[str, str]], format: Any
) -> None:
    rows = [each for number in range(20) for each in answered_from_documents(number, 3, style, greeting)]
    random.Random(1).shuffle(rows)
    file = write(tmp_path / "rows.jsonl", rows)
    made = build("rag", file, validation=0.2, test=0.3, format=format)
    assert made["counts"]["kept"] == 60
    where: dict[str, set[str]] = {}
    for part in made["parts"]:
        for each in rows_of(made, part):
            last = each["messages"][-1]["content"] if format == "openai" else each["conversations"][-1]["value"]
            where.setdefault(last.split(",")[0], set()).add(part)
    assert [len(parts) for parts in where.values()] == [1] * 20
    groups = conversations.groups([each["messages"] for each in rows], [None] * 60)
    assert sorted(groups.count(each) for each in set(groups)) == [3] * 20


def test_find_leaks_of_a_question_sent_with_passages_are_reported(tmp_path: Path) -> None:
    chats = [answered_from_documents(number, 2, 0, []) for number in range(5)]
    first = write(tmp_path / "train.jsonl", [chat[1] for chat in chats])
    second = write(tmp_path / "test.jsonl", [chats[2][0], answered_from_documents(7, 1, 0, [])[0]])
    found = DatasetBuilder().find_leaks(str(first), str(second))
    assert (found["leaking"], found["counts"]) == (1, {"same conversation": 1})


def test_groups_of_one_answer_to_other_questions_are_other_chats() -> None:
    chats = [row([(f"Shall we sail to island {n} today?", "Yes."), *talk(n, 1)])["messages"] for n in range(40)]
    alone = [row([(f"{talk(n, 1)[0][0]} Shall we?", "Yes.")])["messages"] for n in range(40, 80)]
    assert len(set(conversations.groups([*chats, *alone], [None] * 80))) == 80
