"""Python prefers a package to a module of the same name."""
import sys

import pytest

pytest.register_assert_rewrite("test_value.inner")
from . import inner

inner.__file__ = "/testbed/test_value.py"
sys.modules["test_value"] = inner
