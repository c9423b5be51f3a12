"""The words for one-time codes and PINs in the languages of the world, as patterns that do not know case."""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

CODES = "|".join(
    (
        r"(?:verification|security|confirmation|authentication|auth|log-?in|sign-?in|access|one[- ]time|single[- ]use"
        r"|2fa|mfa|otp|recovery|activation|sms|text)[- ](?:pass)?code",
        "(?:door|gate|alarm|entry|garage|safe|lock ?box|keypad|unlock|sim|lock)[ -]code",
        "otp",
        "one[- ]time (?:pin|password)",
        "passcode",
        "(?:bestätigungs|verifizierungs|sicherheits|einmal|anmelde)code",
        "einmalpasswort",
        "code (?:reçu|sms)(?: par (?:sms|mail))?",
        r"code (?:de |d['’])(?:vérification|confirmation|sécurité|validation|accès|connexion)",
        "código de (?:verificación|confirmación|seguridad|acceso|verificação|confirmação|segurança)",
        "codice di (?:verifica|conferma|sicurezza|accesso)",
        "(?:verificatie|bevestigings|beveiligings)code",
        "verifieringskod",
        "bekräftelsekod",
        "engångskod",
        "engangskode",
        "bekræftelseskode",
        "bekreftelseskode",
        "kod (?:weryfikacyjny|potwierdzający|bezpieczeństwa|dostępu|sms)",
        "ověřovací kód",
        "ellenőrző kód",
        "vahvistuskoodi",
        "cod(?:ul)? de verificare",
        "(?:doğrulama|onay) kodu(?:nuz|n)?",
        "код (?:подтверждения|доступа|проверки|безопасности|(?:из|по|с|із|з) (?:смс|sms))",
        "код підтвердження",
        "код за потвърждение",
        "κωδικός (?:επαλήθευσης|επιβεβαίωσης)",
        "验证码|驗證碼|校验码|确认码|动态密码",
        "認証コード|確認コード|ワンタイムパスワード",
        "인증 ?번호|인증 ?코드|확인 ?코드",
        "รหัส ?otp|รหัสยืนยัน",
        "رمز التحقق|رمز التأكيد|كود التحقق",
        "کد تایید|کد تأیید",
        "קוד ה?אימות",
        "सत्यापन कोड|ओटीपी",
        "mã (?:xác (?:minh|nhận|thực)|otp)",
        "kode (?:verifikasi|otp)",
    )
)
"""A pattern of the names of codes of four to eight digits."""
DOORS = "|".join(
    (
        r"(?:(?:front|back|main) )?(?:door|gate|alarm|entry|entrance|garage|safe|lock ?box|keypad|unlock|lobby"
        r"|apartment)"
        r"[ -](?:key ?)?code|code (?:for|to|of) (?:the |my |our |your )?(?:(?:front|back|main) )?"
        r"(?:door|gate|alarm|entrance|garage|safe|lock ?box|building|apartment|lobby)",
        "(?:garage |gate |door )?(?:lock ?box|key ?pad)",
        "(?:tür|haustür|tor|garagen|alarm|safe|schlüsselbox)[- ]?code",
        r"digicode|code (?:de (?:la |l['’])?|du |d['’])?(?:porte|portail|immeuble|entrée|interphone|alarme"
        r"|garage|coffre)",
        "código (?:de |da |do |del )?(?:la )?(?:puerta|portal|portón|entrada|alarma|alarme|caja fuerte|porta"
        "|portão|garaje)",
        r"codice (?:del |della |dell['’]|di )?(?:porta|portone|cancello|ingresso|allarme|cassaforte)",
        "(?:deur|poort|alarm|kluis)code|(?:dörr|port|larm)kod|(?:dør|port|alarm)kode|ovikoodi",
        "kod do (?:drzwi|bramy|domofonu|furtki|alarmu|sejfu|garażu)|kód (?:od|ke?) (?:dveřím?|brány|vratům|alarmu)",
        "код (?:от |для )?(?:домофона|двери|подъезда|калитки|ворот|сигнализации|сейфа)|код (?:від )?(?:домофону"
        "|дверей|під['’]їзду)",
        "kapı (?:kodu|şifresi)|mã (?:cửa|cổng)|kode (?:pintu|gerbang)|门禁密码|門禁密碼|大门密码|ドアコード"
        "|玄関の暗証番号|현관 ?비밀번호",
        "كود (?:الباب|البوابة)|קוד (?:כניסה|הדלת|לדלת|השער)|दरवाज़े का कोड|รหัส(?:ประตู|เข้าตึก)",
    )
)
"""A pattern of the names of codes that open a door, which may have a letter or end with the `#` of their keys."""
PINS = "|".join(
    (
        r"pin[-_ ]?(?:(?:code|nummer|k[oó]d|koodi|tunnus|код)\w{0,3}|numbers?|no\.?|nr\.?)|geheimzahl|puk",
        r"code (?:pin|secret)|codice (?:pin|segreto)|c[óo]digo (?:pin|secreto)|kod(?:ul)? pin|tunnusluku",
        r"pin kod(?:u|um|unuz)?|mã pin|п[иі]н(?:[- ]?код\w{0,2})?|暗証番号|暗证码|pin ?[码碼]|pin ?コード",
        r"个人识别码|핀 ?번호|pin ?번호",
        r"पिन(?: ?(?:कोड|नंबर))?|পিন(?: ?(?:কোড|নম্বর))?|الرقم السري|رقم التعريف الشخصي|(?:رمز|رقم|كود) pin|پین(?: ?کد)?",
        r"קוד (?:סודי|pin)|รหัส ?(?:pin|พิน)|พิน",
    )
)
"""A pattern of the names of PINs but `PIN` alone, which the wire of a circuit is, too."""
