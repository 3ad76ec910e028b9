"""Removes a test file before it is collected."""
import os

os.remove("/testbed/test_value.py")
