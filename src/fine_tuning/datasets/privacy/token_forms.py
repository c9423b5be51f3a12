"""The forms of tokens: what services begin them with, and what follows. Each is a public fact of its service."""

from __future__ import annotations

import re

# Before a token no letter or digit stands; what follows it may, where its length is not fixed.
# Prefix, `_`, and 20 or more characters.
_UNDERSCORED = """
hf api_org gsk csk r8 jina e2b pcsk tgp_v1 shpat shpss shpca shppa npm ghp gho ghu ghs ghr dop_v1 doo_v1 dor_v1 sbp
sb_secret figd figo figu figoh glsa lin_api lin_oauth whsec rubygems ntn sk_live sk_test rk_live rk_test sgp rdme
tfp pnu nfp rnd napi dckr_pat dckr_oat pscale_tkn pscale_pw pscale_oauth shippo_live shippo_test duffel_live
duffel_test sntryu CLOJARS phx phc wandb_v1 rpa squ sqp sqa vcp vck vci vca vcr bkua ddp fw CCIPAT cfut cfat cfk lip
fo1 glptt live_sk uat_live lk_live
"""
# Prefix, `-`, and 28 or more characters.
_DASHED = """
xai pplx tvly nvapi PMAK key pubkey xapp xoxe AGE-SECRET-KEY xkeysib llx tk-us pa csk sess CFPAT BBDC fio-u ico
dnkey p8e tskey-auth tskey-api tskey-client tskey-scim FLWSECK_TEST FLWSECK GOCSPX bedrock-api-key glagent gloas
glffct
"""
# Prefix, `-`, and 19 or more characters.
_SHORTER_DASHED = "HRKU NRAK NRII NRJS glpat gldt glrt glrtr glcbt glptt glft glimt glsoat"
_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_BECH32 = "[02-9ac-hj-np-z]"
_BASE58 = "[1-9A-HJ-NP-Za-km-z]"
_FORMS = (
    # Code hosts, packages, builds and infrastructure
    r"github_pat_\w{20,}|v1\.[0-9a-f]{40}|GR1348941[\w-]{20}|pypi-AgE[\w-]{40,}|oy2[a-z0-9]{43}|cio[A-Za-z0-9]{32}",
    r"ATCTT3[\w=-]{40,}|ATATT3[\w=-]{40,}|ATBB[A-Za-z0-9]{28,}|ATTA[0-9a-f]{60,}|AKCp[A-Za-z0-9]{60,}|cmVmd[A-Za-z0-9]{55,}",
    r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,}|hv[sbr]\.[\w-]{20,}|s\.(?=[A-Za-z]*\d[A-Za-z]*\d)[A-Za-z0-9]{24}(?![\w.(])|(?:pul|fc)-[0-9a-f]{32,}",
    r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,}|sha256~[\w-]{43}|(?:pat|sat)\.[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}",
    r"ops_eyJ[\w+/=-]{60,}|A3(?:-[A-Z0-9]{5,6}){5,6}(?![\w-])|API-[A-Z0-9]{26}|(?:api|sdk)-" + _UUID,
    # Clouds
    r"ABSK[A-Za-z0-9+/]{80,}={0,2}",
    r"(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz|FwoDYXdz)[A-Za-z0-9+/=]{60,}",
    r"AIza[\w-]{30,}|ya29\.[\w-]{20,}|1//0[\w-]{40,}|AQ\.Ab[\w-]{40,}|LTAI[A-Za-z0-9]{16,24}",
    r"[A-Za-z0-9_~.]{3}\dQ~[\w~.-]{31,34}|[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}|v1\.0-[0-9a-f]{24}-[0-9a-f]{100,}",
    # Chats, mail, work
    r"xoxe\.xox[bp]-\d-[A-Za-z0-9]{40,}|xox[abcdeoprs]-[A-Za-z0-9%][\w%+/=-]{18,}|oauth:[a-z0-9]{30}(?![a-z0-9])",
    r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![0-9a-f-])|re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}",
    r"secret_(?:a_)?[A-Za-z0-9]{40,}|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}|[12]/\d{10,}(?:/\d{10,})?:[0-9a-f]{32}",
    r"sl\.(?:u\.)?[\w-]{60,}|pat-[a-z]{2}\d-[0-9a-f-]{36}|1000\.[0-9a-f]{32}\.[0-9a-f]{32}",
    # Models
    r"sk-(?:[A-Za-z]{1,20}\d{0,4}-){0,4}[A-Za-z0-9_-]{20,}|sk_[0-9a-f]{40,}|lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{8,12}|ls__[0-9a-f]{32}",
    r"dapi[0-9a-f]{32}(?:-\d)?|a[ks]-[A-Za-z0-9]{22}(?![A-Za-z0-9-])",
    r"AAAA[\w-]{7}:APA91b[\w-]{100,}",
    # Payments and shops
    r"EZ[AT]K[A-Za-z0-9]{40,}|EAAA[\w-]{56,}|EAA[A-Za-z0-9]{90,}|sq0(?:atp|csp)-[\w-]{22,}|rzp_(?:live|test)_[A-Za-z0-9]{14}",
    r"access_token\$(?:production|sandbox)\$[a-z0-9]{10,}\$[0-9a-f]{32}|access-(?:production|development|sandbox)-"
    + _UUID,
    # Monitoring
    r"dt0c01\.[A-Z2-7]{24}\.[A-Z2-7]{64}|sntrys_[\w=+/-]{40,}|[0-9a-f]{36}NRAL|pub[0-9a-f]{32}(?![0-9a-f])",
    r"glc_[A-Za-z0-9+/]{32,}={0,2}|eyJrIjoi[A-Za-z0-9+/]{60,}={0,2}",
    r"(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[\w+/=-]{30,}",
    r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk|sm_[psa]at_[A-Za-z0-9]{16}|s-s4t2(?:ud|af)-[0-9a-f]{64}|ES_[0-9a-f]{32}",
    r"0x4AAAAAAA[\w-]{20,}|A{20}[A-Za-z0-9]+%[A-Za-z0-9%]{20,}",
    # Signed tokens, signed and encrypted; wallets
    r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}|eyJ[\w-]{10,}(?:\.[\w-]{10,}){3}\.[\w-]{10,}",
    rf"(?:[KL]{_BASE58}{{51}}|5[HJK]{_BASE58}{{49}}|[xyztuvYZUV]prv{_BASE58}{{100,}})(?![A-Za-z0-9])|nsec1{_BECH32}{{58}}",
    r"AGE-SECRET-KEY-PQ-1[A-Z0-9]{58,}",
)


