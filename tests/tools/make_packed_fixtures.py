#!/usr/bin/env python3
"""Makes tests/model/fixtures/mistral_gptq, mistral_gptq2 and mistral_awq: tiny random Mistral checkpoints whose layers are kept as 4-bit
integers in the layouts of AutoGPTQ and AutoAWQ, and the logits that transformers computes from the same numbers in float32.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch==2.13.0 transformers safetensors numpy
    /tmp/venv/bin/python tests/tools/make_packed_fixtures.py tests/model/fixtures

The packing below is written from the documented layouts, one integer after the other.  Licence: Apache-2.0.
"""
import json
import os
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../parity"))
import families  # noqa: E402

GROUP = 8
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


def signed(word):
    return word - (1 << 32) if word >= 1 << 31 else word


def packed(values, order):
    """[rows, 8 n] of 0..15 -> [rows, n] int32: place k of a word holds its value number order[k]."""
    rows = [[signed(sum(int(row[8 * w + order[k]]) << (4 * k) for k in range(8))) for w in range(len(row) // 8)] for row in values]
    return torch.tensor(rows, dtype=torch.int64).to(torch.int32)


def quantize(kind, inputs, outputs):
    """Random integers: what the file holds, and the float32 weight [outputs,inputs] that they stand for."""
    groups = inputs // GROUP
    value = torch.randint(0, 16, (inputs, outputs))
    zero = torch.randint(1, 16, (groups, outputs))
    scale = (0.02 + 0.08 * torch.rand(groups, outputs)).half()
    group_of = torch.arange(inputs) // GROUP
    if kind == "gptq":  # inputs in the order of their importance
        group_of = group_of[torch.randperm(inputs)]
    weight = (scale.float()[group_of] * (value - zero[group_of])).t().contiguous()
    straight = list(range(8))
    if kind == "awq":
        return {"qweight": packed(value, AWQ_ORDER), "qzeros": packed(zero, AWQ_ORDER), "scales": scale}, weight
    stored_zero = zero - 1 if kind == "gptq" else zero
    tensors = {"qweight": packed(value.t(), straight).t().contiguous(), "qzeros": packed(stored_zero, straight), "scales": scale}
    if kind == "gptq":
        tensors["g_idx"] = group_of.to(torch.int32)
    return tensors, weight


CONFIGS = {
    "gptq": dict(quant_method="gptq", bits=4, group_size=GROUP, desc_act=True, sym=False),
    "gptq2": dict(quant_method="gptq", bits=4, group_size=GROUP, desc_act=False, sym=False, checkpoint_format="gptq_v2"),
    "awq": dict(quant_method="awq", bits=4, group_size=GROUP, version="gemm", zero_point=True),
}


def make(root, kind):
    made = dict(seed=len(kind), dtype=torch.float16, intermediate_size=24)
    model = families.make_model("mistral_full", **made)
    folder = os.path.join(root, f"mistral_{kind}")
    shutil.rmtree(folder, ignore_errors=True)
    families.save(model, folder, torch.float16)
    path = os.path.join(folder, "model.safetensors")
    tensors = load_file(path)
    model = families.make_model("mistral_full", **made)  # saving rounded the rotary frequencies of the first one
    for name, module in model.named_modules():
        if not isinstance(module, torch.nn.Linear) or name == "lm_head":
            continue
        ints, weight = quantize(kind, module.in_features, module.out_features)
        module.weight.data = weight
        del tensors[f"{name}.weight"]
        tensors.update({f"{name}.{part}": tensor for part, tensor in ints.items()})
    save_file(tensors, path, metadata={"format": "pt"})
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    config["quantization_config"] = CONFIGS[kind]
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
    ids = torch.randint(1, 61, (64,))
    logits = families.logits_of("mistral_full", model, ids)
    save_file({"ids": ids, "logits": logits.contiguous()}, os.path.join(folder, "expected.safetensors"))
    print(f"mistral_{kind}: largest logit {float(logits.abs().max()):.2f}")


if __name__ == "__main__":
    for chosen in CONFIGS:
        make(sys.argv[1], chosen)
