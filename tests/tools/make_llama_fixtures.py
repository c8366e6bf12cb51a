#!/usr/bin/env python3
"""Makes tests/model/fixtures: tiny random Llama checkpoints and the logits that transformers computes from them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch==2.13.0 transformers safetensors numpy
    /tmp/venv/bin/python tests/tools/make_llama_fixtures.py tests/model/fixtures

Each folder holds config.json, the weights as Hugging Face stores them and expected.safetensors: ids [T] int64, logits [T,V]
float32, computed in float32.  `versions.txt` says which libraries made them.  Licence: Apache-2.0.
"""
import json
import os
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}
PLAIN = {"rope_type": "default", "rope_theta": 10000.0}

# name: (config, stored dtype, spelling of the rotary embedding, shard size)
FIXTURES = {
    "mha": (dict(num_key_value_heads=4, rope_parameters=PLAIN), torch.float32, "new", None),
    "gqa_bias": (dict(num_key_value_heads=2, attention_bias=True, mlp_bias=True, head_dim=10, rope_parameters=PLAIN),
                 torch.float32, "new", None),
    "tied_linear_old": (dict(num_key_value_heads=1, tie_word_embeddings=True, rope_parameters=LINEAR), torch.bfloat16, "old", None),
    "llama3_new": (dict(num_key_value_heads=2, rope_parameters=LLAMA3), torch.float16, "new", None),
    "llama3_old_sharded": (dict(num_key_value_heads=2, rope_parameters=LLAMA3), torch.bfloat16, "old", "12KB"),
}


def respell(path):
    """rope_parameters of transformers 5 -> rope_theta and rope_scaling of transformers 4."""
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope
    if rope["rope_type"] == "linear":
        rope["type"] = rope.pop("rope_type")  # the oldest name of the field
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
        file.write("\n")


def make(root, name, settings, dtype, spelling, shard):
    torch.manual_seed(sum(map(ord, name)))
    config = LlamaConfig(vocab_size=61, hidden_size=32, intermediate_size=44, num_hidden_layers=2, num_attention_heads=4,
                         max_position_embeddings=128, rms_norm_eps=1e-5, initializer_range=0.3, **settings)
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
            parameter.copy_(parameter.to(dtype).float())  # logits are those of the stored weights
        ids = torch.randint(0, 61, (1, 24))
        logits = model(ids).logits[0]
    folder = os.path.join(root, name)
    shutil.rmtree(folder, ignore_errors=True)
    model.to(dtype).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    generation = os.path.join(folder, "generation_config.json")
    if os.path.exists(generation):
        os.remove(generation)
    if spelling == "old":
        respell(os.path.join(folder, "config.json"))
    save_file({"ids": ids[0].contiguous(), "logits": logits.contiguous()}, os.path.join(folder, "expected.safetensors"))
    print(name, float(logits.abs().max()))


def main():
    root = sys.argv[1]
    os.makedirs(root, exist_ok=True)
    for name, (settings, dtype, spelling, shard) in FIXTURES.items():
        make(root, name, settings, dtype, spelling, shard)
    with open(os.path.join(root, "versions.txt"), "w", encoding="utf-8") as file:
        file.write(f"made by tests/tools/make_llama_fixtures.py with torch {torch.__version__}, transformers {transformers.__version__}\n")


if __name__ == "__main__":
    main()
