# Standard input: a nonce, a newline, the program. Only a program that ran to its very end gets the
# nonce printed, as the last line. As in the official harness the namespace is empty and the
# program's own output goes nowhere; leaving by os._exit keeps exit handlers and threads from
# printing after the nonce.
import contextlib
import io
import os
import sys


def run():
    write, leave = os.write, os._exit
    nonce, _, program = sys.stdin.buffer.read().partition(b"\n")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        exec(compile(program.decode(), "<sample>", "exec"), {})
    write(1, b"\n" + nonce + b"\n")
    leave(0)


run()
