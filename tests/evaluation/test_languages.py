"""Metrics on texts of many scripts, and on English ones against the libraries and scripts that define them."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF, TER

from fine_tuning.evaluation import bleu_chrf_ter, metrics, text_forms, token_f1


def score(name: str, prediction: str, reference: str) -> float:
    return metrics.find(name).score(prediction, reference)


SENTENCES = [
    "Заказ пришёл поздно",
    "订单晚到请退款",
    "注文が遅れました",
    "कृपया पैसे वापस करें",
    "கொள்முதல் தாமதம் ஆனது",
    "কৃপয়া টাকা ফেরত দিন",
    "กรุณาคืนเงินให้ฉัน",
    "ກະລຸນາຄືນເງິນ",
    "សូមសងប្រាក់មកវិញ",
    "ငွေပြန်အမ်းပေးပါ",
    "བོད་སྐད་ཡིག་ཚང",
    "주문이 늦게 도착했습니다",
    "الطلب وصل متأخرا جدا",
    "سفارش دیر رسید می‌خواهم",
    "ההזמנה הגיעה באיחור",
    "Đơn hàng đến muộn rồi",
    "የትዕዛዝ ገንዘብ ይመለስ",
    "Η παραγγελία άργησε πολύ",
    "Sipariş geç geldi ışık",
    "Ọjà náà pẹ́ jù ẹ̀ẹ́",
]


@pytest.mark.parametrize("name", ["exact_match", "token_f1", "rouge1", "rouge2", "rougeL", "edit_similarity"])
@pytest.mark.parametrize("text", SENTENCES)
def test_metric_of_equal_texts_in_any_script_is_one(name: str, text: str) -> None:
    assert score(name, text, text) == pytest.approx(1)
    assert score(name, normalize("NFD", text), normalize("NFC", text)) == pytest.approx(1)
    assert score(name, text, "Something else entirely") < 0.3


@pytest.mark.parametrize("text", SENTENCES)
def test_corpus_scores_of_equal_texts_in_any_script_are_best(text: str) -> None:
    composed, decomposed = normalize("NFC", text), normalize("NFD", text)
    assert bleu_chrf_ter.score(decomposed, composed, "bleu") == pytest.approx(100)
    assert bleu_chrf_ter.corpus_score([decomposed], [composed], "chrf") == pytest.approx(100)
    assert bleu_chrf_ter.corpus_score([decomposed], [composed], "ter") == 0


@pytest.mark.parametrize(
    ("name", "prediction", "reference", "expected"),
    [
        ("rougeL", "大阪 3", "東京 3", 1 / 3),
        ("rouge1", "Москва 5", "Казань 5", 0.5),
        ("rouge1", "订单晚到", "订单早到", 0.75),
        ("rouge2", "订单晚到", "订单早到", 1 / 3),
        ("rouge1", "用GPU训练", "用 GPU 训练", 1.0),
        ("rouge1", "दो रुपये", "दस रुपये", 0.5),
        ("rouge1", "ｶﾞｽ", "ガス", 1.0),
        ("rouge1", "न हीं", "नहीं", 0.0),
        ("rouge1", "STRASSE", "Straße", 1.0),
        ("rouge1", "5\ufe0f\u20e3 lamps", "5 lamps", 1.0),
        ("rouge1", "co\u00adoperate", "cooperate", 1.0),
        ("rouge1", "п\u02bcять", "п'ять", 1.0),
        ("token_f1", "का", "की", 0.0),
        ("token_f1", "हिन्दी", "हनद", 0.0),
        ("token_f1", "नहीं दिया", "नहा दया", 0.0),
        ("token_f1", "नहीं दिया", "नहीं लिया", 0.5),
        ("token_f1", "น้ำ", "นำ", 0.0),
        ("token_f1", "น้\u0e4d\u0e32", "น้ำ", 1.0),
        ("token_f1", "كِتَاب", "كتاب", 0.0),
        ("token_f1", "كتـــاب", "كتاب", 1.0),
        ("token_f1", "\ufedb\ufe98\ufe8e\ufe8f", "كتاب", 1.0),
        ("token_f1", "是红色的。", "红色", 2 / 3),
        ("token_f1", "«Да», — ответил он…", "да ответил он", 1.0),
        ("token_f1", "¿Sí?", "sí", 1.0),
        ("token_f1", "هل وصل الطلب؟", "هل وصل الطلب", 1.0),
        ("token_f1", "བོད་ཡིག", "བོད་སྐད", 0.5),
        ("token_f1", "IŞIK", "ışık", 1.0),
        ("token_f1", "DİYARBAKIR", "Diyarbakır", 1.0),
        ("token_f1", "İstanbul", "istanbul", 1.0),
        ("token_f1", "sinir", "sınır", 0.0),
        ("token_f1", "ΟΔΟΣ", "οδός", 0.0),
        ("token_f1", "ΟΔΟΣ", "οδος", 1.0),
        ("token_f1", "ＧＰＵ　１２", "gpu 12", 1.0),
        ("token_f1", "tổ quốc", "to quoc", 0.0),
        ("token_f1", "$5", "€5", 0.0),
        ("token_f1", "a\u0331 x", "x", 2 / 3),
        ("substring_match", "straße", "STRASSE 5", 1.0),
        ("substring_match", "İstanbul", "istanbul'da", 1.0),
        ("substring_match", "ışık", "BİR IŞIK", 1.0),
        ("substring_match", "ﬁnd", "Find it", 1.0),
        ("substring_match", "e\u0301te", "L'ÉTÉ", 0.0),
        ("substring_match", "e\u0301te\u0301", "L'ÉTÉ", 1.0),
        ("substring_match", "\u200b", "x", 0.0),
        ("exact_match", "É", "é", 0.0),
        ("edit_similarity", "e\u0301", "é", 1.0),
        ("edit_similarity", "né", "ne", 0.5),
        ("regex", "cafe\u0301", "caf[é]", 1.0),
        ("regex", "café", "caf[e\u0301]", 1.0),
        ("regex", "e\u0301", r"e\u0301", 1.0),
        ("json_field_f1", '{"é": "é"}', '{"e\u0301": "e\u0301"}', 1.0),
        ("json_field_f1", '{"a": "É"}', '{"a": "é"}', 0.0),
    ],
)
def test_metric_scores_of_scripts_match_expected(name: str, prediction: str, reference: str, expected: float) -> None:
    assert score(name, prediction, reference) == pytest.approx(expected)


def test_macro_averages_of_labels_count_either_normal_form_as_one() -> None:
    from fine_tuning.evaluation.predictions import Predictions
    from fine_tuning.evaluation.score_predictions import score_predictions

    composed, decomposed = normalize("NFC", "né"), normalize("NFD", "né")
    predictions = Predictions.of([composed, decomposed, "oui"], [decomposed, composed, composed])
    found = score_predictions(predictions, ["exact_match"], {}, model_name="m", model_type="base", metadata={})
    assert (found.precision, found.recall) == (1.0, pytest.approx(2 / 3))


def test_bleu_and_ter_of_chinese_are_those_of_sacrebleu_tokenizers() -> None:
    references = ["订单晚到了，请退款。", "GPU 内存不足，训练失败（见日志）。", "我的账号在 2024 年被锁定了！"]
    system = ["订单来晚了，请给我退款。", "GPU 内存不够，训练失败了（看日志）。", "我的账号 2024 年锁定了！"]
    bleu, ter = BLEU(tokenize="zh"), TER(normalized=True, asian_support=True)
    assert bleu_chrf_ter.corpus_score(system, references, "bleu") == bleu.corpus_score(system, [references]).score
    assert bleu_chrf_ter.corpus_score(system, references, "ter") == ter.corpus_score(system, [references]).score
    assert bleu_chrf_ter.corpus_score(references, references, "bleu") == pytest.approx(100)


# English: its letters and digits, and signs of every kind that English texts have.
WORD = st.text(string.ascii_letters + string.digits + "'\u2019_-/.,:;!?()[]{}$%&*+=<>@#^|~`\"\\", max_size=7)
SIGN = st.sampled_from(
    ["\u201c", "\u201d", "\u2014", "\u2013", "…", "£", "€", "°", "½", "²", "™", "👍🏽", "❤\ufe0f", "•"]
)
COMMON = st.sampled_from("The the a an cat sat on mat 1,234.50 don't well-known U.S. 3.14 it's".split())
ENGLISH = st.lists(st.one_of(COMMON, WORD, SIGN), max_size=12).map(" ".join)
ASCII = st.lists(st.one_of(COMMON, WORD), max_size=12).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(ENGLISH, ENGLISH, st.sampled_from(["rouge1", "rouge2", "rougeL"]))
def test_rouge_of_english_is_that_of_rouge_score(prediction: str, reference: str, kind: str) -> None:
    oracle = rouge_scorer.RougeScorer([kind]).score(reference, prediction)[kind].fmeasure
    if not text_forms.words(prediction + reference):  # such as emoji, of which rouge-score has no figure
        oracle = float(prediction.strip() == reference.strip() != "")
    assert score(kind, prediction, reference) == oracle


@pytest.mark.parametrize("kind", ["rouge1", "rouge2", "rougeL"])
def test_rouge_of_texts_without_words_is_whether_they_are_equal(kind: str) -> None:
    texts = (
        ("👍🏽", " 👍🏽 ", 1.0),
        ("👍", "👎", 0.0),
        ("👍", "yes", 0.0),
        ("yes", "…", 0.0),
        ("", "", 0.0),
        ("¡!", "¡!", 1.0),
    )
    assert [score(kind, one, other) for one, other, _ in texts] == [expected for *_, expected in texts]


def test_token_f1_leaves_out_english_articles_only() -> None:
    pairs = [("the dog", "a dog"), ("der Hund", "ein Hund"), ("el perro", "un perro"), ("الكتاب", "كتاب")]
    assert [score("token_f1", *pair) for pair in pairs] == [1.0, 0.5, 0.5, 0.0]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(ENGLISH, ENGLISH), min_size=1, max_size=4))
def test_corpus_scores_of_english_are_those_of_sacrebleu(pairs: list[tuple[str, str]]) -> None:
    system, references = map(list, zip(*pairs, strict=True))
    for kind, oracle in (("bleu", BLEU()), ("chrf", CHRF()), ("ter", TER())):
        assert bleu_chrf_ter.corpus_score(system, references, kind) == oracle.corpus_score(system, [references]).score


def mlqa_f1(prediction: str, reference: str) -> float:
    """F1 as in MLQA's script for English, which for ASCII is SQuAD's; two texts without words are equal."""

    def words(text: str) -> list[str]:
        kept = (c for c in text.lower() if c not in string.punctuation and unicodedata.category(c)[0] != "P")
        return re.sub(r"\b(a|an|the)\b", " ", "".join(kept)).split()

    predicted, expected = words(prediction), words(reference)
    if not predicted or not expected:
        return float(predicted == expected)
    common = sum((Counter(predicted) & Counter(expected)).values())
    return 2 * common / (len(predicted) + len(expected))


@settings(max_examples=300, deadline=None)
@given(ENGLISH, ENGLISH)
def test_token_f1_of_english_is_that_of_mlqa(prediction: str, reference: str) -> None:
    plain = (text.replace("\ufe0f", "") for text in (prediction, reference))  # no sign of its own
    assert token_f1.score(prediction, reference) == mlqa_f1(*plain)


@settings(max_examples=300, deadline=None)
@given(ASCII, ASCII)
def test_edit_and_exact_match_of_ascii_ignore_only_outer_space(prediction: str, reference: str) -> None:
    assert score("exact_match", prediction, reference) == (prediction.strip() == reference.strip())
    found = prediction.strip().lower()
    assert score("substring_match", prediction, reference) == (bool(found) and found in reference.strip().lower())


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["token_f1", "rouge1", "edit_similarity", "exact_match"]),
    st.text(max_size=30),
    st.text(max_size=30),
)
def test_metric_of_any_text_is_the_same_in_either_normal_form(name: str, prediction: str, reference: str) -> None:
    composed = score(name, normalize("NFC", prediction), normalize("NFC", reference))
    assert score(name, normalize("NFD", prediction), normalize("NFC", reference)) == composed
