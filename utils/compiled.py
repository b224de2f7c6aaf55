"""Where numba keeps the machine code of compiled functions, so that the next run need not compile them."""

import atexit
import os
import shutil
import tempfile


def keep_machine_code(room: str) -> None:
    """Call before numba is imported, with the folder of the modules that use it.

    Numba keeps the code in __pycache__ beside a module or else below the home folder, and fails if it can write to
    neither: then it gets a temporary folder, for this process and its workers. NUMBA_CACHE_DIR comes before all.
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    places = os.path.join(room, "__pycache__"), os.path.join(home, "numba")
    if "NUMBA_CACHE_DIR" not in os.environ and not any(map(_writable, places)):
        os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="numba-")
        atexit.register(shutil.rmtree, os.environ["NUMBA_CACHE_DIR"], ignore_errors=True)


def _writable(folder: str) -> bool:
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()  # permissions say little: not for root, nor of a read-only disk
    except OSError:
        return False
    return True
