"""llama.cpp's own server from the wheel of xllamacpp (written for 2026.10.11549), with the options
of llama-server that the tests use. `pip install --only-binary :all: xllamacpp` needs no compiler."""

import argparse
import time

import xllamacpp

parser = argparse.ArgumentParser()
parser.add_argument("-m", required=True, help="the model, a GGUF file")
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=8080)
parser.add_argument("-c", type=int, default=0, help="context of all slots together, in tokens")
parser.add_argument("-np", type=int, default=1, help="slots")
parser.add_argument("-t", type=int, default=2, help="threads")
parser.add_argument("-ctk", default="f16", help="type of cached keys")
parser.add_argument("-ctv", default="f16", help="type of cached values")
parser.add_argument("-fa", default="auto", help="flash attention: on, off or auto")
options = parser.parse_args()

params = xllamacpp.CommonParams()
params.model.path = options.m
params.hostnames = [options.host]
params.port = options.port
params.n_ctx = options.c
params.n_parallel = options.np
params.cpuparams.n_threads = options.t
params.cpuparams_batch.n_threads = options.t
params.cache_type_k = xllamacpp.ggml_type[f"GGML_TYPE_{options.ctk.upper()}"]
params.cache_type_v = xllamacpp.ggml_type[f"GGML_TYPE_{options.ctv.upper()}"]
flash = {"on": "ENABLED", "off": "DISABLED", "auto": "AUTO"}[options.fa]
params.flash_attn_type = xllamacpp.llama_flash_attn_type[f"LLAMA_FLASH_ATTN_TYPE_{flash}"]
params.ui = False
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
while True:
    time.sleep(3600)
