#!/usr/bin/env python3
"""Measures training of the demo target's shape: `specula train lm` and the same loop in Python with transformers, in turns.

    python3 benchmarks/peers/train_lm.py build/release/specula TEXTS --rounds 5 --threads 2

Both make steps of 16 rows of 256 tokens with bfloat16 autocast, clipped gradients and AdamW.  A round is a process of each; a
figure is the median over the steps behind the first two, and the ratio the median of the rounds' own.  Needs torch and
transformers.  Licence: Apache-2.0.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS, LENGTH, FIRST = 16, 256, 2  # steps before FIRST warm up


def specula_steps(program, texts, steps, threads, dtype):
    with tempfile.TemporaryDirectory() as folder:
        sets = [f"sources.corpus.paths={json.dumps([str(pathlib.Path(t).resolve()) for t in texts])}", f"train.steps={steps}",
                f"train.threads={threads}", f"optimizer.dtype={dtype}", "validation.every=0", "output.checkpoint_every=0",
                "sources.corpus.held_out=0.0"]
        command = [program, "train", "lm", str(ROOT / "configs/train/demo_target.toml"), "--out", folder]
        for value in sets:
            command += ["--set", value]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines = (pathlib.Path(folder) / "demo-target/timing.jsonl").read_text().splitlines()
    times = [json.loads(line)["elapsed_s"] for line in lines]
    return [b - a for a, b in zip(times, times[1:])]


def python_steps(steps, threads, dtype):
    command = [sys.executable, __file__, "--worker", str(steps), "--threads", str(threads), "--dtype", dtype]
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)


def worker(steps, threads, dtype):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=6, num_key_value_heads=2, intermediate_size=1024,
        vocab_size=4096, max_position_embeddings=1024, tie_word_embeddings=True, rms_norm_eps=1e-5)).train()
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW([{"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.1},
                                   {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0}],
                                  lr=1e-3, betas=(0.9, 0.95))
    times = [time.perf_counter()]
    for _ in range(steps):
        token = torch.randint(4096, (ROWS, LENGTH + 1))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bf16"):
            logits = model(token[:, :-1]).logits.float()
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), token[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        loss.item()
        times.append(time.perf_counter())
    print(json.dumps([b - a for a, b in zip(times, times[1:])][1:]))


def speed(steps):
    return ROWS * LENGTH / statistics.median(steps[FIRST:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="?")
    parser.add_argument("texts", nargs="*")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return worker(args.worker, args.threads, args.dtype)
    if not args.program or not args.texts:
        parser.error("expected the program and texts")
    ratios = []
    for number in range(args.rounds):
        own = speed(specula_steps(args.program, args.texts, args.steps, args.threads, args.dtype))
        other = speed(python_steps(args.steps, args.threads, args.dtype))
        ratios.append(own / other)
        print(f"round {number + 1}: specula {own:.0f} tok/s, transformers {other:.0f} tok/s, ratio {own / other:.2f}, "
              f"load {os.getloadavg()[0]:.1f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
