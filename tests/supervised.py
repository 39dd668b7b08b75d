"""`python -m tests.supervised VAR CHILDREN`: a supervisor in a process of its own, for tests to signal and to kill.

CHILDREN is JSON: a list of {"name", "source" (Python), …} with the optional fields of a `Child`; `ready` is the name of
a file in VAR that the child makes. With the word `engines` as third argument both engines run as well, as they do
under `guichet up`. HEALTHY_SECONDS in the environment says what counts as a healthy life.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from config.engines.engine import EngineError
from config.supervisor import Child, Supervisor


def main(var: Path, described: list[dict[str, object]], with_engines: bool) -> int:
    children = [
        Child(
            name=str(child["name"]),
            argv=[sys.executable, "-c", str(child["source"]), str(var)],
            ready=(var / str(child["ready"])).exists if "ready" in child else None,
            restart=bool(child.get("restart", True)),
            tier=int(str(child.get("tier", 1))),
            patience=float(str(child.get("patience", 10))),
            stop_signal=signal.SIGTERM,
        )
        for child in described
    ]
    with ExitStack() as stack:
        if with_engines:
            from config.embedded import Engines  # only then: most tests need them not, and they take their time
            from config.settings import Settings

            children = [*stack.enter_context(Engines(Settings(var=var))).children(), *children]
        return Supervisor(children, var, healthy_seconds=float(os.environ["HEALTHY_SECONDS"])).run()


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]).resolve(), json.loads(sys.argv[2]), "engines" in sys.argv[3:]))
    except EngineError as error:
        sys.exit(str(error))
