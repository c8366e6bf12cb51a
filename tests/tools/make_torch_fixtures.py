#!/usr/bin/env python3
"""Makes tests/model/fixtures/torch with the real torch.save:  tests/tools/make_torch_fixtures.py  (needs torch, safetensors)

Each *.pt lies beside what safetensors says of the same tensors.  The hostile ones are what a reader must refuse.  Licence: Apache-2.0.
"""

import collections
import json
import os
import pathlib
import pickle
import shutil
import zipfile

import torch
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parents[1] / "model/fixtures/torch"


class Runs:
    """What a pickle can do to whoever loads it."""

    def __reduce__(self):
        return os.system, ("touch /tmp/specula_pickle_was_executed",)


def archive(path, data, storages):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as out:
        out.writestr("archive/data.pkl", data)
        for key, content in storages.items():
            out.writestr(f"archive/data/{key}", content)


def sharded_model():
    """The model of ../llama3_old_sharded as transformers wrote it before safetensors."""
    source, folder = HERE.parent / "llama3_old_sharded", HERE / "llama3_old_sharded"
    folder.mkdir(exist_ok=True)
    weight_map = {}
    for shard in sorted(source.glob("model-*.safetensors")):
        name = f"pytorch_{shard.stem}.bin"
        tensors = load_file(shard)
        torch.save(tensors, folder / name)
        weight_map.update(dict.fromkeys(tensors, name))
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}, indent=1) + "\n")
    shutil.copy(source / "config.json", folder / "config.json")


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    module = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Linear(5, 2, bias=False))
    shared = torch.arange(12, dtype=torch.float32)
    tensors = {
        "bf16": torch.randn(4, 3).bfloat16(), "f16": torch.randn(7).half(), "f64": torch.randn(2, 2, 2).double(),
        "i64": torch.tensor([1, -2, 1 << 40]), "bool": torch.tensor([True, False, True]), "scalar": torch.tensor(2.5),
        "part": shared[4:10].reshape(2, 3), "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
    }
    torch.save(module.state_dict(), HERE / "state_dict.pt")
    save_file({name: t.contiguous() for name, t in module.state_dict().items()}, HERE / "state_dict.safetensors")
    torch.save({"model": collections.OrderedDict(tensors), "step": 12, "note": "text", "rates": [0.1, 0.2]}, HERE / "nested.bin")
    save_file({f"model.{name}": t.detach().clone().contiguous() for name, t in tensors.items()}, HERE / "nested.safetensors")
    torch.save({"turned": torch.randn(3, 4).t()}, HERE / "turned.pt")
    torch.save({"w": torch.randn(3)}, HERE / "old_format.pt", _use_new_zipfile_serialization=False)
    archive(HERE / "runs_code.pt", pickle.dumps({"w": Runs()}, protocol=2), {})
    sharded_model()
    with zipfile.ZipFile(HERE / "compressed.pt", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("archive/data.pkl", pickle.dumps({}, protocol=2))


main()
