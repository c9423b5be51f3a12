"""Passwords that are plain words are found by their place, and words about passwords are none."""

from __future__ import annotations

import pytest

from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.secret_finder import secrets


def found(text: str) -> list[str]:
    return [text[each.start : each.end] for each in find_in(text, secrets())]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('passphrase: "correct horse battery staple"', "correct horse battery staple"),
        ('{"passphrase": "Correct Horse Battery Staple"}', "Correct Horse Battery Staple"),
        ("My passphrase: correct horse battery staple", "correct horse battery staple"),
        ("The backup passphrase is “violet umbrella cactus”.", "violet umbrella cactus"),
        ("the passphrase is correct-horse-battery-staple", "correct-horse-battery-staple"),
        ("my password is monkey1", "monkey1"),
        ("My password is swordfish.", "swordfish"),
        ("My Wi-Fi password is sunflower, see you", "sunflower"),
        ("My password is 'Dolphin'.", "Dolphin"),
        ("**Password:** sunshine", "sunshine"),
        ("Password: Sunshine", "Sunshine"),
        ("The wifi password: bluebird", "bluebird"),
        ("Admin password: thunder\nUser: anna", "thunder"),
        ("Mein Passwort: sonnenblume", "sonnenblume"),
        ("Мой пароль: солнышко", "солнышко"),
        ("Use password trustno1 to log in", "trustno1"),
        ("my bank pin is 4829", "4829"),
        ("My Password Is Monkey1", "Monkey1"),
    ],
)
def test_plain_word_in_its_place_is_a_password(text: str, secret: str) -> None:
    assert found(text) == [secret]


@pytest.mark.parametrize(
    "text",
    """the password is required|The password is incorrect.|my password is not working|Password: required
    My password is lost.|my password is expired|my password is longer.|Our password is english.
    My password was accepted.|my password manager is bitwarden|Our guest password is posted at reception.
    my password is case-sensitive|My password is a secret.|admin password: prompt|root password: hashed
    temporary password: expires|WiFi password: unknown|my password: settings|My Password: View|My password: Forgot?
    Password: Strength meter|Mein Passwort: vergessen|mi contraseña: olvidada
    mon mot de passe : oublié|Мой пароль: неверный|мой пароль: забыт
    passphrase: "Choose three random words"|passphrase: "enter your passphrase"|Passphrase: leave blank for none
    The passphrase is used for encryption only|passphrase: "optional for unencrypted keys"|my pin cushion
    the passphrase is three random words|Passphrase: at least twenty characters|Password: Optional|Pin 1234 nails here
    my password is fine|My password is gone|Password: Reset link|push pin 4 is 2000""".replace("\n", "|").split("|"),
)
def test_word_about_passwords_is_none(text: str) -> None:
    assert found(text.strip()) == []
