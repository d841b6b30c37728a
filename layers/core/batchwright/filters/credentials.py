"""What the keys, tokens and passwords of the usual providers look like: one row a format.

From the providers' own pages on their formats; prefixes are there so that keys can be found. Patterns are RE2's.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Credential:
    """One format. The group ``secret`` is what is found, else the whole."""

    kind: str
    needs: tuple[str, ...]
    """Literals, one of which is in every text that holds one."""
    pattern: str
    gate: str = ""
    """Instead of the literals, a pattern that is in every text that holds one."""
    loose: bool = False
    """Whether it is told by the words before it: then what is found must look like chance."""
    confidence: float = 0.99


# A name for something secret, and what gives it a value.
_NAMED = (
    r"(?i)(?:passw(?:or)?d|passwd|passphrase|pwd|secret|token|api[ _-]?key|access[ _-]?key|account[ _-]?key"
    r"|auth[ _-]?key|signing[ _-]?key|encryption[ _-]?key|credentials?)[\w.-]{0,20}[\"'`\])]{0,2}"
    r"(?:\s{0,3}(?:=>|:=|==|=|:|>)|\s(?:is|was|ist|lautet|est|es)\s)"
)
_ASSIGNED = _NAMED + r"\s{0,3}[\"'`]{0,2}(?P<secret>[^\s\"'`,;<>{}()\[\]]{8,200})"
_AWS_NAMED = r"(?i)(?:aws[\w.\s\"'-]{0,30}(?:secret|key)|secret[ _-]?access[ _-]?key)"
_NEAR = r"(?i)\b(?:key|token|secret|auth|credentials?)\W{1,5}(?:\w{1,20}\W{1,5}){0,3}"

CREDENTIALS: tuple[Credential, ...] = (
    # Clouds
    Credential(
        "aws_key", ("AKIA", "ASIA", "ABIA", "ACCA"), r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"
    ),
    Credential(
        "aws_key",
        (),
        _AWS_NAMED + r"[\w.\"'\]\s-]{0,20}[=:>]{1,2}\s{0,3}[\"'`]?"
        r"(?P<secret>[A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)",
        gate=_AWS_NAMED,
        loose=True,
    ),
    Credential("aws_key", ("ABSK",), r"\bABSK[A-Za-z0-9+/]{100,}={0,2}"),
    Credential("gcp_key", ("AIza",), r"\bAIza[0-9A-Za-z_-]{35}"),
    Credential("gcp_key", ("GOCSPX-",), r"\bGOCSPX-[0-9A-Za-z_-]{28}"),
    Credential("gcp_key", ("ya29.",), r"\bya29\.[0-9A-Za-z_-]{20,}"),
    Credential(
        "gcp_key",
        ("private_key_id",),
        r"private_key_id[\"']?\s{0,3}:\s{0,3}[\"'](?P<secret>[0-9a-f]{40})",
    ),
    Credential(
        "azure_key",
        ("AccountKey=", "SharedAccessKey="),
        r"(?:Account|SharedAccess)Key=(?P<secret>[A-Za-z0-9+/]{40,}={0,2})",
    ),
    Credential("azure_key", ("sig=",), r"[?&]sig=(?P<secret>[A-Za-z0-9%+/]{40,}={0,2})"),
    Credential("azure_key", ("8Q~", "7Q~"), r"\b[A-Za-z0-9_~.]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}"),
    Credential("digitalocean_token", ("_v1_",), r"\bdo[opr]_v1_[a-f0-9]{64}\b"),
    Credential("cloudflare_token", ("v1.0-",), r"\bv1\.0-[a-f0-9]{24}-[a-f0-9]{100,}"),
    Credential("heroku_key", ("HRKU-",), r"\bHRKU-[0-9A-Za-z_-]{30,}"),
    Credential("alibaba_key", ("LTAI",), r"\bLTAI[A-Za-z0-9]{12,20}\b"),
    # Code and packages
    Credential(
        "github_token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
        r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b",
    ),
    Credential("github_token", ("github_pat_",), r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b"),
    Credential(
        "gitlab_token",
        ("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glsoat-", "glimt-"),
        r"\bgl(?:pat|dt|rt|ptt|cbt|ft|soat|imt)-[A-Za-z0-9_.-]{20,}",
    ),
    Credential("npm_token", ("npm_",), r"\bnpm_[A-Za-z0-9]{36}\b"),
    Credential("pypi_token", ("pypi-",), r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    Credential("rubygems_key", ("rubygems_",), r"\brubygems_[a-f0-9]{48}\b"),
    Credential("docker_token", ("dckr_",), r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{27,}"),
    Credential(
        "atlassian_token",
        ("ATATT3", "ATCTT3", "ATBB"),
        r"\b(?:AT[AC]TT3[A-Za-z0-9_=-]{50,}|ATBB[A-Za-z0-9]{32})",
    ),
    Credential("postman_key", ("PMAK-",), r"\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}\b"),
    Credential("linear_key", ("lin_api_",), r"\blin_api_[A-Za-z0-9]{40}\b"),
    Credential(
        "terraform_token", (".atlasv1.",), r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}"
    ),
    Credential("vault_token", ("hvs.", "hvb.", "hvr."), r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}"),
    Credential("doppler_token", ("dp.",), r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{40,}"),
    # Models
    Credential("anthropic_key", ("sk-ant-",), r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    Credential(
        "openai_key",
        ("sk-proj-", "sk-svcacct-", "sk-admin-", "sk-None-"),
        r"\bsk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}",
    ),
    Credential("openai_key", ("T3BlbkFJ",), r"\bsk-[A-Za-z0-9_-]{10,}T3BlbkFJ[A-Za-z0-9_-]{10,}"),
    Credential("openrouter_key", ("sk-or-",), r"\bsk-or-v1-[a-f0-9]{64}\b"),
    Credential("huggingface_token", ("hf_", "api_org_"), r"\b(?:hf_|api_org_)[A-Za-z0-9]{30,40}\b"),
    Credential("replicate_token", ("r8_",), r"\br8_[A-Za-z0-9]{37}\b"),
    Credential("groq_key", ("gsk_",), r"\bgsk_[A-Za-z0-9]{52}\b"),
    Credential("perplexity_key", ("pplx-",), r"\bpplx-[A-Za-z0-9]{40,}\b"),
    Credential("xai_key", ("xai-",), r"\bxai-[A-Za-z0-9]{60,}\b"),
    # Money
    Credential(
        "stripe_key",
        ("sk_live_", "sk_test_", "rk_live_", "rk_test_"),
        r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}\b",
    ),
    Credential("stripe_key", ("whsec_",), r"\bwhsec_[A-Za-z0-9+/]{32,}"),
    Credential(
        "square_token",
        ("sq0atp-", "sq0csp-", "EAAA"),
        r"\b(?:sq0(?:atp|csp)-[A-Za-z0-9_-]{22,}|EAAA[A-Za-z0-9_-]{60})",
    ),
    Credential(
        "shopify_token",
        ("shpat_", "shpca_", "shppa_", "shpss_"),
        r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b",
    ),
    Credential(
        "paypal_token",
        ("access_token$production$",),
        r"access_token\$production\$[a-z0-9]{16}\$[a-f0-9]{32}",
    ),
    # Messages
    Credential(
        "slack_token",
        ("xox", "xapp-"),
        r"\b(?:xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{20,})",
    ),
    Credential(
        "slack_token",
        ("hooks.slack.com",),
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9/_+-]{20,})",
    ),
    Credential(
        "discord_token",
        ("discord.com/api/webhooks", "discordapp.com/api/webhooks"),
        r"/api/webhooks/\d{15,20}/(?P<secret>[A-Za-z0-9_-]{60,})",
    ),
    Credential(
        "discord_token",
        (),
        r"\b[MNO][A-Za-z\d_-]{23,25}\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27,38}\b",
        gate=r"[MNO][A-Za-z\d_-]{23,25}\.[A-Za-z\d_-]{6}\.",
    ),
    Credential("telegram_token", (":AA",), r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}\b"),
    Credential("twilio_key", ("SK",), r"\bSK[0-9a-f]{32}\b"),
    Credential("sendgrid_key", ("SG.",), r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),
    Credential("mailgun_key", ("key-",), r"\bkey-[0-9a-f]{32}\b"),
    Credential("mailchimp_key", ("-us",), r"\b[0-9a-f]{32}-us\d{1,2}\b"),
    Credential("firebase_key", (":APA91b",), r"\bAAAA[A-Za-z0-9_-]{7}:APA91b[A-Za-z0-9_-]{100,}"),
    Credential("facebook_token", ("EAA",), r"\bEAA[A-Za-z0-9]{80,}\b"),
    # Watching and documents
    Credential(
        "grafana_token",
        ("glsa_", "glc_"),
        r"\b(?:glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_[A-Za-z0-9+/]{32,}={0,2})",
    ),
    Credential(
        "newrelic_key", ("NRAK-", "NRII-", "NRJS-"), r"\bNR(?:AK|II|JS)-[A-Za-z0-9_-]{19,32}"
    ),
    Credential("sentry_token", ("sntrys_", "sntryu_"), r"\bsntry[su]_[A-Za-z0-9+/=_]{40,}"),
    Credential("databricks_token", ("dapi",), r"\bdapi[0-9a-f]{32}(?:-\d)?\b"),
    Credential(
        "notion_token", ("ntn_", "secret_"), r"\b(?:ntn_[A-Za-z0-9]{43,}|secret_[A-Za-z0-9]{43})\b"
    ),
    Credential(
        "airtable_token",
        (),
        r"\bpat[A-Za-z0-9]{14}\.[a-f0-9]{64}\b",
        gate=r"pat[A-Za-z0-9]{14}\.",
    ),
    Credential("figma_token", ("figd_",), r"\bfigd_[A-Za-z0-9_-]{40,}"),
    Credential("dropbox_token", ("sl.",), r"\bsl\.[A-Za-z0-9_-]{100,}"),
    Credential("supabase_key", ("sbp_",), r"\bsbp_[a-f0-9]{40}\b"),
    Credential(
        "planetscale_token", ("pscale_",), r"\bpscale_(?:pw|tkn|oauth)_[A-Za-z0-9._=-]{32,}"
    ),
    Credential("age_key", ("AGE-SECRET-KEY-1",), r"\bAGE-SECRET-KEY-1[A-Z0-9]{58}\b"),
    # Whatever the provider
    Credential(
        "private_key",
        ("-----BEGIN",),
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        # A dash is part of a header ("Proc-Type"), five are the end; so no two keys share a letter.
        r"(?:[A-Za-z0-9+/=\s:,.\\]|-[A-Za-z0-9])*(?:-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----)?",
    ),
    Credential("jwt", ("eyJ",), r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    Credential(
        "url_password",
        ("://",),
        r"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s:/@\"'<>]{0,100}:(?P<secret>[^\s/@\"'<>]{3,200})@[A-Za-z0-9\[]",
        confidence=0.9,
    ),
    Credential(
        "bearer_token",
        (),
        r"(?i)\bbearer\s+(?P<secret>[A-Za-z0-9._~+/-]{20,}={0,2})",
        gate=r"(?i)bearer\s",
        loose=True,
        confidence=0.9,
    ),
    Credential(
        "basic_auth",
        (),
        r"(?i)authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?basic\s+(?P<secret>[A-Za-z0-9+/]{12,}={0,2})",
        gate=r"(?i)\bbasic\s+[a-z0-9+/]{12}",
        loose=True,
        confidence=0.9,
    ),
    Credential("password", (), _ASSIGNED, gate=_NAMED, loose=True, confidence=0.8),
    Credential(
        "high_entropy",
        (),
        _NEAR + r"(?P<secret>[A-Za-z0-9+/_-]{32,200}={0,2})",
        gate=_NEAR + r"[A-Za-z0-9+/_-]{32}",
        loose=True,
        confidence=0.7,
    ),
)
"""Every format, the distinctive ones first: of several that overlap, the first names the whole."""
