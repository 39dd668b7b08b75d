"""Writes the versions of a uv.lock (the argument) as pip constraints, so that pip installs what uv would."""

import collections
import sys
import tomllib
from pathlib import Path

packages = tomllib.loads(Path(sys.argv[1]).read_text())["package"]
times = collections.Counter(package["name"] for package in packages)
for package in packages:
    # What stands there twice depends on the Python version, and what has no registry is the project itself.
    if times[package["name"]] == 1 and "registry" in package["source"]:
        sys.stdout.write(f"{package['name']}=={package['version']}\n")
