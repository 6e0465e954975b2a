"""Builds the wheel, and fails if anything is in it but the package's own code."""

import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile


def strangers(wheel: Path) -> list[str]:
    """What is neither a module of the package nor what every wheel has."""
    with ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if not _belongs(name)]


def _belongs(name: str) -> bool:
    folder = name.partition("/")[0]
    return folder.endswith(".dist-info") or (folder == "antigravity_addon" and name.endswith(".py"))


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["uv", "build", "--quiet", "--wheel", "--out-dir", folder], check=True)  # noqa: S607
        (wheel,) = Path(folder).glob("*.whl")
        found = strangers(wheel)
    print(
        "\n".join(("In the wheel, and no part of the package:", *found)) if found else "The wheel is clean."
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
