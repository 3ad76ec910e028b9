# Reads a JSON list of sources and prints, in the same order, whether CPython compiles them.
import json
import sys


def compiles(source):
    try:
        compile(source, "<mutant>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


print(json.dumps([compiles(source) for source in json.load(sys.stdin)]))
