"""The libraries that others send with, each of one version, installed into a folder apart from the tests' own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from servers.requirements import lacking

FOR_PYTHON = ("segment-analytics-python==2.4.0", "rudder-sdk-python==2.1.9")
FOR_NODE = "@segment/analytics-node@3.1.0"
FOR_BROWSERS = "@segment/analytics-next@1.84.3"


def from_pypi(folder: Path, *what: str) -> Path:
    """The folder, with the packages and what they need in it."""
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--target", str(folder)]
    return _installed([*pip, *what], folder)


def from_npm(folder: Path, what: str) -> Path:
    """The folder, with a node_modules in it."""
    if not (shutil.which("node") and shutil.which("npm")):
        lacking("node and npm")
    npm = ["npm", "install", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts", "--prefix"]
    return _installed([*npm, str(folder), what], folder)


def _installed(command: list[str], folder: Path) -> Path:
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, cwd=folder, check=False)
    if done.returncode != 0:
        lacking(f"{command[-1]} ({done.stderr.strip()[-300:]})")
    return folder
