"""A password or PIN that answers the question for it, in the next turn or the next line."""

from __future__ import annotations

import json

import pytest

from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.secret_finder import secrets

# ruff: noqa: RUF001 - signs of other scripts


def found(text: str) -> list[str]:
    return [each.value for each in find_in(text, secrets())]


def chat(question: str, answer: str) -> str:
    turns = [("user", "Hello"), ("assistant", question), ("user", answer)]
    return json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]}, ensure_ascii=False)


@pytest.mark.parametrize(
    ("question", "answer", "value"),
    [
        ("What is your password?", "hunter2x", "hunter2x"),
        ("Please enter your password.", "It's Sommer2024!", "Sommer2024!"),
        ("Wie lautet Ihr Passwort?", "Es ist Sonne77x.", "Sonne77x"),
        ("¿Cuál es tu contraseña?", "gato_1984", "gato_1984"),
        ("Введите пароль:", "Kot2024x", "Kot2024x"),
        ("请输入密码：", "abc12345", "abc12345"),
        ("パスワードは何ですか？", "neko2024x", "neko2024x"),
        ("What's your PIN?", "4821", "4821"),
    ],
)
def test_answer_to_the_question_for_it_is_found(question: str, answer: str, value: str) -> None:
    assert found(chat(question, answer)) == [value]
    assert found(f"Agent: {question}\nCustomer: {answer}\nAgent: Thanks.") == [value]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How do I reset my password?", "Step2"),
        ("How long must a password be?", "8"),
        ("Which hash is used for the password?", "sha256"),
        ("What is your password?", "I forgot it 3 times."),
        ("What is the password policy?", "NIST-800-63B"),
        ("What is your name?", "anna2024x"),
        ("Classify: I forgot my password?", "label12"),
        ("What is the PIN length?", "4"),
    ],
)
def test_other_answer_stays(question: str, answer: str) -> None:
    assert found(chat(question, answer)) == found(f"Q: {question}\nA: {answer}") == []
