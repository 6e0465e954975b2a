"""Known vulnerabilities of all dependencies, as `uv audit` finds them at osv.dev.

Fails for those that another version has mended. Where osv.dev is out of reach nothing is known, and the check says so.
Arguments go to uv: `--ignore ID` for one that cannot be taken out yet, and does no harm here.
"""

import json
import subprocess
import sys
from typing import Any

_COMMAND = ("uv", "audit", "--preview-features", "audit-command", "--output-format", "json")


def verdict(returned: int, printed: str, complaint: str) -> tuple[str, int]:
    """What is to be said of uv's answer, and how the check ends."""
    if returned not in {0, 1}:
        if "error sending request" in complaint:
            return "NOT AUDITED: osv.dev could not be reached.", 0
        return f"NOT AUDITED: uv audit failed.\n{complaint}", 1
    report: dict[str, Any] = json.loads(printed)
    found: list[dict[str, Any]] = report["vulnerabilities"]
    lines = [f"Audited {report['summary']['audited_packages']} packages: {len(found)} known vulnerabilities."]
    lines += [_line(each) for each in found]
    return "\n".join(lines), int(any(each["fix_versions"] for each in found))


def _line(found: dict[str, Any]) -> str:
    dependency, fixed = found["dependency"], ", ".join(found["fix_versions"])
    mended = f"mended in {fixed}" if fixed else "not mended yet"
    return f"{dependency['name']} {dependency['version']}: {found['summary']} ({found['link']}), {mended}."


def main() -> int:
    uv = subprocess.run([*_COMMAND, *sys.argv[1:]], capture_output=True, text=True, check=False)
    said, code = verdict(uv.returncode, uv.stdout, uv.stderr)
    print(said)
    return code


if __name__ == "__main__":
    sys.exit(main())
