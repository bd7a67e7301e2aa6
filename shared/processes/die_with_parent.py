"""`python die_with_parent.py PARENT COMMAND…` becomes COMMAND, which the kernel kills as soon as PARENT is gone.

A program of its own, not a `preexec_fn`: nothing may run between fork and exec in a process that has threads. The wish
survives exec. Where the kernel has no such service (it is Linux's), the command runs without it.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask to be killed with the parent, then become the command."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):  # it died before the wish was heard
            sys.exit(f"the supervisor (process {parent}) is gone")
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
