"""The words for password and API key in the languages of the world."""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

import re
import unicodedata

_PASSWORDS = (
    "passwort", "kennwort", "contraseña", "contrasenya", "contrasinal", "senha", "palavra-passe",
    "wachtwoord", "hasło", "haslo", "heslo", "geslo", "lozinka", "zaporka", "jelszó", "parolă", "parola",
    "parool", "parol", "şifre", "şifreniz", "şifrem", "şifresi", "şifren", "parolası",
    "parolanız", "parolam", "şifrə", "mot de passe", "mdp", "lösenord", "passord",
    "adgangskode", "kodeord", "salasana", "lösenordet", "passordet", "adgangskoden", "kodeordet", "salasanani",
    "jelszavam", "jelszava", "كلمه المرور", "كلمه السر", "كلمة مرور", "lykilorð", "slaptažodis", "pasahitza",
    "kata sandi", "la contra", "mi contra", "tu contra",
    "kata sandinya", "kata sandiku", "kata sandimu",
    "parola d'ordine", "비번", "রহস্য শব্দ", "संकेतशब्द",
    "пароли", "паролю", "κωδικό", "κωδικού", "הסיסמה", "סיסמת", "الباسورد",
    "kata laluan", "mật khẩu", "nenosiri", "пароль", "пароля", "паролем", "парола",
    "паролата", "лозинка", "лозинката",
    "құпиясөз", "κωδικός πρόσβασης", "κωδικός", "συνθηματικό", "գաղտնաբառ", "პაროლი", "סיסמה",
    "סיסמא", "كلمة المرور", "كلمة السر", "كلمة مرور", "رمز عبور", "گذرواژه", "پاس ورڈ", "پاسورد",
    "पासवर्ड", "कूटशब्द", "পাসওয়ার্ড", "ਪਾਸਵਰਡ", "પાસવર્ડ", "கடவுச்சொல்", "పాస్\u200cవర్డ్",
    "ಪಾಸ್\u200cವರ್ಡ್", "പാസ്\u200cവേഡ്", "මුරපදය", "รหัสผ่าน", "ລະຫັດຜ່ານ", "ពាក្យសម្ងាត់", "စကားဝှက်", "密码",
    "密碼", "口令", "パスワード", "パスコード", "暗証番号", "비밀번호", "패스워드", "암호",
    "የይለፍ ቃል", "ሚስጥር ቃል", "palabra de paso", "palabra secreta", "palavra passe", "palavras-passe", "mots de passe",
    "parola chiave", "parola d'accesso", "zugangspasswort", "losungswort", "wagwoord", "hasłem", "паролі", "паролів",
    "пароле", "пассворд", "пасс", "кодовое слово", "құпия сөз", "нууц үг", "кілтсөз", "maxfiy so'z", "fjalëkalimi",
    "fjalëkalim",
    "通行码", "通行碼", "合言葉", "暗証", "비밀 번호", "कूट शब्द", "कुटशब्द", "गुप्तशब्द", "गुप्त शब्द", "पारण शब्द", "संकेत शब्द",
    "गोपनीय शब्द", "गोप्यशब्द", "परवलीचा शब्द", "पासकोड", "গোপন শব্দ", "গুপ্তশব্দ", "সংকেত শব্দ", "পাসকোড",
    "ਗੁਪਤ ਸ਼ਬਦ", "ગુપ્ત શબ્દ",
    "రహస్యపదం", "రహస్య పదం", "సంకేతపదం", "கடவுச் சொல்", "பாஸ்வேர்ட்", "பாஸ்வேர்டு", "ಗುಪ್ತಪದ", "രഹസ്യവാക്ക്", "පාස්වර්ඩ්",
    "รหัสลับ", "พาสเวิร์ด", "كلمة سر", "كلمه سر", "باسورد", "باسوورد", "رمز المرور", "رمز الدخول", "کلمه عبور", "کلمه رمز",
    "گذر واژه", "پسورد", "پسوورد", "پاسورڈ", "خفیہ لفظ", "خفیہ کوڈ", "neno la siri", "neno siri", "nywila",
    "kalmar sirri", "kalmar wucewa", "ọrọ aṣina", "ọ̀rọ̀ aṣínà", "okwuntughe", "iphasiwedi", "kontrasenyas",
    "tembung sandi", "ססמה", "cyfrinair", "pasfhocal", "loyniorð", "passwuert", "parolim", "parolum",
    "รหัสเข้าใช้งาน", "รหัสเข้าระบบ",
)  # fmt: skip
# Words that also mean key, code or cipher: what follows is only a password if it looks like nothing else.
_ACCESS_CODES = (
    "clave", "claves", "clave de acceso", "chave de acesso", "código de acesso", "código de acceso", "code d'accès",
    "clé d'accès", "clé wifi", "clef wifi", "chiave di accesso", "chiave d'accesso", "codice di accesso", "zugangscode",
    "wlan-schlüssel", "netzwerkschlüssel", "toegangscode", "код доступа", "код доступу", "šifra", "шифра", "parole",
    "гасло", "hasła", "hesla", "sandi", "رمز", "الرقم السري", "mật mã", "code wifi", "รหัส",
    "รหัสไวไฟ", "パス", "lösen",
)  # fmt: skip
_KEYS = (
    "ключ", "schlüssel", "schluessel", "sleutel", "klucz", "klíč", "kľúč", "kulcs", "clé", "clave",
    "anahtarı", "anahtar", "nyckel", "nøgle", "nøkkel", "avain", "キー", "키", "密钥", "密鑰", "金鑰",
    "κλειδί", "कुंजी", "مفتاح", "khóa", "คีย์",
)  # fmt: skip
_KEYS_BEFORE = (
    "ключ", "klucz", "klíč", "clé", "clave", "chave", "chiave", "cheie", "kunci", "khóa", "κλειδί",
    "مفتاح", "คีย์",
)  # fmt: skip
_TOKENS = ("令牌", "權杖", "トークン", "토큰", "токен", "jeton", "رمز الوصول", "टोकन", "โทเค็น")
_SECRETS = (
    "секрет", "секретный ключ", "geheimnis", "geheimschlüssel", "zugangsschlüssel", "zugriffsschlüssel", "secreto",
    "clave secreta", "clé secrète", "chave secreta", "chiave segreta", "segredo", "gizli anahtar", "シークレット",
    "秘密鍵", "비밀키", "비밀 키", "المفتاح السري",
)  # fmt: skip
LABELS = (
    r"обязат|неверн|введ|минимум|забы|скрыт|缺失|必填|必须|必需|请|請|错误|錯誤|无效|無效|为空|必須|入力|無効|未設定|필수|입력|오류"
    r"|잘못|erford|gültig|größ|länge|oblig|inv[áàa]lid|requis|ungült|falsch|gerekli|geçersiz"
    r"|مطلوب|required|ज़रूरी|आवश्यक|จำเป็น|bắt buộc"
    r"|נדרש|חובה|απαιτ|υποχρ|wymag|povinn|kötelez"
)
"""A pattern of words of the texts that forms have beside the field of a password."""


