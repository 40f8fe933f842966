#!/usr/bin/env python3
"""Writes a llama of random weights as GGUF, for measuring other engines at the shapes of `agent bench --shape`.

    python3 benches/peers/random_llama.py TOKENIZER.gguf 1b Q4_0 OUT.gguf

The tokenizer is copied from TOKENIZER.gguf (its vocabulary has to have 49,152 tokens, as SmolLM2's). Weights are
uniform in +-0.05 and quantised by the package `gguf`; speeds do not depend on their values. The output matrix
is the token table, in the same type, as in `agent bench --shape`: norms are ones.
"""

import sys

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, quants

# layers, width, feed-forward width, query heads, key heads: agent/engine/src/model/weights.rs
SHAPES = {"1b": (16, 2048, 8192, 32, 8), "3b": (28, 3072, 8192, 24, 8)}
VOCABULARY = 49_152


def copy_tokenizer(reader, writer):
    for field in reader.fields.values():
        if not field.name.startswith("tokenizer."):
            continue
        kind = field.types[0]
        if kind == GGUFValueType.ARRAY:
            writer.add_array(field.name, field.contents())
        else:
            writer.add_key_value(field.name, field.contents(), kind)


def write(tokenizer, shape, kind, path):
    layers, width, wide, heads, kv_heads = SHAPES[shape]
    kind = GGMLQuantizationType[kind]
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(layers)
    writer.add_context_length(8192)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(wide)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_dimension_count(width // heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    copy_tokenizer(GGUFReader(tokenizer), writer)
    random = np.random.default_rng(1)

    def matrix(name, rows, columns):
        # The rows repeat after 256: writing takes seconds, and every byte is still read.
        block = random.uniform(-0.05, 0.05, (min(rows, 256), columns)).astype(np.float32)
        packed = quants.quantize(block, kind)
        packed = np.tile(packed, (-(-rows // len(packed)), 1))[:rows]
        writer.add_tensor(name, packed, raw_shape=packed.shape, raw_dtype=kind)

    def ones(name):
        writer.add_tensor(name, np.ones(width, np.float32))

    matrix("token_embd.weight", VOCABULARY, width)
    ones("output_norm.weight")
    kv = width // heads * kv_heads
    for layer in range(layers):
        block = f"blk.{layer}"
        ones(f"{block}.attn_norm.weight")
        ones(f"{block}.ffn_norm.weight")
        matrix(f"{block}.attn_q.weight", width, width)
        matrix(f"{block}.attn_k.weight", kv, width)
        matrix(f"{block}.attn_v.weight", kv, width)
        matrix(f"{block}.attn_output.weight", width, width)
        matrix(f"{block}.ffn_gate.weight", wide, width)
        matrix(f"{block}.ffn_up.weight", wide, width)
        matrix(f"{block}.ffn_down.weight", width, wide)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[2] not in SHAPES:
        sys.exit(__doc__)
    write(*sys.argv[1:])
