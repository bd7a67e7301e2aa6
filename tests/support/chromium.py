"""The system's Chromium, for Playwright."""

import os
import shutil

EXECUTABLE = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *([] if os.geteuid() else ["--no-sandbox"]),
]
"""Chromium makes no requests of its own, and runs without its sandbox as root, where that is not available."""
