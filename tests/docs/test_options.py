"""docs/options.md and mitm-config.yaml know every option of the gateway, and no other."""

import re

from antigravity_addon.mitm import options
from antigravity_addon.mitm.annotate import ATTEMPT_KEY

from . import metrics
from .conftest import WrittenPart
from .pages import PAGES, ROOT, name_of, table


def test_the_page_of_options_has_each_as_it_is_declared(written_part: WrittenPart) -> None:
    rows = ((f"`{option.name}`", _value(option.default), _help(option)) for option in options._OPTIONS)
    written_part(ROOT / "docs" / "options.md", table(("Option", "Default", "What it does"), rows))


def _value(default: object) -> str:
    match default:
        case bool():
            return f"`{str(default).lower()}`"
        case "" | []:
            return "none"
        case _:
            return f"`{default}`"


def _help(option: options._Option) -> str:
    choices = (
        f"One of {', '.join(f'`{choice.value}`' for choice in option.choices)}." if option.choices else ""
    )
    # a pattern's star must not begin emphasis
    return f"{option.help} {choices}".strip().replace("*", r"\*").replace("|", r"\|")


def test_the_config_file_names_every_option_once() -> None:
    text = (ROOT / "mitm-config.yaml").read_text()
    named = re.findall(r"^(?:# )?(gateway_\w+):", text, re.MULTILINE)
    assert sorted(named) == sorted(options.NAMES)


_OF_PYTEST = frozenset({"gateway_options"})
"""The plugin's own, for pytest's configuration."""


def test_no_page_speaks_of_an_option_that_does_not_exist() -> None:
    unknown = {
        f"{name_of(page)}: {name}"
        for page in PAGES
        for name in re.findall(r"\bgateway_[a-z_]+[a-z]\b", page.read_text())
        if name not in {*options.NAMES, *metrics.types(), *_OF_PYTEST, ATTEMPT_KEY}
    }
    assert not unknown
