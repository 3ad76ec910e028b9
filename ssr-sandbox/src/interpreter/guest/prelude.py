# Makes the guest look like the machine that test tools expect; run once when Python has started.
def _prelude():
    import os
    import sys

    # Output of a run that is cut off must not sit in a buffer.
    sys.stdout.reconfigure(line_buffering=True)
    # WASI has no users; test tools ask for one.
    for name in ("getuid", "geteuid", "getgid", "getegid"):
        if not hasattr(os, name):
            setattr(os, name, lambda: 0)


_prelude()
del _prelude