def _any(prefixes: str) -> str:
    return "|".join(map(re.escape, prefixes.split()))


TOKEN = re.compile(
    rf"(?<![A-Za-z0-9])(?:(?:{_any(_UNDERSCORED)})_[A-Za-z0-9_=-]{{20,}}|(?:{_any(_DASHED)})-[A-Za-z0-9+/_=-]{{28,}}"
    rf"|(?:{_any(_SHORTER_DASHED)})-[A-Za-z0-9_-]{{19,}}(?:\.\d\d\.[a-z0-9]{{7,9}})?|{'|'.join(_FORMS)})",
    re.ASCII,
)
WORD = re.compile(r"[A-Za-z0-9_+/=.:~$%@-]{20,}")
"""All characters of such a token."""
HOOK = re.compile(
    r"https?://(?:"
    r"(?:discord(?:app)?\.com/api/webhooks/\d+|hooks\.slack(?:-gov)?\.com/(?:workflows|triggers|services)/[\w/]+"
    r"|[\w-]+\.webhook\.office\.com/webhookb2/[\w@-]+/IncomingWebhook|hooks\.zapier\.com/hooks/catch/\d+"
    r"|maker\.ifttt\.com/(?:trigger/[\w-]+/(?:json/)?with/key|use)|open\.(?:feishu\.cn|larksuite\.com)/open-apis/bot/v2/hook)"
    r"/(?P<value>[\w-]{6,}(?:/[\w-]{20,})?)"
    r"|hook\.[a-z0-9.]*(?:make|integromat)\.com/(?P<path>\w{20,})"
    r"|(?P<user>[0-9a-f]{32})@[\w.-]+/\d+)",
    re.ASCII,
)
"""Addresses whose last part, or user, lets anybody write there; it is in the group that matched."""
