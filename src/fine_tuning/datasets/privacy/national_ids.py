"""Numbers that a country gives to a person, such as those of insurances, identity cards and passports.

Most are beside a word or in a field that names them, and stdnum finds their check digits valid: one in ten numbers of
any kind has such a digit. Numbers of firms, such as those for VAT, are public and no personal data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import NamedTuple

Place = tuple[int, int, str]
ID = "national ID number"
INSURANCE = "social security number"  # of the USA


class _Form(NamedTuple):
    """Numbers of one country, or of some that write them alike.

    Attributes:
        words: their names, divided by `|`; a space is also a hyphen, an underscore or nothing, as in names of fields,
            `*` stands for more letters, and capitals for capitals only.
        number: a pattern of how they are written; `~` is a sign that may divide groups.
        checks: modules of stdnum, one of which has to find the number valid; empty for those without a check digit.
        kind: of what is found.
    """

    words: str
    number: str
    checks: tuple[str, ...] = ()
    kind: str = ID


_MBI = "[ac-hj-km-np-rt-y]"  # the letters of Medicare in the USA
_FORMS = (
    _Form("national insurance|nino|ni number|ni no", r"[a-z]{2} ?\d\d ?\d\d ?\d\d ?[a-d]"),
    _Form("nhs", r"\d{3}~\d{3}~\d{4}", ("gb.nhs",)),
    _Form("itin", r"9\d\d~\d\d~\d{4}", ("us.itin",)),
    _Form("SIN|social insurance", r"\d{3}~\d{3}~\d{3}", ("ca.sin",)),
    _Form("tfn|tax file", r"\d{3}~\d{3}~\d{2,3}", ("au.tfn",)),
    _Form("medicare", r"[2-6]\d{3}~\d{5}~\d(?:~[1-9])?", ("au.medicare",)),
    _Form("medicare|mbi", rf"[1-9]{_MBI}[{_MBI[1:-1]}\d]\d-?{_MBI}[{_MBI[1:-1]}\d]\d-?{_MBI}{{2}}\d\d"),
    _Form("ppsn|pps", r"\d{7}[a-w][a-iw]?", ("ie.pps",)),
    _Form("aadhaar|aadhar|uidai|आधार|ஆதார்|ఆధార్|আধার", r"\d{4}~\d{4}~\d{4}", ("in_.aadhaar",)),
    _Form("pan", r"[a-z]{5}\d{4}[a-z]", ("in_.pan",)),
    _Form("cnic", r"\d{5}-?\d{7}-?\d", ("pk.cnic",)),
    _Form("nric|fin", r"[stfgm]\d{7}[a-z]"),
    _Form("mykad|nric|kad pengenalan", r"\d{6}-?\d\d-?\d{4}", ("my.nric",)),
    _Form("ktp|nik", r"\d{16}", ("id.nik",)),
    _Form("cccd|căn cước", r"0\d{11}"),
    _Form("ประจำตัวประชาชน|บัตรประชาชน", r"\d~\d{4}~\d{5}~\d\d~\d", ("th.pin",)),
    _Form("身份证|身份證", r"\d{17}[\dx]", ("cn.ric",)),
    _Form("주민등록번호|주민번호|주민등록 번호", r"\d{6}-?\d{7}", ("kr.rrn",)),
    _Form("マイナンバー|個人番号", r"\d{4}~\d{4}~\d{4}", ("jp.in_",)),
    _Form("cpf", r"\d{3}\.?\d{3}\.?\d{3}[-.]?\d\d", ("br.cpf",)),
    _Form("dni|nie|nif", r"(?:[xyz]-?\d{7}|\d{1,2}\.?\d{3}\.?\d{3})-?[a-z]", ("es.dni", "es.nie")),
    _Form("nif|contribuinte", r"[123]\d\d~\d{3}~\d{3}", ("pt.nif",)),
    _Form("cuil", r"\d\d-?\d{8}-?\d", ("ar.cuit",)),
    _Form("curp", r"[a-z]{4}\d{6}[a-z]{6}[a-z\d]\d", ("mx.curp",)),
    _Form("rut|RUN", r"\d{1,2}\.?\d{3}\.?\d{3}-?[\dk]", ("cl.rut",)),
    _Form("codice fiscale|cod. fisc.|c.f.", r"[a-z]{6}\d\d[a-z]\d\d[a-z]\d{3}[a-z]", ("it.codicefiscale",)),
    _Form(
        "numéro de sécu|sécurité sociale|securite sociale|nir|nss",
        r"[12] ?\d\d ?\d\d ?\d[\dab] ?\d{3} ?\d{3} ?\d\d",
        ("fr.nir",),
    ),
    _Form(
        "steuer id*|steueridentifikationsnummer|identifikationsnummer|idnr",
        r"\d\d ?\d{3} ?\d{3} ?\d{3}",
        ("de.idnr",),
    ),
    _Form("sozialversicherungs*|svnr", r"\d{4} ?\d{6}", ("at.vnr",)),
    _Form("ahv|avs", r"756\.?\d{4}\.?\d{4}\.?\d\d", ("ch.ssn",)),
    _Form("bsn|burgerservice*|sofinummer", r"\d{4}~\d\d~\d{3}|\d{3}~\d{3}~\d{3}", ("nl.bsn",)),
    _Form("rijksregister*|numéro national|registre national", r"\d\d\.?\d\d\.?\d\d-?\d{3}\.?\d\d", ("be.nn",)),
    _Form("personnummer*|personnr", r"(?:\d\d)?\d{6}[-+]?\d{4}", ("se.personnummer",)),
    _Form("fødselsnummer*|fodselsnummer|fødselsnr|personnummer*", r"\d{6} ?\d{5}", ("no.fodselsnummer",)),
    _Form("cpr", r"\d{6}-?\d{4}", ("dk.cpr",)),
    _Form("henkilötunnu*|henkilotunnus|hetu|sotu", r"\d{6}[-+a-f]\d{3}[\da-y]", ("fi.hetu",)),
    _Form("kennital*", r"\d{6}-?\d{4}", ("is_.kennitala",)),
    _Form("pesel*", r"\d{11}", ("pl.pesel",)),
    _Form("rodné čísl*|rodného čísl*|rodne cislo|rč", r"\d{6}/?\d{3,4}", ("cz.rc",)),
    _Form("cnp", r"[1-8]\d{12}", ("ro.cnp",)),
    _Form("егн|egn", r"\d{10}", ("bg.egn",)),
    _Form("oib", r"\d{11}", ("hr.oib",)),
    _Form("emšo|emso", r"\d{13}", ("si.emso",)),
    _Form("isikukood*|asmens kod*", r"[1-6]\d{10}", ("ee.ik", "lt.asmens")),
    _Form("αμκα|amka", r"\d{11}", ("gr.amka",)),
    _Form("снилс", r"\d{3}-?\d{3}-?\d{3}[ -]?\d\d"),
    _Form("инн", r"\d{12}", ("ru.inn",)),
    _Form("рнокпп|ідентифікаційний код|ідентифікаційний номер", r"\d{10}", ("ua.rntrc",)),
    _Form("паспорт*", r"\d\d ?\d\d ?(?:№|номер)? ?\d{6}"),
    _Form("kimlik|tckn", r"[1-9]\d{10}", ("tr.tckimlik",)),
    _Form("תעודת זהות|תעודת הזהות|מספר זהות|ת.ז", r"\d{8}-?\d", ("il.idnr",)),
    _Form("id number|south african id", r"\d{13}", ("za.idnr",)),
    _Form(
        "ssn|social security",
        r"(?!000|666|9)\d{3}(?P<sign> ?)(?!00)\d\d(?P=sign)(?!0000)\d{4}",
        kind=INSURANCE,
    ),
    _Form("passport no", r"[a-z]{1,2}\d{6,7}"),
    _Form(
        "driver license|driver licence|drivers license|driver's license|driving licence|driving license|führerschein*"
        "|permis de conduire|patente di guida|carnet de conducir|prawo jazdy|rijbewijs*",
        r"[a-z]{1,5}\d{6,12}[a-z\d]{0,5}|\d{8,12}",
    ),
    _Form("personalausweis*|ausweisnummer|ausweis nr", r"(?=(?:[a-z]*\d){4})[cfghjklmnprtvwxyz\d]{9}\d?"),
    _Form("carta d'identità", r"[a-z]{2}\d{5}[a-z]{2}|[a-z]{2}\d{7}"),
    _Form("dowód osobisty|dowodu osobistego|dowodu", r"[a-z]{3} ?\d{6}"),
    _Form(
        "passport:|passport no.|passport no:|passport num*|passport id|reisepass|reisepassnummer|reisepass nr"
        "|passeport n°"
        "|numéro de passeport|pasaporte|passaporto|paspoortnummer|nr paszportu|护照|護照|旅券番号|여권번호",
        r"(?=(?:[a-z]*\d){5})[a-z\d]{7,9}",
    ),
)
# Numbers that nothing but their form and their check digit has to tell.
_TELLING = (
    (re.compile(r"(?<![A-Za-z0-9])[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z](?![A-Za-z0-9])"), "it.codicefiscale"),
    (re.compile(r"(?<![A-Za-z0-9])[A-Z]{4}\d{6}[A-Z]{6}[A-Z\d]\d(?![A-Za-z0-9])"), "mx.curp"),
    (re.compile(r"(?<![A-Za-z0-9.])[1-9]\d{5}(?:19|20)\d{9}[\dXx](?![A-Za-z0-9])"), "cn.ric"),
)
_END_OF_WORD = r"(?-i:(?<=[a-z])(?=[A-Z])|(?![A-Za-z]))"  # `cpfNumber` goes on with a capital letter
_BETWEEN = r"(?:[^\d\n!?;]{0,24}?(?<![A-Za-z0-9])|(?<=[^\x00-\x7f]))"
_END = r"(?![A-Za-z0-9_]|[.,:/-]\d)"
_INSURANCE = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])", re.ASCII)
_INSURANCE_WORD = re.compile(r"(?<![a-z])(?:ssn(?![a-z])|social[ _-]?security|my social(?= is| ?:))", re.IGNORECASE)
LETTERS = re.compile(
    r"[A-Za-z]{5}\d{4}[A-Za-z]|[A-Za-z]{6}\d\d[A-Za-z]\d\d|[A-Za-z]{1,3}\d{2,}[A-Za-z]\d"
    r"|\d[A-Za-z][A-Za-z\d]\d-?[A-Za-z][A-Za-z\d]\d-?[A-Za-z]{2}\d\d"
)
"""A pattern of the beginnings of those whose digits are few: a quick check."""


def _needle(word: str) -> str:
    """The longest part of a name, which every text with it has."""
    return max(word.lower().rstrip("*").split(" "), key=len)


_NEEDLES = [(_needle(word), form) for form in _FORMS for word in form.words.split("|")]
_ASCII_NEEDLES = [(needle, form) for needle, form in _NEEDLES if needle.isascii()]


def _pattern_of(word: str) -> str:
    pattern = re.escape(word).replace(r"\ ", "[ _-]?").replace(r"\*", r"\w*")
    return f"(?-i:{pattern})" if word.isupper() else pattern


@cache
def _pattern(form: _Form) -> re.Pattern[str]:
    names = "|".join(map(_pattern_of, form.words.split("|")))
    number = form.number.replace("~", r"[ .\u00b7-]?")
    return re.compile(rf"(?<![a-z])(?:{names}){_END_OF_WORD}{_BETWEEN}(?P<number>{number}){_END}", re.IGNORECASE)


def find(text: str, name: str) -> Iterator[Place]:
    """Start, end and kind of each number.

    Args:
        text: with ASCII digits.
        name: the field whose value the text is.
    """
    for pattern, check in _TELLING:
        yield from ((*each.span(), ID) for each in pattern.finditer(text) if _is_valid(each[0], (check,)))
    for match in _INSURANCE.finditer(text):
        around = f"{name} {text[max(0, match.start() - 40) : match.end() + 30]}"
        if _INSURANCE_WORD.search(around.replace("_", " ")):
            yield *match.span(), INSURANCE
    named = f"{name}: {text}" if name else text  # as settings have it
    at = len(named) - len(text)
    lowered = named.lower()
    needles = _ASCII_NEEDLES if lowered.isascii() else _NEEDLES
    for form in dict.fromkeys([form for needle, form in needles if needle in lowered]):
        for match in _pattern(form).finditer(named):
            start, end = match.span("number")
            if start >= at and _is_valid(match["number"], form.checks):
                yield start - at, end - at, form.kind


def _is_valid(number: str, checks: tuple[str, ...]) -> bool:
    plain = number.replace("\u00b7", "-")
    return not checks or any(_check(name)(plain) for name in checks)


def _check(name: str) -> Callable[[str], bool]:
    if name == "au.medicare":  # not in stdnum
        return _is_medicare
    is_valid: Callable[[str], bool] = import_module(f"stdnum.{name}").is_valid
    return is_valid


def _is_medicare(number: str) -> bool:
    """Whether the ninth digit of a number of Australia is the check digit of the first eight."""
    digits = [int(each) for each in number if each.isdigit()]
    return sum(a * b for a, b in zip(digits[:8], (1, 3, 7, 9) * 2, strict=True)) % 10 == digits[8]
