"""`python die_with_parent.py PARENT COMMAND…` executes COMMAND, which the kernel kills when process PARENT ends.

It sets the parent-death signal (prctl(2), PR_SET_PDEATHSIG), which survives exec. It is a separate program, because a
`preexec_fn` is unsafe in a process with threads. On other systems than Linux the command runs without the signal.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Set the parent-death signal, then execute the command."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):  # the parent ended before the signal was set
            sys.exit(f"the supervisor (process {parent}) is gone")
    os.execvp(command[0], command)  # noqa: S606 - the command runs without a shell


if __name__ == "__main__":
    main()
