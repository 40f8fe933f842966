#!/usr/bin/env python3
"""What llama.cpp says about a model file: tokens of texts, greedy continuations, log-probabilities.

Peer: the package `xllamacpp` (llama.cpp as one prebuilt wheel). Without it this prints
`SKIPPED: reason` and exits with 0.

    python3 benches/peers/llama_cpp.py MODEL.gguf [-n 200] > peer.json
    WATTLINE_PEER=$PWD/peer.json WATTLINE_PEER_MODEL=MODEL.gguf cargo test -p engine --test main peer -- --nocapture

One JSON object: `file`, `build`, `tokens` (text and its tokens, control tokens not parsed) and
`greedy` (prompt tokens, generated tokens, and the natural log-probability of each).
One thread, f16 KV cache, no prompt cache.
"""

import argparse
import json
import sys
import urllib.request

try:
    import xllamacpp
except ImportError as error:
    print(f"SKIPPED: {error}")
    sys.exit(0)

TEXTS = [
    "Hello, world!",
    " leading and  double   spaces",
    "line one\nline two\n\n\ttabbed \n end  ",
    "In 2024 it cost 1,234.56 EUR; that's 3x what we'd paid, they'll say. I'M SURE'LL",
    "naïve café Ωmega, русский текст, 日本語のテキスト, 한국어, العربية",
    "emoji 👩‍👩‍👧 and 🇩🇪 and ✔️",
    "fn main() { println!(\"{}\", x->y != z); } // 0xFF",
    "<|im_start|>user",
    "",
    "a",
    "\u00a0non-breaking\u2003em space\u200bzero width",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
]
PROMPTS = [
    "The capital of France is",
    "Once upon a time, in a small village by the sea, there lived",
]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("model")
    args.add_argument("-n", type=int, default=200, help="tokens to generate for each prompt")
    args = args.parse_args()

    params = xllamacpp.CommonParams()
    params.model.path = args.model
    params.n_ctx = 1024
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.warmup = False
    server = xllamacpp.Server(params)

    def post(path, body):
        request = urllib.request.Request(
            server.listening_address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        return json.load(urllib.request.urlopen(request))

    def tokenize(text, special):
        return post("/tokenize", {"content": text, "add_special": special, "parse_special": False})["tokens"]

    out = {"file": args.model.rsplit("/", 1)[-1], "build": str(xllamacpp.BUILD_INFO), "tokens": [], "greedy": []}
    for text in TEXTS:
        out["tokens"].append({"text": text, "tokens": tokenize(text, False)})
    for prompt in PROMPTS:
        tokens = tokenize(prompt, True)
        answer = post(
            "/completion",
            {
                "prompt": tokens,
                "n_predict": args.n,
                "temperature": -1.0,
                "samplers": ["temperature"],
                "n_probs": 1,
                "post_sampling_probs": False,
                "ignore_eos": True,
                "cache_prompt": False,
                "return_tokens": True,
            },
        )
        steps = answer["completion_probabilities"]
        out["greedy"].append(
            {
                "prompt": prompt,
                "prompt_tokens": tokens,
                "tokens": [s["id"] for s in steps],
                "logprobs": [s["logprob"] for s in steps],
                "text": answer["content"],
            }
        )
    json.dump(out, sys.stdout, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
