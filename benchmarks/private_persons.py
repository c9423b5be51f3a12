"""Whole texts with what only the words beside it tell: numbers of persons, passwords by their owner, codes of cards.

The value stands between two `~`; texts without one only look as if they had it. All numbers are made up, with valid
check digits where a country has them.
"""

# ruff: noqa: RUF001 - texts of many scripts

from __future__ import annotations

NATIONAL_IDS = """My National Insurance number is ~QQ123456C~
NINO: ~AB 12 34 56 C~
{"nino": "~JG103759A~"}
nationalInsuranceNumber = "~JG103759A~"
NHS number: ~943 476 5919~
SSN: ~219099999~
My social is ~219-09-9999~
"ssn": "~219099999~"
Aadhaar: ~2341 2341 2346~
मेरा आधार ~2341 2341 2346~ है
PAN: ~ABCPE1234F~
meu cpf é ~529.982.247-25~
{"cpf": "~52998224725~"}
mi DNI es ~12345678Z~
NIE: ~X1234567L~
codice fiscale: ~RSSMRA85T10A562S~
Il cliente ~RSSMRA85T10A562S~ ha chiamato.
burgerservicenummer ~111222333~
PESEL: ~44051401359~
rodné číslo: ~736028/5163~
身份证号：~11010519491231002X~
我的身份证是~11010519491231002X~
주민등록번호: ~900101-1234568~
マイナンバー：~1234 5678 9018~
personnummer: ~640823-3234~
CPR: ~211062-5629~
fødselsnummer: ~15108695088~
henkilötunnus: ~131052-308T~
numéro de sécurité sociale : ~2 94 03 75 120 005 91~
Steuer-ID: ~36574261809~
СНИЛС: ~112-233-445 95~
ИНН ~500100732259~
паспорт ~4509 123456~
TC kimlik no: ~10000000146~
social insurance number ~046-454-286~
AHV-Nummer ~756.9217.0769.85~
CURP: ~BOXW310820HNERXN09~
RUT: ~12.345.678-5~
NRIC: ~S1234567D~
CNP: ~1630615123457~
ΑΜΚΑ: ~01013099997~
passport number: ~C01X00T47~
Reisepassnummer: ~C01X00T47~""".split("\n")
OWNED = """clave: ~hunter2~
La clave es ~hunter2~
mi clave: ~luna99~
tu clave es ~gatito12~
Usuario: ana Clave: ~gatito12~
{"usuario": "ana", "clave": "~gatito12~"}
la clave del wifi es ~gatito12~
رمز عبور من ~hunter2x~ است
پسورد من ~parande88~ است
رمز عبور وای‌فای: ~gol12345~
A jelszavam ~cica1234~
parola mea este ~pisica22~
Şifrem ~kedi1234~
kata sandi saya ~kucing123~
sandi wifi: ~kucing88~
ססמה: ~chatul12~
הסיסמה שלי: ~chatul12~
гаслом є ~kotik777X~
ពាក្យសម្ងាត់៖ ~chhma123~
code wifi : ~chaton12X~
my password ~banana42x~ stopped working
wifi pass ~harbor77~
WPA key: ~harbor77~
server.login("anna", "~Gh7kLm2q~")
new mysqli("localhost", "root", "~Gh7kLm2q~", "shop")
new PDO("mysql:host=db", "root", "~Gh7kLm2q~")
HTTPBasicAuth("anna", "~Gh7kLm2q~")
new NetworkCredential("anna", "~Gh7kLm2q~")
cx_Oracle.connect("scott", "~Gh7kLm2q~", "h/x")
sql.Open("mysql", "anna:~Gh7kLm2q~@tcp(h:3306)/shop")""".split("\n")
CODES = """PIN-om ~4821~
PINem jest ~4821~
PIN-tunnus: ~4821~
пин-код карты ~4821~
PIN der Karte: ~4821~
meine Pin lautet ~4821~
mi pin es ~4821~
PIN saya ~4821~
pin_code: "~4821~"
security code on the back: ~737~
SMS code ~482193~
Код из СМС: ~482193~
code reçu : ~482193~
인증번호 [~482193~]
recovery code: ~ABCD-EFGH-2345~
backup codes: ~8f3k-29dk~""".split("\n")
_OTHERS = """National Insurance contributions rose to 13.8%
Flight AB123456 to Oslo
Part AB123456C of the frame
The NHS has 1.3 million staff
PAN card mandatory above 50000
SIN(30) = 0.5
DNI: falta
NIR spectroscopy at 780-2500 nm
PESEL has 11 digits
passport no longer needed 20260101
CPF is the Brazilian tax number 123.456.789-00
clave primaria: cliente_id
la palabra clave es python3
{"clave": "id_producto", "valor": "12"}
clave de producto: A12
κωδικός προϊόντος: AB1234
парольная политика: ИБ-2024
رمز پستی: 1234567890
รหัสสินค้า: ABC1234
boarding pass: ABC123
CVC 2026 conference
PIN diode 4148 of the board
security code review 2026
def f(\\n    self,\\n    credentials,\\n    http=None,\\n    retries2=4,\\n): ...
f(\\n    user, password,\\n    host=host1, port=port1,\\n)
See OAuth 2::\\n\\n    code
If it is a client, pass :data:`h11.CLIENT1x`.
pass `asn1Spec` to the decoder
--ask-password               prosi o podanie
x + 4915112345678*p**2
y = x + 79957812500*q - 9069375000*r
login("user", "wrong password")
client.connect("localhost", 5432, "shop_2024")
router.push("/login", "user_12")""".split("\n")
OTHERS = [text.replace("\\n", "\n") for text in _OTHERS]
