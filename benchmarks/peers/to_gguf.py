#!/usr/bin/env python3
"""Writes a Llama checkpoint of Hugging Face as GGUF, without a vocabulary: for measuring llama.cpp on the same weights.

    python3 benchmarks/peers/to_gguf.py /tmp/model24m-bf16 /tmp/model24m.gguf --type Q8_0

Vectors stay F32, as llama.cpp wants them; every matrix gets the type that was asked for.  Needs torch, safetensors, gguf.
Licence: Apache-2.0.
"""
import argparse
import json
import pathlib

import gguf
import numpy as np
import torch
from safetensors import safe_open

TYPES = ("F32", "BF16", "Q8_0")
LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
OUTER_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def gguf_name(name):
    stem, kind = name.rsplit(".", 1)  # "weight" or "bias"
    if stem in OUTER_NAMES:
        return f"{OUTER_NAMES[stem]}.{kind}"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{LAYER_NAMES[part]}.{kind}"


def permuted(rows, heads):
    """Outputs of q or k in llama.cpp's order: its rotary embedding turns neighbours, Hugging Face's the two halves of a head."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def tensors_of(folder):
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():
                yield name, file.get_tensor(name).to(torch.float32).numpy()


def add_config(writer, config):
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    rope = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", 10000.0)}
    scaling = (config.get("rope_scaling") or rope).get("rope_type", "default")
    if scaling != "default":
        raise SystemExit(f"error: rope_type '{scaling}' is not converted; valid: default")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("no_vocab")


def convert(folder, target, type_name):
    folder, target = pathlib.Path(folder), pathlib.Path(target)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    heads = config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads") or heads
    wanted = gguf.GGMLQuantizationType[type_name]
    temporary = target.with_suffix(".tmp")
    writer = gguf.GGUFWriter(temporary, "llama")
    add_config(writer, config)
    for name, values in tensors_of(folder):
        if name.endswith("rotary_emb.inv_freq") or (name == "lm_head.weight" and config.get("tie_word_embeddings")):
            continue
        if ".q_proj." in name or ".k_proj." in name:
            values = permuted(values, heads if ".q_proj." in name else kv_heads)
        if values.ndim == 1:
            writer.add_tensor(gguf_name(name), np.ascontiguousarray(values))
            continue
        if type_name == "Q8_0" and values.shape[1] % 32 != 0:
            raise SystemExit(f"error: {name} has rows of {values.shape[1]}; Q8_0 needs a multiple of 32")
        packed = gguf.quants.quantize(np.ascontiguousarray(values), wanted)
        writer.add_tensor(gguf_name(name), packed, raw_dtype=wanted)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    temporary.rename(target)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("target")
    parser.add_argument("--type", choices=TYPES, default="BF16")
    args = parser.parse_args()
    convert(args.folder, args.target, args.type)


if __name__ == "__main__":
    main()
