#!/usr/bin/env python3
"""Writes a Llama checkpoint of random weights: for measuring speed, where meaning does not matter.

    python3 tests/tools/make_random_llama.py /tmp/model134m-fp32 --dtype fp32
    python3 tests/tools/make_random_llama.py /tmp/model134m-bf16 --dtype bf16

The defaults are the 134M model that speeds are quoted for: 12 layers of 12 heads, hidden 768, intermediate 2048, vocabulary
32000.  Needs nothing but Python.  Licence: Apache-2.0.
"""
import argparse
import array
import json
import math
import os
import random
import struct

BLOCK = 1 << 20  # random numbers are drawn once and re-used from another start for each tensor


def tensor_shapes(args):
    query, key = args.heads * args.head_dim, args.kv_heads * args.head_dim
    yield "model.embed_tokens.weight", (args.vocab, args.hidden)
    for layer in range(args.layers):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (args.hidden,)
        yield prefix + "self_attn.q_proj.weight", (query, args.hidden)
        yield prefix + "self_attn.k_proj.weight", (key, args.hidden)
        yield prefix + "self_attn.v_proj.weight", (key, args.hidden)
        yield prefix + "self_attn.o_proj.weight", (args.hidden, query)
        yield prefix + "post_attention_layernorm.weight", (args.hidden,)
        yield prefix + "mlp.gate_proj.weight", (args.intermediate, args.hidden)
        yield prefix + "mlp.up_proj.weight", (args.intermediate, args.hidden)
        yield prefix + "mlp.down_proj.weight", (args.hidden, args.intermediate)
    yield "model.norm.weight", (args.hidden,)
    if not args.tied:
        yield "lm_head.weight", (args.vocab, args.hidden)


def encode(values, dtype):
    data = array.array("f", values).tobytes()
    if dtype == "fp32":
        return data
    half = bytearray(len(data) // 2)  # bfloat16 is the upper half of a float32; cutting is good enough for noise
    half[0::2], half[1::2] = data[2::4], data[3::4]
    return bytes(half)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--dtype", choices=["fp32", "bf16"], default="bf16")
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--intermediate", type=int, default=2048)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--kv-heads", type=int, default=12)
    parser.add_argument("--vocab", type=int, default=32000)
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--tied", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.head_dim = args.hidden // args.heads

    generator = random.Random(args.seed)
    noise = [generator.gauss(0, 1) for _ in range(BLOCK)]
    element = 4 if args.dtype == "fp32" else 2
    blocks = {}  # by standard deviation

    def block(shape):
        if len(shape) == 1:
            return None
        deviation = 1 / math.sqrt(shape[1])
        if deviation not in blocks:
            blocks[deviation] = encode([deviation * x for x in noise], args.dtype)
        return blocks[deviation]

    header, offset = {}, 0
    for name, shape in tensor_shapes(args):
        size = math.prod(shape) * element
        header[name] = {"dtype": "F32" if element == 4 else "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)

    os.makedirs(args.folder, exist_ok=True)
    with open(os.path.join(args.folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensor_shapes(args):
            left, data = math.prod(shape) * element, block(shape)
            if data is None:
                file.write(encode([1.0] * shape[0], args.dtype))
                continue
            start = generator.randrange(BLOCK) * element
            while left > 0:
                piece = data[start:start + left]
                file.write(piece)
                left -= len(piece)
                start = 0
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "vocab_size": args.vocab, "hidden_size": args.hidden, "intermediate_size": args.intermediate,
        "num_hidden_layers": args.layers, "num_attention_heads": args.heads, "num_key_value_heads": args.kv_heads,
        "head_dim": args.head_dim, "max_position_embeddings": args.context, "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}, "attention_bias": False, "mlp_bias": False,
        "tie_word_embeddings": args.tied, "bos_token_id": 1, "eos_token_id": 2,
        "dtype": "float32" if element == 4 else "bfloat16",
    }
    with open(os.path.join(args.folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
    print(f"{args.folder}: {offset // element / 1e6:.1f} million parameters, {offset / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
