"""The gateway's mitmproxy options: declared here, read here."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from antigravity_addon.gateway.settings import (
    SETTING_NAMES,
    AccountHeader,
    AuthMode,
    RawOptions,
    Rhythm,
    Strategy,
    UpstreamKind,
)

from . import operators_key


@dataclass(frozen=True, slots=True)
class _Option:
    name: str
    kind: type
    default: object
    help: str
    choices: type[StrEnum] | None = None


_OPTIONS = (
    _Option(
        "gateway_upstream",
        str,
        "auto",
        "What answers the models' calls. auto: the reverse proxy's target, which must speak Gemini. gemini: the "
        "same, said aloud. simulator: the built-in simulator, whose answers are made up. Needs a restart.",
        UpstreamKind,
    ),
    _Option(
        "gateway_accounts",
        str,
        "",
        "The YAML file that lists the accounts that pay; docs/accounts.md says what stands in it. A relative path counts "
        "from the working directory, in mitm-config.yaml from that file. A change to the file takes effect at once.",
    ),
    _Option(
        "gateway_strategy",
        str,
        "cache_first",
        "Which account pays. cache_first: a conversation stays with its account, whose cache of prompts knows it, and a "
        "short rest is waited for. balance: it stays too, but moves at once when its account rests or is full. "
        "performance_first: whichever answers soonest. fixed: gateway_fixed_account and no other.",
        Strategy,
    ),
    _Option(
        "gateway_fixed_account",
        str,
        "",
        "The e-mail address of the account that pays for everything under gateway_strategy=fixed.",
    ),
    _Option(
        "gateway_longest_wait",
        int,
        20,
        "Seconds that a request waits for an account at most, all its waits together. A longer rest is answered at once, "
        "with Retry-After.",
    ),
    _Option(
        "gateway_hedge_seconds",
        int,
        0,
        "Ask a second account when the first has been silent for so many seconds; whichever speaks first serves, and the "
        "other is cancelled. Both may cost quota. 0: never.",
    ),
    _Option(
        "gateway_enable_code_assist",
        bool,
        False,
        "Use accounts of the kind code_assist. Only for holders of a Gemini Code Assist Standard or Enterprise licence. "
        "Google says of it: “Directly accessing the services powering Gemini CLI (e.g. the Gemini Code Assist service) "
        "using third-party software” is a violation of its terms and “grounds for suspension or termination of your "
        "account”; “the supported and secure method is to use a Vertex AI or Google AI Studio API key”.",
    ),
    _Option(
        "gateway_api_key",
        str,
        "",
        f"The key that clients must show where gateway_auth_mode asks for one. {operators_key.VARIABLE} in the environment "
        f"does the same and stays out of process lists. Once it is known, the option says {operators_key.SHOWN} in its place.",
    ),
    _Option(
        "gateway_client_keys",
        str,
        "",
        "A YAML file of client keys, hashed, each with a name and limits, see docs/client-keys.md: "
        "`uv run antigravity keys add NAME` makes one. "
        "They are let in beside gateway_api_key. A relative path counts as in gateway_accounts. A change to the file takes "
        "effect at once.",
    ),
    _Option(
        "gateway_auth_mode",
        str,
        "auto",
        "Who must show the client key. off: nobody. strict: everybody. all_except_health: everybody, but for "
        "/healthz. auto: all_except_health with gateway_allow_lan_access, else off.",
        AuthMode,
    ),
    _Option(
        "gateway_allow_lan_access",
        bool,
        False,
        "Listen on all interfaces and serve other machines. Off: listen on 127.0.0.1 and refuse everybody else. "
        "The listening address changes with a restart, the refusal at once. A client key is required, see docs/lan.md.",
    ),
    _Option(
        "gateway_allowed_hosts",
        Sequence[str],
        [],
        "Names under which the gateway may be called, beside localhost and addresses of this machine: "
        "gateway.example.com, *.example.com, host.docker.internal. With gateway_allow_lan_access, all IP addresses and "
        "names that nobody can register (without a dot, *.local, *.internal) are allowed anyway. "
        "*: any, where a key is required.",
    ),
    _Option(
        "gateway_allowed_origins",
        Sequence[str],
        [],
        "Origins of web pages and apps that may call the gateway from a browser, as browsers write them: "
        "https://app.example.com, http://localhost:3000, http://localhost:*, app://obsidian.md, chrome-extension://*. All "
        "others are refused. * or null: any, where a key is required.",
    ),
    _Option(
        "gateway_trusted_proxies",
        Sequence[str],
        [],
        "Addresses and networks of reverse proxies, such as 127.0.0.1 or 10.0.0.0/24, that may connect, and whose "
        "X-Forwarded-For or Forwarded says who the client is. From all others these headers do not count. A client key is "
        "then required.",
    ),
    _Option(
        "gateway_require_tls",
        bool,
        False,
        "Refuse plain HTTP from other machines than this one and gateway_trusted_proxies.",
    ),
    _Option(
        "gateway_model_map",
        Sequence[str],
        [],
        "Rules of the form pattern=target for model names, before the built-in ones: exact names first, then "
        "patterns with *, the most specific first. Example: gpt-4*=gemini-2.5-pro.",
    ),
    _Option(
        "gateway_default_model",
        str,
        "",
        "The model for names that no rule matches. Empty: such names are answered 404 model_not_found.",
    ),
    _Option(
        "gateway_account_header",
        str,
        "full",
        "How X-Account-Email names the account that served: full, masked (a***@example.com) or off. Errors name it "
        "masked at most.",
        AccountHeader,
    ),
    _Option(
        "gateway_max_attempts",
        int,
        3,
        "Upstream attempts for one request that may fail without an account being to blame. An account that turns out to be "
        "out of quota or out of use makes room for the next one and is not counted. Nothing is tried again once the "
        "client has part of the answer.",
    ),
    _Option(
        "gateway_first_token_timeout",
        int,
        120,
        "Seconds that one attempt may be silent before its first token and between two.",
    ),
    _Option(
        "gateway_request_timeout",
        int,
        1800,
        "Seconds from a request's arrival to its last byte, attempts and waits included.",
    ),
    _Option(
        "gateway_keepalive_seconds",
        int,
        15,
        "Send a sign of life to a streaming client after this many seconds of silence. 0: never. The first one lets "
        "the response's head go, and with it the chance of another attempt.",
    ),
    _Option(
        "gateway_drain_seconds",
        int,
        30,
        "Seconds that exchanges under way have left when the process is told to stop by SIGTERM or Ctrl-C. New requests "
        "are refused meanwhile, with 503 and Retry-After. What is left then ends with an error. 0: at once. A second "
        "signal stops at once, too.",
    ),
    _Option(
        "gateway_fetch_urls",
        bool,
        True,
        "Fetch images and files that clients name by URL, from public addresses only. Off: such a URL is refused.",
    ),
    _Option(
        "gateway_attempt_flows",
        bool,
        True,
        "Show each upstream request as a flow of its own, beside the client's: to see, pause, edit, save and replay it. Off: "
        "only the clients' flows are there.",
    ),
    _Option(
        "gateway_redact_bodies",
        bool,
        False,
        "Keep no prompt and no answer in flows, only the shape of bodies, see docs/secrets.md. Such flows cannot be "
        "replayed, nor recorded for gateway_replay, and answers cannot be edited. It counts for flows that begin from then on.",
    ),
    _Option(
        "gateway_record",
        str,
        "",
        "Write every exchange to this file as it ends, with its upstream requests: all that gateway_replay needs. It is "
        "added to if it is there. A relative path counts from the working directory, in mitm-config.yaml from that file.",
    ),
    _Option(
        "gateway_replay",
        str,
        "",
        "Answer from this file, or from the .mitm files of this folder, and ask no upstream. A request that was not recorded "
        "is answered 504, with the nearest recording and the difference. A relative path counts as in gateway_record.",
    ),
    _Option(
        "gateway_replay_ignore",
        Sequence[str],
        [],
        "What may differ between a request and its recording under gateway_replay: regular expressions. What they match "
        "in a text counts as the same, and so do the ids of messages. Example, for the output of commands in Codex: "
        r"Chunk ID: \w+\nWall time: [\d.]+ seconds",
    ),
    _Option(
        "gateway_replay_rhythm",
        str,
        "at_once",
        "How recorded answers come under gateway_replay: at_once, or in the rhythm in which they were recorded.",
        Rhythm,
    ),
    _Option(
        "gateway_prices",
        str,
        "",
        "A YAML file of prices that win over those that Google publishes, see docs/prices.md. A relative path counts as in "
        "gateway_accounts. A change to the file takes effect at once.",
    ),
    _Option(
        "gateway_state",
        str,
        "",
        "The SQLite file for what is kept between requests: responses that clients go on from, conversations, thought "
        "signatures; and of accounts their cooldowns, refusals, conversations and usage. Empty: gateway.sqlite in mitmproxy's confdir. memory: no file; all is forgotten at the end. "
        "Needs a restart.",
    ),
    _Option(
        "gateway_state_days",
        int,
        30,
        "Days after its last use for which something is kept. Needs a restart.",
    ),
    _Option(
        "gateway_state_megabytes",
        int,
        256,
        "How much is kept; beyond it, what was used longest ago goes first. Needs a restart.",
    ),
    _Option(
        "gateway_keep_flows",
        int,
        2000,
        "How many flows mitmweb's list keeps. Beyond that the oldest go, whole exchanges at a time. Those that you "
        "marked, and those loaded from a file, stay and do not count. 0: all are kept.",
    ),
    _Option(
        "gateway_keep_megabytes",
        int,
        256,
        "How much memory these flows may take, roughly; beyond it, the oldest go as well. 0: any.",
    ),
)

NAMES = frozenset(option.name for option in _OPTIONS)


def declare(loader: Loader) -> None:
    for option in _OPTIONS:
        choices = [member.value for member in option.choices] if option.choices else None
        loader.add_option(option.name, option.kind, option.default, option.help, choices)


def read() -> RawOptions:
    """The options as they stand, the environment's client key included.

    Raises: SettingsError: see `operators_key`.
    """
    options = ctx.options
    stated: dict[str, Any] = {name: getattr(options, f"gateway_{name}") for name in SETTING_NAMES}
    stated["api_key"] = operators_key.operators_key()
    return RawOptions(
        **stated,
        has_client_keys=bool(options.gateway_client_keys),
        has_recordings=bool(options.gateway_replay),
    )
