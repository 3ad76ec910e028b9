"""A pytest plugin for the test runs that a script starts."""

import json

import pytest

import ssr_pytest
from ssr_channel import REQUEST, connect


def pytest_addoption(parser, pluginmanager):
    with open(REQUEST) as file:
        emit = connect(json.load(file))
    (plugin,), start, end = ssr_pytest.event_plugins(ignored=())
    start(emit)
    pluginmanager.register(plugin, "ssr events")
    pluginmanager.register(_End(end), "ssr end")


class _End:
    def __init__(self, end):
        self.end = end

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session, exitstatus):
        if not hasattr(session.config, "workerinput"):
            self.end(int(exitstatus))
