"""Keys, tokens and passwords as the usual providers make them, drawn by chance; and sentences that hold none."""

import base64
import string
from collections.abc import Callable
from random import Random

LOWER_HEX = "0123456789abcdef"
LETTERS = string.ascii_letters
WORD = string.ascii_letters + string.digits
URL = WORD + "-_"
BASE64 = WORD + "+/"

type Draw = Callable[[Random], str]


def drawn(alphabet: str, length: int) -> Draw:
    return lambda chance: "".join(chance.choices(alphabet, k=length))


def joined(*parts: str | Draw) -> Draw:
    return lambda chance: "".join(part if isinstance(part, str) else part(chance) for part in parts)


def one_of(*words: str) -> Draw:
    return lambda chance: chance.choice(words)


def jwt(chance: Random) -> str:
    parts = (
        b'{"alg":"HS256","typ":"JWT"}',
        b'{"sub":"%d"}' % chance.getrandbits(60),
        chance.randbytes(32),
    )
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def discord(chance: Random) -> str:
    user = base64.b64encode(str(chance.randrange(10**17, 10**18)).encode()).decode().rstrip("=")
    return f"{user}.{drawn(URL, 6)(chance)}.{drawn(URL, 38)(chance)}"


def private_key(kind: str) -> Draw:
    def draw(chance: Random) -> str:
        body = base64.encodebytes(chance.randbytes(600)).decode()
        return f"-----BEGIN {kind}-----\n{body}-----END {kind}-----"

    return draw


def password(chance: Random) -> str:
    while True:
        found = drawn(WORD + "!@^&*-_+", chance.randint(10, 20))(chance)
        if (
            any(map(str.isdigit, found))
            and any(map(str.islower, found))
            and found[0] in WORD
            and found[-1] in WORD
        ):
            return found


