"""A secret loses its value alone: not the rest of its line, its quotes, or what stands beside it."""

from __future__ import annotations

import pytest

from fine_tuning.datasets.privacy.assigned_secrets import find

VALUE = "Zx9kk77q"
KEY = "Zx9kk77qAb3deZx9"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (f"PASSWORD={VALUE} ./start.sh --port 80", [VALUE]),
        (f"MYSQL_PWD={VALUE} mysqldump app > app.sql", [VALUE]),
        (f"password={VALUE} user=bob host=h", [VALUE]),
        (f"pw={VALUE} (old)", [VALUE]),
        (f"password: {VALUE} (old)", [VALUE]),
        ("contraseña=Ab3de$kkk9 diecisiete", ["Ab3de$kkk9"]),
        (rf'Log: "password: {VALUE}\nuser: bob"', [VALUE]),
        (rf"printf 'password: {VALUE}\n'", [VALUE]),
        (f"ALTER USER bob WITH PASSWORD '{VALUE}';", [VALUE]),
        (f'set password "{VALUE}" now', [VALUE]),
        (f"Use DB_PASSWORD={VALUE} and DB_USER=bob.", [VALUE]),
        (f"Set SECRET_KEY={KEY} in the file", [KEY]),
        (f"secret={KEY} and token=Y{KEY}", [KEY, f"Y{KEY}"]),
        (f"passwords: [{VALUE}, Ab3de$kkk9]", [VALUE, "Ab3de$kkk9"]),
        (f'{{"password": "Zx9 {VALUE}!"}}', [f"Zx9 {VALUE}!"]),
        ('{"password": "blue horse 7"}', ["blue horse 7"]),
        ('{"password": "Must be 8 letters"}', []),
        ('{"password": "Minimum 12 signs"}', []),
        ("password = get_password(user)", []),
        ("password=x1y2z3 if debug else None", []),
        ("password=abc123 + salt", []),
        ("passwords: [first, second]", []),
        ("tokens = [word1, word2]", []),
    ],
)
def test_find_of_a_named_secret_has_its_value_alone(text: str, values: list[str]) -> None:
    assert [text[start:end] for start, end, _ in find(text)] == values
