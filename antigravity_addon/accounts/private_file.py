"""Files with secrets in them, written so that nobody else can read them and nothing that breaks down leaves half of one."""

import errno
import os
import tempfile
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """For readers, the old content is there or the new one, whenever the process or the machine breaks down. Only the
    owner, who stays the same, can read it. Blocks.

    Raises: OSError: nothing was changed; or, if it is the folder that could not be settled, nobody can say whether a
    machine that breaks down now has the change.
    """
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "it is there, and is no file", str(path))
    # mode 0600
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    new = Path(name)
    try:
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _keep_owner(path, new)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _settle(path.parent)


def _keep_owner(old: Path, new: Path) -> None:
    """Or a file changed by root would be lost for the gateway."""
    if not hasattr(os, "chown") or not old.exists():
        return
    owner = old.stat()
    if owner.st_uid != new.stat().st_uid:
        os.chown(new, owner.st_uid, owner.st_gid)


def _settle(folder: Path) -> None:
    """Not before the folder is on the disk is the new name."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
