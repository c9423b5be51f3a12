"""Places for private values, `@` each, and texts that only look as if they had one."""

# ruff: noqa: RUF001, E501 - texts of many scripts, a line each

from __future__ import annotations

TOKEN_PLACES = (
    "Use @ for the upload.", "key=@", 'client = Client("@")', '{"value": "@", "id": 4}', "`@`", "(@)",
)  # fmt: skip
SCRIPTS = (
    "请使用@谢谢", "これは@です", "ใช้@ครับ", "इसे@लिखें", "é@ñ", "вот@здесь", "이것은@입니다", "هذا@هنا",
)  # fmt: skip
PERSONAL_PLACES = (
    "Please write it down: @.", '{"contact": "@", "id": 7}', "x = '@'  # of the customer", "[@]", "It is @, I think.",
    "contact: @\nid: 3",
)  # fmt: skip
SECRET_PLACES = (
    '{"user": "anna", "password": "@"}', '{"client_secret": "@", "grant": "x"}', '{"dbPassword":"@"}',
    'password = "@"', "api_key = '@'", 'const apiKey = "@";', "DB_PASSWORD=@", "export SERVICE_TOKEN_SECRET=@\nrun",
    "db:\n  user: anna\n  password: @\n  port: 5432", "client_secret: @\n", "X-Api-Key: @",
    "curl -u anna:@ https://example.org/v1", "postgres://anna:@\0db.example.org/shop",
    "Server=db;User Id=sa;Password=@;Encrypt=true", "My password is @, please reset it.", "Passwort: @",
    "<password>@</password>", 'Settings(secret_key="@")', "tool --password @ --verbose", "密码是@", "密码：@", "パスワード: @",
    "пароль: @", 'auth.setPassword("@")', "'secret' => '@',", "pwd=@&user=anna", "redis://:@\0cache:6379/0",
    "Authorization: Bearer @", "passphrase: '@'", "clientSecret = `@`", "dict(password='@')",
    '{"name": "DB_PASSWORD", "value": "@"}', "environment:\n  - DB_PASSWORD=@", "La contraseña es @",
    "Kennwort ist @.", "비밀번호: @", "รหัสผ่าน: @", "पासवर्ड: @", "user,password,role\nann,@,admin\n",
    "host\tDB_PASSWORD\ndb1\t@\n", "name;api_key\nshop;@", "| user | password |\n|---|---|\n| ann | @ |",
    "echo '@' | docker login -u ann --password-stdin", "**Password:** @", "- **Password**: @",
    "<strong>Password:</strong> @<br>", "用户名admin，密码@", "Kennwort lautet @", 'passwords = ["@"]',
    '{"passwords": {"db": "@"}}', '{"password": ["@"]}', "passwords:\n  db: @\nport: 80",
    "password: |\n  @\nport: 80", "requirepass @", "পাসওয়ার্ড: @", "κωδικός: @", "heslo: @", "jelszó: @",
    "كلمة السر: @", "<td>Password</td><td>@</td>", "API ключ: @",
)  # fmt: skip
# Lists of arguments, command lines, settings, connections, addresses, JSON in JSON, and words of other languages.
WRITTEN_PLACES = (
    '["tool", "--password", "@", "-v"]', '{"args": ["--user", "anna", "--db-pass", "@"]}', '["--password=@"]',
    '{"cmd": ["mysql", "-u", "root", "-p@"]}', '["mysql", "-uroot", "-p", "@", "shop"]', '["curl", "-u", "anna:@", "x"]',
    "run(['tool', '--api-token', '@'])", "args: [--password, @]", "args:\n  - --password\n  - @\n  - --verbose",
    'CMD ["app", "--admin-password", "@"]', 'spawn("tool", ["--password", "@"])', '["-e", "DB_PASSWORD=@"]',
    "command:\n  - mysqladmin\n  - -p@\n  - ping", '{"argv": ["sshpass", "-p", "@", "ssh", "h"]}',
    "sshpass -p @ ssh h", "mysql -u root -p@ shop", "mongosh -u a -p '@' --host h", "az login -u app -p @ --tenant t",
    "curl https://example.org -u anna:@", "curl -uanna:@ https://example.org", "wget --http-password=@ http://h",
    "curl -d 'user=a&password=@' h", "unzip -P @ a.zip", "7z x -p@ a.7z", "htpasswd -b .htpasswd anna @",
    'echo "@" | sudo -S ls', "docker run -e DB_PASSWORD=@ img", "helm install x --set db.password=@",
    "MY_APP_PASS=@", "export SHOP_PASSWORD='@'", "[db]\nuser = root\npassword = @\n", "- name: DB_PASSWORD\n  value: @",
    "auth: {user: a, password: @}", "spring.datasource.password=@", "machine h login anna password @", "SMTP_PASSWORD_1=@",
    "mysql://u:@\0h/d?ssl=1", "DSN=h;UID=a;PWD=@", "jdbc:mysql://h/d?user=a&password=@", "jdbc:oracle:thin:a/@\0//h:1521/x",
    "amqps://a:@\0mq", "host=h user=u password=@ sslmode=on", "https://example.org/?user=a&password=@", "/login?pwd=@&x=1",
    '{"a": "{\\"args\\": [\\"--password\\", \\"@\\"]}"}', '{"a": "{\\"cmd\\": \\"mysql -p@ x\\"}"}',
    '{"mot_de_passe": "@"}', '{"motDePasse": "@"}', '{"пароль": "@"}', '{"senha_db": "@"}', '{"كلمة_المرور": "@"}',
    "пароль администратора: @", "пароль — @", "数据库密码为@", "パスワードは「@」です", 'La contraseña es "@"',
    "Passwort für die Datenbank: @", "mot de passe du serveur : @", "Minha senha é @", "Wi-Fi şifresi: @", "كلمة المرور هي @",
    "Lösenordet är @", "Mật khẩu: @", "hasło do bazy: @", "ПАРОЛЬ=@", "MOT_DE_PASSE=@", "密码password=@",
)  # fmt: skip
WRITTEN_KEY_PLACES = (
    '["--header", "X-Api-Key: @"]', '["curl", "-H", "Authorization: Bearer @", "h"]', '["--token=@"]', "tool --token @",
    "curl -H 'Private-Token: @' h", "SECRET_KEY_BASE=@", "export MAPS_KEY=@", "//example.org/:_authToken=@",
    "https://example.org/?key=@", "https://example.org/?sig=@&se=1", "https://example.org/#access_token=@&x=1", "/login?token=@#top",
    "токен: @", "секрет: @", "Zugangsschlüssel: @", "clé secrète : @", "令牌：@", "トークン: @", "jeton : @",
)  # fmt: skip
# Words of languages that many speak, some of which also mean key or code, and strings of Lua.
WORD_PLACES = (
    "Clave: @", "Mi clave es @", '{"clave": "@"}', "clave del wifi: @", "Clave de acceso: @", "CONTRASEÑA: @", "código de acesso: @",
    "code d'accès : @", "Clé wifi : @", "WLAN-Schlüssel: @", "chiave di accesso: @", "код доступа: @", "гасло: @", "Sandi: @",
    "رمز عبور: @", "رمز: @", "کلمه عبور: @", "پسورد: @", "باسورد: @", "رمز المرور: @", "خفیہ لفظ: @", "गुप्त शब्द: @", "পাসকোড: @",
    "పాస్వర్డ్: @", "கடவுச் சொல்: @", "ગુપ્ત શબ્દ: @", "ಪಾಸ್ವರ್ಡ್: @", "രഹസ്യവാക്ക്: @", "비밀 번호: @", "合言葉：@", "通行码：@", "รหัสลับ: @",
    "Neno la siri: @", "kalmar sirri: @", "ọrọ aṣina: @", "wagwoord: @", "паролі: @", "құпия сөз: @", "local password = [[@]]",
    "config = { db_password = [[@]], port = 1 }", "password = [==[@]==]", "client_secret = [[@]]", "setPassword([[@]])",
)  # fmt: skip
# Whole texts, the value between two `\1`.
SPOKEN_PLACES = (
    "@ is my password", "use @ as the password", "Log in with @ as your password.", "@ is the password for the wifi",
    "@ ist mein Passwort", "Nutze @ als Passwort", "@ est mon mot de passe", "utilisez @ comme mot de passe",
    "@ es mi contraseña", "@ è la mia password", "@ é a minha senha", "@ to moje hasło", "@ — мой пароль",
    "@ is mijn wachtwoord", "usa @ como contraseña",
)  # fmt: skip
ONE_TIME_PLACES = (
    "your code is @", "Your verification code is @.", "@ is your verification code", "Use @ as your one-time code",
    "Your OTP is @", "The 2FA code is @", "Dein Code lautet @", "Votre code est @", "Tu código es @", "Il tuo codice è @",
    "Je code is @", "Din kod är @", "Twój kod to @", "Ваш код: @", "您的验证码是@", "認証コードは@です", "인증번호는 @입니다",
    "รหัส OTP ของคุณคือ @", "رمز التحقق هو @", "Doğrulama kodunuz @", "Code de vérification : @", "Einmalcode @",
)  # fmt: skip
SPOKEN_NEGATIVES = (
    "the password is required", "your code is clean", "your code is 482 lines long", "use a strong string as the password",
    "Error code is 404", "the status code is 500", "The zip code is 94103", "Your code is 100 % covered", "exit code is 1",
    "The country code is 0049", "code 482913 of the product", "Use bcrypt as the password hash", "UTF-8 is the password encoding",
    "use SHA-256 as the password hashing function", "Die Postleitzahl ist 10115", "Der Code ist 2000 Zeilen lang",
    "this is my password", "that is the password policy", "a1 is the password field of the form", "product code: 482913",
    "use user.password as the password", "use $PASSWORD as the password", "your discount code is 482913",
    "your source code is 120000 bytes", "password123 is a bad password", "Your order number is 482913",
    "Your code is 12000 lines and growing", "El código postal es 28013", "Le code postal est 75001", "邮政编码是100000",
    "郵便番号は1000001です", "우편번호는 04524입니다", "Почтовый индекс: 101000", "In your code, 482913 is a constant",
    "HTTP/2 is the password transport", "A verification code has 6 digits", "The verification code expires in 600 seconds",
)  # fmt: skip
OWN_SCRIPT = (
    'process.env.DB_PASS || "\1Harb0r77k\1"', "{{ db_password | default('\1Harb0r77k\1') }}", "localhost:5432:shop:li:\1Harb0r77k\1",
    "パスワードは「\1さくら2024!\1」です", "パスワードを\1Sakura2024\1に変更してください", "пароль «\1Зима2024!\1»", "мой пароль - \1Зима2024\1",
    "Ihr TAN: \001482913\1", "Das PIN ist \0014829\1", "mon code PIN \0014829\1", "密码改成\1Sakura2024\1", "暗証番号は\0014829\1です",
    '{"password": "\1rB2[kX]9sW4\1"}', '{"password": "\1g(7Lm)p3?vD\1"}', '{"password": "\1水到渠成\1"}', "DB_PASSWORD='\1li.Harb0r77\1'",
    "Пароль: \1Секрет123!\1", "Мой пароль: \1котёнок77\1", "我的密码是：\1小猫咪123\1", "הסיסמה שלי: \1חתול1234\1",
    "비밀번호: \1고양이77\1", "รหัสผ่าน: \1แมวน้อย99\1", "パスワード：\1さくら2024\1", "κωδικός: \1γατούλα88\1", "كلمة السر: \1قطتي4567\1",
    "password: |\n\1Hunter2!x\1\nport: 80",
)  # fmt: skip
OWN_CODES = (
    "Meine PINs: \0014821\1", "numer PIN-u to \0014821\1", "мой пин-кода \0014821\1", "PIN'im \0014821\1", "PIN-kódom: \0014821\1",
    "PINen er \0014821\1", "Los PINs son \0014821\1", "PIN-koden: \0014821\1", "Set the PIN to \0014821\1", '{"pinCode": "\0014821\1"}',
    '{"cvv": "\001821\1"}', '{"cvv": \001821\1}', '{"cvc": "\0014821\1"}', '{"CVV2": "\001821\1"}', '{"security_code": "\001821\1"}',
    '{"securityCode": "\001821\1"}', '{"card": {"cardCvc": "\001821\1"}}', "<cvv>\001821\1</cvv>", "'security_code' => '\001821\1'",
    "security_code: \001821\1", "Kartenprüfnummer: \001821\1", "code de sécurité : \001821\1",
)  # fmt: skip
OWN_PERSONAL = (
    "Telefonnummer: \0010171 2345678\1", "Handynummer \0010171 2345678\1", "телефон: \00189161234567\1",
    'Write to \1"john doe"@example.com\1.', "Ask \1bob.o'neil@example.com\1 again", "SSN: \001123-45-6789\1",
    "Her social security number is \001123-45-6789\1.",
)  # fmt: skip
OWN_SCRIPT_NEGATIVES = (
    "La clave del éxito es 1", "clave: valor", '{"clave": "columna1"}', '{"clave": "MX-00123"}', "clave: A12345", "enclave: Lugo2024",
    "clave primaria: id_cliente", "palabra clave: python3", "Sandi: ada 3 orang", "šifra: 00123", "шифра: 001.24", "رمز: 404",
    "hasła: 12", "code d'accès : invalide", "clé wifi : WPA2", "clave: sha256sum", "PIN-pad 4821", "PIN-out: 4821", "Pin-up: 1950",
    "PINs 13 and 14 of the chip", "PINs: 1, 2, 3", "PIN to GND", '{"pincode": "560001"}', '{"security_code": "AAPL"}', '{"cvc_check": "pass"}',
    "security code 404 page", "security code: 12 digits", "The passwords are SHA-256 hashed", "passwords are case sensitive",
    "1234.5678.9012.3456", "4539.5787.6362.1487", "GB29.NWBK.6016.1331.9268.18", "OID 1.2.840.113549.1.1.11", "password = [[string]]",
    "token = [[1, 2], [3, 4]]", "string.match(password, [[%d+%a]])", "[[ $password = [[:alpha:]]* ]]", "api_key = [[YOUR_KEY]]",
    "Your code 482913 compiles", "x = 4111111111111111 % 7",
    "пароль «от 8 символов»", "密码“至少8位”", "パスワードを2024年に変更", "Mr. Tan: 482913", "Das PIN ist falsch", "PIN 13 of the chip",
    '{"password": "get_password()"}', '{"password": "process.env.DB_PASS"}', '{"password": "必填"}', '{"password": "%DB_PASS1%"}',
    "密码：至少8位", "密码：长度16", "密码是2024年设置的", "비밀번호: 최소 8자", "비밀번호: 8자이상", "Пароль: минимум 8 символов", "Пароль: обязательно",
    "Пароль: длина12", "รหัสผ่าน: อย่างน้อย8ตัว", "הסיסמה: לפחות8תווים", "part 123-45-6789 of the frame", "SSN is a number of nine digits",
    "price is $6$ and $5$ more", '{"auth": "required"}', "the SSWS scheme is old", "WIFI:on;P:1;", "it costs sk.eyeliner 5 a piece",
    "AKIA is how ids of AWS begin", "Telefonnummer: unbekannt", '"quoted"@property', "fm2_config = load()", "$6$ is a prefix of crypt",
)  # fmt: skip
SPACED_PLACES = ("Password: @", 'password="@"', '{"password": "@"}')
KEY_PLACES = ("api-key @", "The access token @ is old.", "clé API : @", "api_key: >-\n  @\nnext: 1")  # fmt: skip
_WRITTEN = """["--password", "$DB_PASSWORD"]
["--password", "********"]
["--password", ""]
["--password-file", "/run/secrets/db1"]
["--password", "{{ password }}"]
["--token", "--verbose"]
["--token", "YOUR_TOKEN"]
["--token", "${{ secrets.TOKEN }}"]
["--max-tokens", "4096"]
["--token-count", "512"]
["--tokenizer", "gpt2"]
["--sort-key", "name1"]
["--secret-name", "db-creds1"]
["--api-version", "2024-01-01"]
["docker", "run", "-p", "8080:80"]
["mkdir", "-p", "/tmp/a1"]
["cp", "-p", "file1.txt"]
["python", "-u", "run1.py"]
["git", "commit", "-p", "x1"]
["mysql", "-u", "root", "-p"]
["user", "password", "role"]
args: [--token-limit, 12000]
args:\\n  - --port\\n  - 5432
args:\\n  - --password-stdin\\n  - anna1
click.option("-p", "--password", prompt=True)
parser.add_argument("--token", "-t", default="")
redis-cli -p 6379 ping
psql -p 5432 -U anna1
scp -P 2222 a1 h:
rsync -avp a1 b1
nmap -p22,80 h
unzip -p a.zip x1.txt
7z x a1.7z
sudo -S ls -1
echo "hello1" | sudo tee x
openssl enc -d -in x1
htpasswd -c f1 anna
git log -p src1
https://example.org/?key=value
https://example.org/?key=color-name-1
https://example.org/?sig=1&code=200
https://example.org/watch?v=dQw4w9WgXcQ
https://example.org/?auth=true&sid=12
existingSecret: app-secret-v1
PASSWORD_MIN_LENGTH=12
API_KEY_NAME=prod1
token_expiry=2026-01-01T00:00:00Z
password_updated_at=1700000000
password: String!
password?: string;
mot_de_passe: string
пароль: str
密码: string
senha: str = Field(...)
token_count=512
token_limit: 128000
tokens_per_second=35.2""".split("\n")
_CODE = """password = get_password()
api_key = os.environ["KEY"]
api_key = os.getenv("API_KEY")
password = input("Password: ")
password = getpass.getpass()
token = request.headers.get("Authorization")
token = self.token
secret = config["secret"]
def login(user: str, password: str) -> bool:
def connect(host, password=None, token=None):
class Login(BaseModel):\\n    user: str\\n    password: SecretStr
password: Optional[str] = None
interface Props { password: string; apiKey?: string }
const token = await getToken();
const apiKey = process.env.API_KEY;
let password = form.password.value;
if password != confirm_password: raise ValueError
if (password.length < 8) return;
password_hash = bcrypt.hash(password)
self.password = password
client = Client(api_key=api_key, token=token)
client = OpenAI(api_key=settings.api_key)
headers = {"Authorization": f"Bearer {token}"}
headers = {"Authorization": "Bearer " + token}
Authorization: Bearer <token>
Authorization: Bearer YOUR_TOKEN_HERE
api_key: ${{ secrets.API_KEY }}
password: ${DB_PASSWORD}
password: "{{ vault_password }}"
DB_PASSWORD=$DB_PASSWORD
export API_KEY="<your-api-key>"
API_KEY=your-api-key-here
password = "********"
password = "changeme"
token_count = 4096
max_tokens=1024
max_tokens: 2048
pad_token = "<pad>"
tokenizer.eos_token = "</s>"
tokens = tokenizer.encode(text)
num_tokens = len(tokens)
primary_key=True
sort_key: created_at
cache_key = f"user:{user_id}"
foreign_key: user_id
public_key = load_public_key(path)
for key, value in data.items():
key = lambda row: row.score
sorted(rows, key=len, reverse=True)
passed = compass.bearing + bypass
postgres://user:password@localhost/db
postgresql://${USER}:${PASSWORD}@host/db
postgres://<user>:<password>@host:5432/db
git clone git@github.com:team/project.git
from app.tokens import SecretToken
import secrets; secrets.token_urlsafe(32)
secret = secrets.token_hex(16)
token = jwt.encode(payload, key, algorithm="HS256")
@app.route("/password")
y = X@W.T + b
loss = A@B.sum()
std::vector<int> tokens;
Face::Cafe::run();
items[::2]
x[1::3]
a[::-1]
text[10:20:2]
img = "icon@2x.png"
assert token is not None
password: bytes
secretName: db-credentials
secretKeyRef:\\n  name: db\\n  key: password
private_key_path = "/etc/ssl/private/server.key"
token_url = "https://example.org/oauth/token"
password_reset_url: https://example.org/reset
"token_type": "bearer"
if token == "": return
sha256 = hashlib.sha256(password.encode())
return password if password else default_password
const { password, token } = req.body;
password => hash(password)
user.password = await hash(password, 10);
String password = scanner.nextLine();
char *password = argv[1];
password := os.Getenv("DB_PASSWORD")
password.present? && token.valid?
$password = $_POST['password'];
WHERE password = ? AND token = :token
ALTER TABLE users ADD COLUMN password VARCHAR(255)
self.api_key = api_key or os.environ.get("API_KEY")
assert "-----BEGIN PRIVATE KEY-----" in text
password=validated_data["password"]
token: Annotated[str, Depends(oauth2_scheme)]
secret: z.string().min(12)
apiKey: config.get('apiKey')
password: faker.internet.password()
parser.add_argument("--password", help="the password to use")
parser.add_argument("--token", required=True)
tool --password-file /run/secrets/db
curl -u "$USER:$PASSWORD" https://example.org
docker run -p 8080:80 web
mkdir -p /var/lib/app
ssh -p 2222 host
assert x@y.shape == (3, 3)
y = x@w.data + b
self.w@self.data.mean
q@k.mT
lodash@4.17.21
PASSWORD=get_password(x1)
password: str|None
passwords = ["string", "number"]
secrets:\n  - db_password\n  - api_key
if token:\n    name: abc123xyz
password = '' if a else 'b'
napi_get_value_bigint_uint64(env)
hf_transformersAutoModelForCausalLMHead(x)
<PackageReference Version="4.0.0.0" />
xs = [0.123, 0456, 7890]""".split("\n")
_PROSE = """token, key, and more
My PIN code is 110001, in Delhi.
Set-Cookie: theme=dark; Path=/; Max-Age=31536000
Cookie: session=your-session-id-goes-here
Password: minimum eight characters, one digit.
password: must be at least 8 characters
To change your password: please open Settings.
The password is required.
Your password is incorrect, try again.
The password is case-sensitive.
The password is base64-encoded before it is sent.
The password was SHA-256 hashed.
Token: a piece of a word that a model reads.
The token is 32-byte random data.
A token is about 4 characters.
Secret: add a pinch of salt.
The secret is patience.
The secret is to stir slowly.
API key: see the dashboard under Settings.
Your API key is shown once.
The key is 256-bit.
Forgot password? Reset it here.
password: forgotten
Bearer token authentication is supported.
Authorization: required for every call.
Use Basic authentication with a username and password.
The authorization was granted on Monday.
Passwort: mindestens acht Zeichen
Passwort vergessen? Bitte hier klicken.
Das Passwort ist falsch.
Contraseña: mínimo ocho caracteres
La contraseña es obligatoria.
Le mot de passe est obligatoire.
A senha é obrigatória.
Пароль: минимум восемь символов
Пароль введён неверно.
密码：至少8个字符
密码错误，请重试。
パスワード：8文字以上
パスワードを忘れた場合
รหัสผ่าน: อย่างน้อย 8 ตัวอักษร
पासवर्ड: कम से कम 8 अक्षर
비밀번호: 8자 이상
كلمة المرور: ثمانية أحرف على الأقل
Passkeys replace passwords.
He had to pass: the road was closed.
The compass: 30 degrees.
Keyboard: 104 keys
Turkey: population 85 million
The bypass: opened in 1998.
Section 4.2.1.3 describes the format.
See chapter 2.10.4.1 for more.
Version 4.18.0.55 is out.
We moved from version 10.2.3.4 to 10.2.3.5.
The server at 192.168.1.10 is up since 12:30:45.
Bind to 127.0.0.1 or 0.0.0.0.
The mask is 255.255.255.0.
MAC 00:1a:2b:3c:4d:5e
At 12:30:45 and 23:59:59
The ratio is 4:3:2.
ISBN 978-3-16-148410-0
Invoice 4111 of 2026-11-25 comes to 1,234.56 dollars.
The population was 1 412 600 000 in 2021.
1234567890123456 is no card.
It costs 4,539,578,763 yen.
Pi is 3.14159265358979323846.
UUID 123e4567-e89b-12d3-a456-426614174000
The phone has 128 GB and costs 799 dollars.
Phone: see the website.
Call 911 in an emergency.
call function 12345678 times
Room 3.1.2, seat 14
GPS 52.520008, 13.404954
2026-11-25T12:30:45.123456+00:00
Win + 12345678 points
Follow @anna on the network.
Meet me @ 5.30 pm.
Price @ 3.50 each
We target assembly 4.0.0.0 and openssl 1.1.1.1.
It runs nginx 1.25.3.1 in production.
## [1.2.3.4] - 2024-01-01
The soil has pH 7.4.2.1 in the log.
[1.2.3.4] release notes
The drawn numbers are 05 12 23 34 41.
ISBN 0-306-40615-2 is out of print.
Bestellnummer: 030-1234567
Article 0171 2345678 is sold out.
The salary is 60000-70000 a year.
The file 0123-4567-8901 is closed.
It weighs 06 12.50 kg or 07 13.75 kg.
On 08-05-2024 12:30 we met.
ZIP 98765-4321
MAC 01-23-45-67-89-ab
The unit getty@tty1.service failed.
所有@example.com的邮箱
密码长度8位以上
密码SHA256加密
パスワードは8文字以上です
**Password:** required
- **Token**: a piece of a word
Password: 8-16 characters, one digit
The api-key authentication_with_headers_v2 is old.
heslo nezadáno
Забыли пароль? Сбросьте его за 3 шага.
Пароль должен содержать 8 символов.
请输入密码，至少8位
パスワードをリセット
¿Olvidaste tu contraseña?
La contraseña debe tener 8 caracteres
Das Passwort ist falsch.
le mot de passe est incorrect
a senha é obrigatória
şifre en az 8 karakter
كلمة المرور غير صحيحة
El secreto: paciencia.
Секрет успеха: 5 шагов.
Password for the app is optional.
the password for v2 is required
The token ring of 802.5
a password reset link of 2026""".split("\n")
_JSON = [
    '{"pin": "A13", "csv": "token,count\\nhello,5\\nworld,6"}',
    '{"type": "object", "properties": {"password": {"type": "string", "minLength": 8}}, "required": ["password"]}',
    '{"password": "string", "token": "string"}',
    '{"label": {"password": "Password", "confirm_password": "Confirm password"}}',
    '{"password": "Passwort", "api_key": "API-Schlüssel"}',
    '{"password": "密码"}', '{"password": null, "token": ""}', '{"password": true}', '{"max_tokens": 1024}',
    '{"usage": {"prompt_tokens": 812, "completion_tokens": 44, "total_tokens": 856}}',
    '{"password": "<PASSWORD>", "email": "<E-MAIL_ADDRESS>"}', '{"password": "********"}',
    '{"errors": {"password": "must be at least 8 characters"}}', '{"password": "required"}',
    '{"token": "New", "pos": "ADJ"}', '{"tokens": ["The", "cat", "sat"]}', '{"token_type": "bearer", "expires_in": 3600}',
    '{"secretName": "db-credentials", "key": "username"}', '{"secret": "arn:aws:secretsmanager:eu-west-1:1:secret:db"}',
    '{"version": "4.18.0.55"}', '{"firmware_version": "5.10.0.2", "name": "router"}', '{"order": "8841-22"}',
    '{"id": "call_9f8e7d6c5b4a39281706", "type": "function"}', '{"next_page_token": "page-2"}',
    '{"sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}',
    '{"key": "name", "value": "anna"}', '{"keyboard": "qwerty123"}', '{"created": 1732530645, "ms": 1732530645123}',
    '{"password_length": 12, "password_policy": "strong2"}', '{"has_password": true, "public_key": "abc"}',
    '{"test": "login", "pass": "failed"}', '{"pass": "complete"}', '{"nginx": "1.25.3.1", "openssl": "1.1.1.1"}',
    '{"secret": {"name": "db-credentials-01", "version": "v1.2.3b"}}', '{"secrets": {"type": "object"}}',
    '{"errors": {"password": ["must contain at least 8 characters", "does not match confirmation"]}}',
    '{"token": {"expires_at": "2024-05-01T10:00:00Z", "type": "bearer"}}',
    '{"author": "Anna", "authors": ["B"], "pass_rate": 0.93}',
]  # fmt: skip
NEGATIVES = {"code": [text.replace("\\n", "\n") for text in (*_CODE, *_WRITTEN)], "prose": _PROSE, "JSON": _JSON}
