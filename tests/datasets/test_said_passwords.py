"""Passwords behind a word such as `is` are masked whole in any language, whatever signs they have."""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

import time

import pytest

from fine_tuning.datasets.privacy.found import masked
from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.secret_finder import secrets

SENTENCES = """The password is @|my password is now @ and it works|I set the password to @|Use the password @ please
The new password for the server is @|Das Passwort lautet @|Das Kennwort heißt @|Le mot de passe est @
mon mot de passe c'est @|La contraseña será @|A senha do servidor é @|La mia password è @|het wachtwoord luidt @
Hasło to @|hasło brzmi @|moje heslo zní @|Пароль — это @|мой пароль @|пароль це @|Пароль до сервера це @|пароль є @
Ο κωδικός μου είναι @|Şifrem @|Mật khẩu của tôi là @|kata sandinya adalah @|كلمة المرور هي @|הסיסמה שלי היא @
मेरा पासवर्ड @ है|পাসওয়ার্ড হচ্ছে @|รหัสผ่านของฉันคือ @|服务器的密码是@|パスワードは@です|비밀번호는 @ 입니다
Lösenordet är @|密码：@
Salasana on @|Parola este @|Lozinka glasi @|Паролата е @|رمز عبور @ است""".replace("\n", "|").split("|")
VALUES = [
    "Tr0ub4dor&3",
    "P@ss(word)1",
    "kL)9xLm&2",
    "qW3{rT}y7",
    "xX;Y7k,L9p",
    "Ab<12>cdE",
    "R&(9)d#kQ2",
    "Horse|Battery9",
]
PUBLIC = """my password is expired|my password is not working|The password is case-sensitive|password: z.string().min(8)
the password is hashed(sha256) before it is stored|The password is stored in users(password_hash)|Şifre en az 8 karakter
Password must be 8+ chars (1 upper, 1 digit)|the password is get_password(user)|password is SHA-256(salt+password)
The password is ${DB_PASSWORD1}|The password is <your-password1>|the password is sent to anna@example.com
the password is at https://example.com/reset?a=1&b=2|Das Passwort ist falsch (Fehlercode E1234)|密码是由A-Z和0-9组成
Le mot de passe est incorrect (erreur 403)|A senha é obrigatória(8-16)|Пароль должен содержать A-Z, 0-9
пароль це обов'язково|Mật khẩu là bắt buộc (tối thiểu 8)|รหัสผ่านคือ 8 ตัวอักษร|パスワードはSHA256でハッシュ化
비밀번호는 SHA-256으로 저장
if password == hash(pw): return|password is not Hash256(x)
password is salted+hashed(SHA1)|The password field is #password1|hasło jest wymagane(8-16)
The password policy is NIST800-63B|the password manager is 1Password|כדי לשנות: הסיסמה היא חובה""".replace(
    "\n", "|"
).split("|")


@pytest.mark.parametrize("sentence", SENTENCES)
def test_said_password_is_masked_whole_and_alone(sentence: str) -> None:
    for value in VALUES:
        for end in ("", ".", ", ok"):
            text = sentence + end
            found = find_in(text.replace("@", value), secrets())
            assert masked(text.replace("@", value), found) == text.replace("@", "<PASSWORD>")


@pytest.mark.parametrize("text", PUBLIC)
def test_sentence_about_a_password_stays(text: str) -> None:
    assert find_in(text, secrets()) == []


@pytest.mark.parametrize("part", ["a(", "(b) ", "пароль ", "password is ", "x<1>", "пароль это a(", "sk-a-", "AAAA"])
def test_long_text_is_searched_in_linear_time(part: str) -> None:
    def seconds(length: int) -> float:
        text = "my password is " + part * (length // len(part))
        started = time.process_time()
        find_in(text, secrets())
        return time.process_time() - started

    seconds(1_000)
    assert seconds(20_000) < 30 * seconds(2_000) + 0.05