FORMATS: dict[str, tuple[Draw, ...]] = {
    "aws_key": (
        joined(one_of("AKIA", "ASIA"), drawn(string.ascii_uppercase + "234567", 16)),
        joined("AWS_SECRET_ACCESS_KEY=", drawn(BASE64, 40)),
        joined('"aws_secret_access_key": "', drawn(BASE64, 40), '"'),
        joined("aws_secret_key = '", drawn(BASE64, 40), "'"),
    ),
    "gcp_key": (
        joined("AIza", drawn(URL, 35)),
        joined("GOCSPX-", drawn(URL, 28)),
        joined("ya29.", drawn(URL, 60)),
        joined('"private_key_id": "', drawn(LOWER_HEX, 40), '"'),
    ),
    "azure_key": (
        joined("AccountName=shop;AccountKey=", drawn(BASE64, 86), "==;EndpointSuffix=core"),
        joined("https://shop.blob.core.windows.net/a?sv=2024-11-04&sig=", drawn(WORD, 43), "%3D"),
        joined(drawn(WORD, 3), "8Q~", drawn(WORD + "_~.-", 34)),
    ),
    "digitalocean_token": (joined("dop_v1_", drawn(LOWER_HEX, 64)),),
    "github_token": (
        joined(one_of("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), drawn(WORD, 36)),
        joined("github_pat_", drawn(WORD, 22), "_", drawn(WORD, 59)),
    ),
    "gitlab_token": (joined("glpat-", drawn(URL, 20)),),
    "npm_token": (joined("npm_", drawn(WORD, 36)),),
    "pypi_token": (joined("pypi-AgEIcHlwaS5vcmcC", drawn(URL, 150)),),
    "docker_token": (joined("dckr_pat_", drawn(URL, 27)),),
    "atlassian_token": (joined("ATATT3xFfGF0", drawn(URL, 170), "=", drawn("0123456789ABCDEF", 8)),),
    "vault_token": (joined("hvs.", drawn(URL, 90)),),
    "anthropic_key": (joined("sk-ant-api03-", drawn(URL, 93), "AA"),),
    "openai_key": (
        joined("sk-proj-", drawn(URL, 74), "T3BlbkFJ", drawn(URL, 74)),
        joined("sk-", drawn(WORD, 20), "T3BlbkFJ", drawn(WORD, 20)),
    ),
    "huggingface_token": (joined("hf_", drawn(LETTERS, 34)),),
    "stripe_key": (
        joined(one_of("sk_live_", "rk_live_", "sk_test_"), drawn(WORD, 24)),
        joined("whsec_", drawn(WORD, 32)),
    ),
    "square_token": (joined("sq0atp-", drawn(URL, 22)),),
    "shopify_token": (joined("shpat_", drawn(LOWER_HEX, 32)),),
    "slack_token": (
        joined("xoxb-", drawn(string.digits, 12), "-", drawn(string.digits, 12), "-", drawn(WORD, 24)),
        joined("https://hooks.slack.com/services/T", drawn(WORD, 8), "/B", drawn(WORD, 8), "/", drawn(WORD, 24)),
    ),
    "discord_token": (
        discord,
        joined("https://discord.com/api/webhooks/", drawn("123456789", 18), "/", drawn(URL, 68)),
    ),
    "telegram_token": (joined(drawn("123456789", 10), ":AA", drawn(URL, 33)),),
    "twilio_key": (joined("SK", drawn(LOWER_HEX, 32)),),
    "sendgrid_key": (joined("SG.", drawn(URL, 22), ".", drawn(URL, 43)),),
    "mailgun_key": (joined("key-", drawn(LOWER_HEX, 32)),),
    "mailchimp_key": (joined(drawn(LOWER_HEX, 32), "-us", one_of("1", "21")),),
    "grafana_token": (joined("glsa_", drawn(WORD, 32), "_", drawn(LOWER_HEX, 8)),),
    "newrelic_key": (joined("NRAK-", drawn(string.ascii_uppercase + string.digits, 27)),),
    "databricks_token": (joined("dapi", drawn(LOWER_HEX, 32)),),
    "private_key": (
        private_key("RSA PRIVATE KEY"),
        private_key("OPENSSH PRIVATE KEY"),
        private_key("PRIVATE KEY"),
        private_key("PGP PRIVATE KEY BLOCK"),
    ),
    "jwt": (jwt,),
    "url_password": (joined("postgres://app:", drawn(WORD, 16), "@db.shop.internal:5432/orders"),),
    "bearer_token": (joined("Authorization: Bearer ", drawn(WORD, 40)),),
    "password": (
        joined("password: ", password),
        joined("DB_PASSWORD=", password),
        joined('{"client_secret": "', password, '"}'),
        joined("the api key is ", password),
    ),
}  # fmt: skip

FRAMES = (
    "{}",
    "Use {} for the deployment.",
    "export KEY\n{}\n",
    "It says: {}, and nothing else.",
    "<code>{}</code>",
)

CLEAN = (
    "The committee met on Tuesday and agreed on the budget for the coming year.",
    "Tokens of appreciation were handed out to the volunteers.",
    "The key to the story is that nobody had asked her first.",
    "Please reset your password on the settings page.",
    "Your password is correct, but the account is locked.",
    "The secret: patience.",
    "A token is about four characters of English text.",
    "max_tokens=2048, temperature=0.2",
    "The model read 1,234,567 tokens and wrote 89,012.",
    "api_key = os.environ['API_KEY_2']",
    "password = getpass.getpass('Password: ')",
    "secret_key: ${SECRET_KEY_2024}",
    "token = settings.GITHUB_TOKEN2",
    "PASSWORD=<your password here>",
    "password: ********",
    "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b fixes the build",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "The digest is 9b74c9897bac770ffc029102a200c5de.",
    "id 123e4567-e89b-12d3-a456-426614174000 was not found",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
    "See https://example.com/docs/api-keys?page=2 for how keys are made.",
    "git@github.com:acme/shop.git",
    "ssh://git@host.example.com:2222/acme/shop.git",
    "-----BEGIN CERTIFICATE-----\nMIIBkTCB+wIJAKHHIG\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZI\n-----END PUBLIC KEY-----",
    "Authorization: Bearer <token>",
    "The secret ingredient was a pinch of salt and 200 g of butter.",
    "Her secret is out: she wrote the novel in 1987.",
    "The access token: a short-lived credential that a client presents.",
    "credentials: include",
    "token_type = bearer_token",
    "if token == previous_token: continue",
    "primary key is order_line_id2",
    "Passwort ist falsch, bitte noch einmal versuchen.",
    "Le mot de passe est incorrect.",
    "The key=value syntax is read line by line.",
    "encryption_key_size = 256",
    "SK and SG stand for Slovakia and Singapore.",
    "risk-free rates and ask-prices",
)
