"""Answers the questions of bench-policy with PyTorch or llama.cpp, in seconds.

Needs torch and transformers, and xllamacpp for llama.cpp (`pip install --only-binary :all:`)."""

import concurrent.futures
import json
import os
import sys
import time
import urllib.request

kind, path, device = sys.argv[1:4]
threads = os.cpu_count()
asked = 0


def prompt(tokens, number):
    """A prompt that was never asked before."""
    digits = [1000 + int(digit) for digit in f"{number:08}"]
    return digits + [500] * (tokens - len(digits))


class Torch:
    def __init__(self):
        import torch
        from transformers import AutoModelForCausalLM

        self.torch = torch
        torch.set_num_threads(threads)
        dtype = torch.bfloat16 if kind == "torch-bf16" else torch.float32
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype)
        self.model = model.to(device).eval()

    def time(self):
        if device != "cpu":
            self.torch.cuda.synchronize()
        return time.perf_counter()

    def run(self, prompts, tokens):
        """The moments of the start, of the first token and of the last."""
        torch = self.torch
        with torch.inference_mode():
            start = self.time()
            out = self.model(torch.tensor(prompts, device=device), use_cache=True, logits_to_keep=1)
            ids = out.logits[:, -1].argmax(-1, keepdim=True)
            first = self.time()
            for _ in range(tokens):
                out = self.model(ids, past_key_values=out.past_key_values, use_cache=True)
                ids = out.logits[:, -1].argmax(-1, keepdim=True)
            return start, first, self.time()

    def prefill(self, tokens, number):
        start, first, _ = self.run([prompt(tokens, number)], 0)
        return first - start

    def decode(self, rows, tokens, steps, number):
        _, first, last = self.run([prompt(tokens, number + row) for row in range(rows)], steps)
        return last - first

    def shared(self, rows, tokens, steps, number):
        start, _, last = self.run([prompt(tokens, number)] * rows, steps - 1)
        return last - start


class Llama:
    def __init__(self):
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = path
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.n_parallel = 32
        params.n_ctx = 32 * 1280
        params.cpuparams.n_threads = threads
        params.cpuparams_batch.n_threads = threads
        params.ui = False
        self.server = xllamacpp.Server(params)
        self.url = f"{self.server.listening_address}/completion"

    def ask(self, tokens, count):
        body = {"prompt": tokens, "n_predict": count, "ignore_eos": True, "temperature": 0}
        request = urllib.request.Request(self.url, json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["timings"]

    def answers(self, prompts, count):
        with concurrent.futures.ThreadPoolExecutor(len(prompts)) as pool:
            return list(pool.map(lambda tokens: self.ask(tokens, count), prompts))

    def prefill(self, tokens, number):
        timings = self.ask(prompt(tokens, number), 1)
        return timings["prompt_ms"] / 1000 * tokens / timings["prompt_n"]

    def decode(self, rows, tokens, steps, number):
        # With the prompts known already, all slots decode together for most of the time: the slowest
        # slot's time is the batch's.
        prompts = [prompt(tokens, number + row) for row in range(rows)]
        self.answers(prompts, 1)
        timings = self.answers(prompts, steps + 1)
        # The server's clock for an answer starts at its first token, which is no step.
        return max(t["predicted_ms"] for t in timings) / 1000

    def shared(self, rows, tokens, steps, number):
        start = time.perf_counter()
        self.answers([prompt(tokens, number)] * rows, steps)
        return time.perf_counter() - start


engine = Llama() if kind == "llama" else Torch()
for line in sys.stdin:
    question, *numbers = line.split()
    numbers = [int(number) for number in numbers]
    if question == "ready":
        engine.decode(1, 32, 4, asked)
        seconds = 0
    else:
        seconds = getattr(engine, question)(*numbers, asked)
    asked += 100
    print("seconds", seconds, flush=True)
