"""Runs a repository's tests in this process, with the runners that report in the sandbox."""

import json
import os
import sys

import ssr_runtime

with open(sys.argv[1]) as file:
    request = json.load(file)
sys.argv[:] = request["argv"]
# The tests come first; the runners are looked up late.
sys.path[:] = [os.getcwd(), *request["roots"], *sys.path[1:], sys.path[0]]
if sys.argv[0].endswith(".py"):
    sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
# There are threads here.
ssr_runtime.ssr_django.supply = lambda: None
sys.exit(ssr_runtime.run_tests(request))
