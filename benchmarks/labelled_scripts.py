"""Pairs of questions in ten scripts, labelled: near-duplicates, and different ones that look much the same.

Each sentence has a word that is replaced by one that differs in a vowel sign, a tone, an accent, a sign or a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from unicodedata import normalize


class Pair(NamedTuple):
    """Two questions of a script, and whether they are near-duplicates."""

    script: str
    first: str
    second: str
    is_near_duplicate: bool


_SENTENCES: dict[str, list[tuple[str, str, str]]] = {
    "Latin": [
        ("Cô giáo hỏi em bé vì sao con {} đứng một mình bên bờ ao", "ma", "má"),
        ("Hôm nay anh muốn mua một cái {} mới cho nhà bếp của mẹ", "bàn", "bán"),
        ("Which book should I read first to learn {} in one summer", "C++", "C#"),
        ("What is the safe limit of {} in a closed room at night", "CO", "Co"),
        ("How much is {} if the discount is taken off at the end", "12 + 4", "12 - 4"),
        ("Show me step by step how the teacher gets to the value of {} here", "5! / 3!", "5 / 3"),
        ("Why does my program fail when it calls {} on a new page", "getUser", "getuser"),
    ],
    "Devanagari": [
        ("मुझे बताइए कि इस गाँव में {} कब मिलेगा और कितने का होगा", "दूध", "दाध"),
        ("कल शाम को बाज़ार में {} देखकर मेरा भाई बहुत खुश हुआ था", "माला", "मेला"),
        ("क्या आप {} रुपये में यह नीला दीपक घर तक भेज सकते हैं", "५००", "६००"),
    ],
    "Bengali": [
        ("আমাকে বলুন এই গ্রামে ভালো {} কোথায় পাওয়া যায় আর দাম কত", "কলা", "কালা"),
        ("গতকাল বিকেলে নদীর ধারে {} দেখে আমার ছোট বোন খুব অবাক হলো", "তারা", "তীর"),
    ],
    "Hebrew": [
        ("אפשר לומר לי איפה נמצא {} החדש שהזמנתי לפני שבועיים מהחנות שלכם", "סֵפֶר", "סַפָּר"),
        ("כמה זמן צריך לחכות עד שיגיעו {} מנורות כחולות אל הבית שלי", "12", "21"),
    ],
    "Arabic": [
        ("من فضلك أخبرني متى يصل {} الجديد إلى بيتي في المدينة القديمة", "كِتَاب", "كُتَّاب"),
        ("هل يمكنني أن أدفع ثمن {} مصابيح زرقاء بعد وصولها إلى البيت", "٥", "٧"),
    ],
    "Cyrillic": [
        ("Подскажите пожалуйста когда придёт мой новый {} и где его можно забрать", "замок", "замо́к"),
        ("Сколько стоит доставка {} синих ламп в маленькую деревню за рекой", "15", "50"),
    ],
    "Hangul": [
        ("어제 주문한 파란색 {} 언제 우리 집에 도착하는지 알려 주실 수 있나요", "발이", "벌이"),
        ("새로 산 전등 {} 고장 나서 다른 것으로 바꾸고 싶은데 어떻게 하나요", "3개가", "8개가"),
    ],
    "Han": [
        ("请告诉我昨天在你们商店订购的那盏{}色台灯什么时候可以送到我家里", "蓝", "绿"),
        ("这个新的程序为什么不能{}十二个文件同时发送到另外一台电脑上", "把", "被"),
    ],
    "Kana": [
        ("きのう注文した青いランプがいつ家に届くのか{}で教えてください", "はし", "ばし"),
        ("このあたりで一番おいしい{}を売っている店はどこにありますか", "パン", "バン"),
    ],
    "Thai": [
        ("ช่วยบอกหน่อยได้ไหมว่าร้านขายโคมไฟที่อยู่{}บ้านของฉันเปิดกี่โมง", "ใกล้", "ไกล"),
        ("เมื่อวานนี้แม่ของฉันไปตลาดเพื่อซื้อ{}ตัวใหม่ให้น้องชายคนเล็ก", "เสื้อ", "เสือ"),
    ],
    "Lao, Khmer, Burmese": [
        ("ກະລຸນາບອກຂ້ອຍແດ່ວ່າຮ້ານຂາຍ{}ທີ່ຢູ່ໃກ້ເຮືອນຂອງຂ້ອຍເປີດຈັກໂມງ", "ປາ", "ປ່າ"),
        ("សូមប្រាប់ខ្ញុំផងថាតើហាងលក់{}នៅជិតផ្ទះរបស់ខ្ញុំបើកម៉ោងប៉ុន្មាន", "ត្រី", "ត្រា"),
        ("ကျွန်တော့်အိမ်နားမှာရှိတဲ့{}ဆိုင်ကဘယ်အချိန်မှာဖွင့်သလဲပြောပြပေးပါ", "ငါး", "ငှါး"),
    ],
}


def pairs() -> Iterator[Pair]:
    """All pairs of all scripts."""
    for script, sentences in _SENTENCES.items():
        for sentence, word, other in sentences:
            first, second = sentence.format(word), sentence.format(other)
            yield Pair(script, first, second, False)
            for same in (normalize("NFD", first), f"  {first[:1].upper()}{first[1:]} !", f"«{first}»…"):
                yield Pair(script, first, same, True)
            yield Pair(script, normalize("NFD", first), second, False)
