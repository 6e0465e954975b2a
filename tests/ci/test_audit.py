import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).parents[2] / ".ci" / "audit.py"


@pytest.fixture(scope="module")
def verdict() -> Callable[[int, str, str], tuple[str, int]]:
    specification = importlib.util.spec_from_file_location("audit", AUDIT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.verdict


def report(*vulnerabilities: dict[str, Any]) -> str:
    return json.dumps({"summary": {"audited_packages": 197}, "vulnerabilities": vulnerabilities})


def of(name: str, *fix_versions: str) -> dict[str, Any]:
    """As uv 0.13.9 writes it, without what is not looked at."""
    return {
        "dependency": {"name": name, "version": "1.0"},
        "summary": "It breaks",
        "link": f"https://osv.dev/vulnerability/{name}",
        "fix_versions": fix_versions,
    }


UNREACHABLE = (
    "error: Request failed after 3 retries\n  cause: error sending request for url (https://api.osv.dev/)"
)
CASES: dict[str, tuple[int, str, str, str, int]] = {
    "nothing is known": (0, report(), "", "Audited 197 packages: 0 known vulnerabilities.", 0),
    "one is mended elsewhere": (
        1,
        report(of("a", "1.1", "2.0"), of("b")),
        "",
        (
            "Audited 197 packages: 2 known vulnerabilities.\n"
            "a 1.0: It breaks (https://osv.dev/vulnerability/a), mended in 1.1, 2.0.\n"
            "b 1.0: It breaks (https://osv.dev/vulnerability/b), not mended yet."
        ),
        1,
    ),
    "none is mended": (
        1,
        report(of("b")),
        "",
        (
            "Audited 197 packages: 1 known vulnerabilities.\n"
            "b 1.0: It breaks (https://osv.dev/vulnerability/b), not mended yet."
        ),
        0,
    ),
    "the service is out of reach": (2, "", UNREACHABLE, "NOT AUDITED: osv.dev could not be reached.", 0),
    "uv fails": (
        2,
        "",
        "error: no pyproject.toml",
        "NOT AUDITED: uv audit failed.\nerror: no pyproject.toml",
        1,
    ),
}


@pytest.mark.parametrize(
    ("returned", "printed", "complaint", "said", "code"), CASES.values(), ids=CASES.keys()
)
def test_what_the_audit_says_and_how_it_ends(
    verdict: Callable[[int, str, str], tuple[str, int]],
    *,
    returned: int,
    printed: str,
    complaint: str,
    said: str,
    code: int,
) -> None:
    assert verdict(returned, printed, complaint) == (said, code)
