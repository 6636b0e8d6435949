"""The server under cProfile: `python -m bench.profiled FILE serve ...`.

SIGUSR1 starts the profile of the event loop's thread, SIGUSR2 ends it and writes its
statistics to the file. So starting, warming up and stopping stay out of it.
"""

import cProfile
import runpy
import signal
import sys
from pathlib import Path
from types import FrameType


def main() -> None:
    path = Path(sys.argv[1])
    profile = cProfile.Profile()

    def start(_number: int, _frame: FrameType | None) -> None:
        profile.enable()

    def end(_number: int, _frame: FrameType | None) -> None:
        profile.disable()
        # Whole or not at all: somebody waits for the file.
        unfinished = path.with_suffix(".part")
        profile.dump_stats(unfinished)
        unfinished.rename(path)

    signal.signal(signal.SIGUSR1, start)
    signal.signal(signal.SIGUSR2, end)
    sys.argv = ["trunkline", *sys.argv[2:]]
    runpy.run_module("trunkline", run_name="__main__")


if __name__ == "__main__":
    main()
