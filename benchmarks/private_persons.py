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
driver's license: ~D1234567~
Personalausweis ~L01X00T471~
passport no ~X1234567~
Medicare number ~2123 45670 1~
{"medicare_number": "~2123456701~"}
Medicare ID: ~1EG4-TE5-MK73~
{"passport": "~C01X00T47~"}
Reisepassnummer: ~C01X00T47~""".split("\n")
ACCOUNTS = """sort code 20-00-00 account ~12345678~
routing number 021000021, account number ~123456789012~
BSB 062-000 acc ~12345678~
account ~12345678~, sort code 20-00-00
{"account_number": "~12345678~", "sort_code": "20-00-00"}
{"routing_number": "021000021", "account": "~123456789012~"}""".split("\n")
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
sql.Open("mysql", "anna:~Gh7kLm2q~@tcp(h:3306)/shop")
la contra es ~hunter2x~
Windows product key: ~VK7JG-NPHTM-C97JM-9MPGT-3V66T~
BitLocker recovery key: ~123456-234567-345678-456789-567890-678901-789012-890123~
TOTP seed ~JBSWY3DPEHPK3PXP~
Apple app-specific password: ~abcd-efgh-ijkl-mnop~
crypto isakmp key ~Xy9kLmnQ~ address vpn.example.org
the password is still ~biscuits2019~
pass for the nas changed to ~Cobalt!Rain7~ yesterday
the zip is encrypted, pw ~infected99~
la password è cambiata in ~Carbonara12!~
heslo na wifi: ~knedlik99~
Пароль для входа - ~Borsch-1234~
WiFi.begin("HomeNet", "~Xy9kLmnQ~");
ssh-keygen -N ~Xy9kLmnQ~ -f k
keytool -storepass ~Xy9kLmnQ~ -keystore k
useradd -p ~Xy9kLmnQ~ ann
snmp-server community ~Xy9kLmnQ~ RO
ann:~$apr1$abcd1234$G3o8HyaylO34MxgQISx2ns~
"hash": "~$argon2id$v=19$m=65536,t=3,p=4$ZT79O9ggenxDRVfz$F98eWUshEwV6ysFSYKsv2HdApQergE~"
kind: Secret\\ndata:\\n  license: ~R2g3a0xtMnE=~
.dockerconfigjson: ~eyJhdXRocyI6eyJnaGNyLmlvIjp7InVzZXJuYW1lIjoiYSJ9fX0=~
mi contra es ~gatito88~
{"usuario": "ana", "contra": "~gatito88~"}
parole ir ~kakis123~
ann / ~hunter2~
Logins:\\nann / ~hunter2x~
Team credentials:\\n- ann: ~kitten77~
Zugangsdaten fürs CMS:\\nanna / ~katze123~
You can log in with ann / ~Gh7kLm2q!~
user: ann pass ~hunter2x~
user ann pass ~kitten77~
SSID: HomeNet\\nKey: ~x7k2m9q4~
{"ssid": "HomeNet", "key": "~x7k2m9q4~"}
WiFi: HomeNet / ~sunflower77~
//npm.example.org/:_auth=~YW5uYTpHaDdrTG0ycQ==~
ALGOLIA_ADMIN_KEY=~2dae2358ddd0056052d352d1733fbb5f~
PresharedKey = ~OS5xFC/H69bXhFOfLSwIzjq8OIZ1WzIue7fx2t6bjCO=~
jwt.sign(payload, "~Gh7kLm2q~")
{"headers": {"cookie": "sid=~abcdef0123456789abcdef~; a=b"}}
[["user", "password"], ["ann", "~Gh7kLm2q~"]]
{"columns": ["user", "password"], "data": [["ann", "~Gh7kLm2q~"]]}""".split("\n")
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
backup codes: ~8f3k-29dk~
backup code ~48213-99102~
Codice PIN della carta ~4821~
verification code: ~K7X2M~
Use code ~482913~ to sign in.
{"otp": "~482913~"}
door code ~4821#~
alarm pin ~4821~
Lockbox: ~0417~
the gate code ~4821~
code for the garage: ~4821#~
Türcode ~4821#~
digicode ~48B21~
código de la puerta ~4821#~
код от домофона ~48К1234~
{"gate_code": "~4821#~"}
{"number": 12, "expiry": "04/28", "csc": "~737~"}""".split("\n")
_OTHERS = """the app password must be long
product key: see the box
keypad 12 mm wide
radius secret must match
TOTP SECRET: <YOUR_SECRET_HERE>
login page pass check2
account holders pass level3
SSID: Lab / channel11
Network: eth0\\nkey: value123
Credentials:\\nMSc, PhD2020
Logins:\\nChrome: 12345678
verification code: PENDING1
security code: CVE2026
Driver license required for 2026001
code for the door handle 4821
enter code 12345 to order
{"columns": ["token", "logprob"], "data": [["world12", -0.2]]}
{"value": "x7k2m9q4", "key": "color"}
{"pass": 12, "fail": 3, "user": "ann"}
{"passport": "express-session"}
{"cookie": "theme=dark; lang=de-DE"}
kind: SecretStore\\ndata:\\n  license: abc123def
WiFi.begin("HomeNet", WIFI_PASSWORD);
Password changed to comply with NIST 800-63B
la contra es que cuesta 1200 euros
пароль - минимум8символов
kind: Secret\\ndata:\\n  password: {{ .Values.password }}
kind: ConfigMap\\ndata:\\n  license: R2g3a0xtMnE=
{"account_number": "12345678", "name": "ann"}
the account 12345678 has no routing
snmp-server community public RO
password - ticket 12
the password changed to a passkey in 2026
The driver license 2.0 is free software
$1$ is the prefix of MD5 crypt
LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUM=
hasło w encyklopedii: Kopernik1473
Hasło dnia: Solidarność1980
votos en mi contra: 12345678
La contra de 2026 fue dura
was released on parole in 2021x
la parole est à M. Dupont2024
ann / team2
yes / no1
i7-13700K / RTX4090
Recent logins:\\nann: Chrome131
Logins:\\nMonday: 12
Legend\\nKey: value123
SSID: HomeNet\\nKey: WPA2-PSK
Wi-Fi: 802.11ax / 5GHz
Network: mainnet / testnet2
the user can pass level5 to it
Medicare covers 1234567890 people
CSC 123 is a course
PubChem CID: 2244
{"cid": 2244, "name": "aspirin"}
The door code 4821 lines of CSS
door code of conduct 2024
Use code 482913 at checkout to save
verification code: ERROR
jwt.decode(token, key, algorithms=["HS256"])
existingSecret: shop-db-2026
{"columns": ["token", "pos"], "data": [["cats", "NOUN2"]]}
National Insurance contributions rose to 13.8%
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
