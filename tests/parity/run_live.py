#!/usr/bin/env python3
"""Builds random models of every architecture with transformers, on the spot, and compares their logits with Specula's.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch==2.13.0 transformers safetensors numpy
    /tmp/venv/bin/python tests/parity/run_live.py [--specula build/release/specula] [--seeds 2] [--only NAME,NAME]

Larger models than the fixtures of tests/model, other seeds at each call of --first-seed.  Per family: the largest error in
float32 as a share of the logits' range over 64 positions, the share of positions with the same most likely token, and whether
decoding token by token gives the logits of one pass - by the own engine to the last bit, by LibTorch's operators within the
bound.  Exit status 1 if a family fails.  Licence: Apache-2.0.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch

import families

BOUND = 2e-4  # of the range of the logits
LENGTH = 64
# Beside what a family says of itself; only where its configuration has the field and the family does not set it.
LARGER = dict(vocab_size=317, intermediate_size=72)
LONGER = {"llama_dynamic": dict(max_position_embeddings=64)}  # specula score keeps to the context


def changes_of(name):
    known = set(families.make_config(name).to_dict())
    own = families.FAMILIES[name][2]
    larger = {key: value for key, value in LARGER.items() if key in known and key not in own}
    return {**larger, **LONGER.get(name, {})}


def scored(specula, folder, ids, device, chunk):
    path = os.path.join(folder, "logits.npy")
    command = [specula, "score", "--model", folder, "--ids", ",".join(map(str, ids.tolist())), "--logits", path, "--dtype", "fp32",
               "--device", device, "--chunk", str(chunk), "--threads", "2"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return np.load(path)


def compare(specula, name, seed):
    model = families.make_model(name, seed, **changes_of(name))
    ids = torch.randint(1, model.config.vocab_size, (LENGTH,))
    wanted = families.logits_of(name, model, ids).numpy()
    span = float(wanted.max() - wanted.min())
    with tempfile.TemporaryDirectory() as folder:
        families.save(model, folder, torch.float32)
        if seed % 2:
            families.respell(folder)
        own, own_steps = (scored(specula, folder, ids, "cpu", chunk) for chunk in (0, 1))
        aten, aten_steps = (scored(specula, folder, ids, "aten", chunk) for chunk in (0, 1))
    error = lambda got: float(np.abs(got - wanted).max()) / span
    return dict(own=max(error(own), error(own_steps)), aten=max(error(aten), error(aten_steps)),
                argmax=float((own.argmax(-1) == wanted.argmax(-1)).mean()), same=bool((own == own_steps).all()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--specula", default="build/release/specula")
    parser.add_argument("--seeds", type=int, default=2, help="models of each family")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--only", help="families, with commas between")
    args = parser.parse_args()
    chosen = args.only.split(",") if args.only else list(families.FAMILIES)
    for name in chosen:
        if name not in families.FAMILIES:
            parser.error(f"unknown family '{name}'; valid: {', '.join(families.FAMILIES)}")
    torch.set_num_threads(2)
    failed = 0
    print(f"| {'family':19s} | {'architecture':22s} | own, max error | aten, max error | argmax equal | cached = uncached | |")
    print(f"|{'-' * 21}|{'-' * 24}|---------------:|----------------:|-------------:|-------------------|---|")
    for name in chosen:
        try:
            rows = [compare(args.specula, name, seed) for seed in range(args.first_seed, args.first_seed + args.seeds)]
        except RuntimeError as error:
            failed += 1
            print(f"| {name:19s} | {families.FAMILIES[name][0]:22s} | {error} | FAILED |")
            continue
        own, aten = max(r["own"] for r in rows), max(r["aten"] for r in rows)
        argmax, same = min(r["argmax"] for r in rows), all(r["same"] for r in rows)
        good = own <= BOUND and aten <= BOUND and argmax >= 0.98 and same
        failed += not good
        print(f"| {name:19s} | {families.FAMILIES[name][0]:22s} | {own:14.1e} | {aten:15.1e} | {argmax:12.3f} | "
              f"{'bit for bit' if same else 'NO':17s} | {'ok' if good else 'FAILED'} |", flush=True)
    print(f"\n{len(chosen) - failed} of {len(chosen)} families agree within {BOUND:g} of the range, {LENGTH} positions, "
          f"{args.seeds} models each; transformers {families.transformers.__version__}, torch {torch.__version__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
