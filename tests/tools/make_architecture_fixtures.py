#!/usr/bin/env python3
"""Makes a folder in tests/model/fixtures for each family of tests/parity/families.py: a tiny random checkpoint and the
logits that transformers computes from it.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch==2.13.0 transformers safetensors numpy
    /tmp/venv/bin/python tests/tools/make_architecture_fixtures.py tests/model/fixtures

Each holds config.json, the weights in bfloat16 as Hugging Face stores them and expected.safetensors: ids [64] int64, logits
[64,V] float32, computed in float32 from these weights.  Every other folder has its config.json in the spelling of
transformers 4.  Licence: Apache-2.0.
"""
import os
import shutil
import sys

import torch
from safetensors.torch import save_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../parity"))
import families  # noqa: E402


def main():
    root = sys.argv[1]
    for index, name in enumerate(families.FAMILIES):
        model = families.make_model(name, seed=sum(map(ord, name)), dtype=torch.bfloat16)
        ids = torch.randint(1, 61, (64,))
        logits = families.logits_of(name, model, ids)
        folder = os.path.join(root, name)
        shutil.rmtree(folder, ignore_errors=True)
        families.save(model, folder, torch.bfloat16)
        if index % 2 == 1:
            families.respell(folder)
        save_file({"ids": ids, "logits": logits.contiguous()}, os.path.join(folder, "expected.safetensors"))
        print(f"{name:22s} largest logit {float(logits.abs().max()):.2f}")


if __name__ == "__main__":
    main()