def spellings(word: str) -> set[str]:
    """A word as texts write it: composed, decomposed, without the marks of Latin letters, as the name of a field."""
    if " " in word:
        joined = {word.replace(" ", sign) for sign in ("_", "-", "", "\u200c")}
        return set().union(*map(spellings, joined), _spellings(word))
    return _spellings(word)


def _spellings(word: str) -> set[str]:
    plain = "".join(each for each in unicodedata.normalize("NFD", word) if not unicodedata.combining(each))
    joiner = "\u200c"  # which many leave out
    forms = {unicodedata.normalize(form, each) for form in ("NFC", "NFD") for each in (word, word.replace(joiner, ""))}
    return forms | {plain} if plain.isascii() and plain not in {"cle", "kod"} else forms


def _needles(words: tuple[str, ...]) -> tuple[str, ...]:
    """The spellings that contain no other one."""
    forms = {each.lower() for word in words for each in spellings(word)}
    return tuple(sorted(word for word in forms if not any(other in word for other in forms if other != word)))


def _pattern(words: tuple[str, ...]) -> str:
    """The longest first, since one word begins with another."""
    return _tree({each for word in words for each in spellings(word)})


def _tree(words: set[str]) -> str:
    """A pattern that reads each beginning of words once: of hundreds in a row, each would be tried at each place."""
    heads = sorted({word[0] for word in words if word})
    tails = (_tree({word[1:] for word in words if word[:1] == head}) for head in heads)
    branches = [re.escape(head) + tail for head, tail in zip(heads, tails, strict=True)]
    if len(branches) == 1 and "" not in words:
        return branches[0]
    return f"(?:{'|'.join(branches)}){'?' if '' in words else ''}" if branches else ""


PASSWORDS = _pattern(_PASSWORDS)
"""A pattern of the words for password but the English ones; in small letters, as the next."""
ACCESS_CODES = _pattern(_ACCESS_CODES)
"""A pattern of the words for a password that have other meanings, too."""
API_KEYS = rf"api[-_ ]?(?:{_pattern(_KEYS)})|(?:{_pattern(_KEYS_BEFORE)})(?:[ -](?:de|d'|da|do|dell'))?[ -]?(?:l')?api"
"""A pattern of the words for API key but the English ones."""
TOKENS, SECRETS = _pattern(_TOKENS), _pattern(_SECRETS)
"""Patterns of the words for token and secret but the English ones."""
NEEDLES = _needles((*_PASSWORDS, *_ACCESS_CODES, *_KEYS, *_KEYS_BEFORE, *_TOKENS, *_SECRETS))
"""A text with such a name contains one of these."""
ASCII_NEEDLES = tuple(filter(str.isascii, NEEDLES))
