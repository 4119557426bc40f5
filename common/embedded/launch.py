"""Become another program that dies with its parent, perhaps under another account.

Run as a script, by path: `python -I -S launch.py PARENT_PID SIGNAL UID GID KEEP_ACCESS program argument…`. It replaces
itself by the program (same process id), so that no Python runs between fork and exec in a process that has threads.
UID and GID are -1 to stay who we are. KEEP_ACCESS 1 lets the account reach our files though folders above them are
closed to others, by the one capability CAP_DAC_OVERRIDE: opening /root for everybody would be worse.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS = 1, 8
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CAPABILITY_VERSION_3, _CAP_DAC_OVERRIDE = 0x20080522, 1


def _checked(answer: int, what: str) -> None:
    if answer != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _become(libc: ctypes.CDLL, uid: int, gid: int, *, keep_access: bool) -> None:
    if keep_access:
        _checked(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep capabilities")
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if keep_access:
        bit = 1 << _CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; low and high words
        _checked(libc.capset(ctypes.byref(header), ctypes.byref(sets)), "capset")
        _checked(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0), "ambient capability")


def main() -> None:
    """Read the arguments, drop rights, tie our life to the parent's, and become the program."""
    parent, death_signal, uid, gid, keep_access = (int(text) for text in sys.argv[1:6])
    libc = ctypes.CDLL(None, use_errno=True)
    if uid >= 0:
        _become(libc, uid, gid, keep_access=bool(keep_access))
    if sys.platform == "linux":
        # after setuid, which clears it
        _checked(libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0), "parent death signal")
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)
    os.execv(sys.argv[6], sys.argv[6:])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
