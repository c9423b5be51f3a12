"""Tokens of many services are found in prose, arguments of tools, code and addresses; ids and names that look so stay.

Tokens are put together here, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import json
import random
import re
import string
from collections.abc import Iterator

import pytest

from fine_tuning.datasets.privacy.found import masked
from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.secret_finder import secrets

LETTERS, HEX = string.ascii_letters + string.digits, "0123456789abcdef"
ALPHABETS = {
    "w": LETTERS,
    "-": LETTERS + "-_",
    "h": HEX,
    "d": string.digits,
    "U": string.ascii_uppercase + string.digits,
    "A": string.ascii_uppercase + "234567",
    "l": string.ascii_lowercase + string.digits,
    "/": LETTERS + "+/",
    "b": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    "e": "023456789acdefghjklmnpqrstuvwxyz",
}
# `{w24}` stands for 24 characters of the alphabet `w`.
FORMS = """
npm_{w36} glpat-{-20} glpat-{-27}.01.{l9} gldt-{-20} glrt-{-20} GR1348941{-20} glcbt-64_{-20} gloas-{-64}
dckr_pat_{-27} hf_{w34} dapi{h32} shpat_{h32} EAAA{-60} sq0atp-{-22} SK{h32} SG.{-22}.{-43} key-{h32} {h32}-{h8}-{h8}
sk_live_{w24} rk_live_{w99} whsec_{w32} xoxb-{d12}-{d13}-{w24} xoxe.xoxp-1-{U163} xoxd-{/80} xapp-1-A{U10}-{d13}-{h64}
{w3}8Q~{-34} {w76}AZDO{w4} AKIA{A16} IQoJb3JpZ2luX2VjE{/400}== FwoGZXIvYXdzE{/300}= ABSK{/120}= ya29.{-100} AIza{-35}
GOCSPX-{-28} 1//0{-60} AQ.Ab8RN6{-44} AGE-SECRET-KEY-1{U58} pypi-AgEIcHlwaS5vcmc{-150} pypi-AgENdGVz{-90} K{b51}
L{b51} 5J{b49} xprv9s21ZrQH143K{b95} nsec1{e58} eyJhbGciOiJSUzI1NiIs{w40}.eyJpc3MiOiJ{w90}.{-342} ntn_{d11}{w35}
secret_{w43} lin_api_{w40} lin_oauth_{h64} figd_{-40} glsa_{w32}_{h8} glc_eyJv{/80}== eyJrIjoi{w80}== hvs.{-92}
hvb.{-140} s.4aB7{w20} {w14}.atlasv1.{-67} pul-{h40} dp.pt.{w43} dp.st.dev.{w43} sntryu_{h64}
sntrys_eyJpYXQiO{/60}=_{/43} NRAK-{U27} {h36}NRAL v1.0-{h24}-{h146} cfut_{w48} dop_v1_{h64} HRKU-AA{-58}
ATATT3xFf{-170}={U8} ATCTT3xFf{-170}={U8} ATBB{w32} sl.u.{-130} pat{w14}.{h64} PMAK-{h24}-{h34} sk-{w20}T3BlbkFJ{w20}
sk-proj-{-74}T3BlbkFJ{-74} sk-svcacct-{-74}T3BlbkFJ{-74} sk-ant-api03-{-93}AA gsk_{w52} xai-{w80} pplx-{w48} r8_{w37}
fw_{w24} sk-or-v1-{h64} sk_{h48} lsv2_pt_{h32}_{h10} csk-{l48} pa-{-43} pcsk_{w6}_{w60} rpa_{U40} ops_eyJ{/300}
A3-{U6}-{U6}-{U5}-{U5}-{U5}-{U5} EAAM{w160} sha256~{-43} rubygems_{h48} squ_{h40} cmVmd{w59} tskey-auth-{w12}-{w32}
CFPAT-{-43} 1/{d16}:{h32} vcp_{w56} CCIPAT_{w22}_{h40} bkua_{h40} oy2{l43} re_{w8}_{w24}
access_token$production$a1{l14}${h32} 1000.{h32}.{h32} ATTA{h72} AAAAAAAAAAAAAAAAAAAAAB{w80}%3D{w20}
""".split()
PUBLIC = """
chatcmpl-{w29} call_{w24} toolu_01{w22} req_011{w21} msg_01{w22} file-{w24} cus_{w14} evt_1{w23} sha256:{h64} {h40}
req-{h8}-{h4}-{h4}-{h4}-{h12} sha512-{/86}== 0x{h64} ssh-rsa_AAAAB3NzaC1yc2E{w90} npub1{e58} xpub661MyMwAqRbcF{b95}
Qm{b44} AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA key-management-service-account-2-for-production 1A1z{b30}
wf_{w20} pa-training-data-for-english-to-french-2024-edition re_module_v2_of_the_standard_library
tfp_distributions_normal_v2_log secret_santa_generator_for_offices_v2_2024 napi_get_value_bigint_uint64
lip_sync_wav2vec_model_checkpoint_final sk-learn-compatible-estimators-for-time-series-2024 s.objectForKeyedSubscript1
A3-size fc-barcelona-real-madrid-2024-final https://discord.com/channels/123456789012345678/123456789012345678
sdk-core-2.1.0-20240101-linux-amd64-release
""".split()
HOOKS = [
    ("https://hooks.slack.com/workflows/T{U8}/A{U10}/{d18}/", "{w24}"),
    ("https://acme.webhook.office.com/webhookb2/{h8}@{h8}/IncomingWebhook/", "{h32}"),
    ("https://hooks.zapier.com/hooks/catch/{d7}/", "{l9}"),
    ("https://maker.ifttt.com/trigger/door/with/key/", "{w22}"),
    ("https://discord.com/api/webhooks/{d18}/", "{-68}"),
    ("Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=", "{/43}="),
]


def made(form: str, seed: int = 5) -> str:
    """The form with characters by chance, of which one is a digit and one a letter where there may be."""
    chosen = random.Random(form + str(seed))

    def part(match: re.Match[str]) -> str:
        return "".join(chosen.choice(ALPHABETS[match[1]]) for _ in range(int(match[2])))

    value = re.sub(r"\{(.)(\d+)\}", part, form)
    return value if re.search(r"\d.*\d", value) and not value.endswith(("-", "/")) else made(form, seed + 1)


def places(value: str) -> Iterator[str]:
    yield f"Use {value} for the deploy, please."
    yield f"请用{value}登录"
    call = {"function": {"name": "run", "arguments": json.dumps({"command": f"login {value} now"})}}
    yield json.dumps({"messages": [{"role": "assistant", "tool_calls": [call]}]})
    yield f'client = Client("{value}")\n'
    yield f"GET https://api.example.com/v1/{value}?page=1"


@pytest.mark.parametrize("form", FORMS)
def test_token_of_a_service_is_masked_in_every_place(form: str) -> None:
    value = made(form)
    for text in places(value):
        hidden = masked(text, find_in(text, secrets()))
        assert value[-12:] not in hidden
        if text.startswith("{"):
            json.loads(hidden)


@pytest.mark.parametrize("form", PUBLIC)
def test_id_or_name_like_a_token_stays(form: str) -> None:
    text = f'See {form if "{" not in form else made(form)} in x = "a".'
    assert find_in(text, secrets()) == []


@pytest.mark.parametrize(("before", "secret"), HOOKS)
def test_address_keeps_all_but_its_secret(before: str, secret: str) -> None:
    start, value = (
        re.sub(r"\{(.)(\d+)\}", lambda each: made(each[0]) if each[1] != "U" else "A1" * 4, before),
        made(secret),
    )
    hidden = masked(f"Send it to {start}{value} now", find_in(f"Send it to {start}{value} now", secrets()))
    assert value not in hidden
    assert hidden.endswith(" now")
