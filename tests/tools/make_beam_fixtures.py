#!/usr/bin/env python3
"""Makes tests/decode/fixtures/beam.json: what transformers' beam search finds with the random models of tests/model/fixtures.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch==2.13.0 transformers safetensors numpy
    /tmp/venv/bin/python tests/tools/make_beam_fixtures.py tests/model/fixtures tests/decode/fixtures/beam.json

One case a line: model, prompt, settings, the ids found and their score.  Stop tokens are taken from a beam search that has none,
so that texts end early, late and not at all.  Licence: Apache-2.0.
"""
import itertools
import json
import os
import sys

import torch
import transformers

MODELS = ["mha", "gqa_bias", "llama3_new"]
PROMPTS = [[1], [60, 2, 2, 9, 31, 8, 12]]
EARLY = {"heuristic": False, "full": True, "never": "never"}
SETTINGS = [(2, 1.0, "heuristic"), (3, 1.0, "full"), (3, 1.0, "never"), (4, 0.0, "heuristic"), (4, 2.0, "never"), (2, -0.5, "heuristic"),
            (5, 2.0, "full"), (16, 1.0, "heuristic"), (4, 0.6, "never"), (3, 0.0, "full"), (4, 1.0, "heuristic"), (2, 2.0, "never")]
LIMIT = 20


def search(model, prompt, width, penalty, early, stop, limit):
    found = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), do_sample=False,
                           num_beams=width, length_penalty=penalty, early_stopping=EARLY[early], eos_token_id=stop or None,
                           pad_token_id=0, max_new_tokens=limit, min_new_tokens=None, return_dict_in_generate=True,
                           output_scores=True)
    ids = found.sequences[0, len(prompt):].tolist()
    for i, token in enumerate(ids):  # what stands behind the stop token is padding
        if token in stop:
            ids = ids[:i + 1]
            break
    return ids, float(found.sequences_scores[0])


def main():
    fixtures, target = sys.argv[1:]
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    cases = []
    for name, prompt in itertools.product(MODELS, PROMPTS):
        model = transformers.AutoModelForCausalLM.from_pretrained(os.path.join(fixtures, name), dtype=torch.float32).eval()
        model.generation_config = transformers.GenerationConfig()
        free, _ = search(model, prompt, 4, 1.0, "heuristic", [], 12)
        for number, (width, penalty, early) in enumerate(SETTINGS):
            stop = [[free[3]], [free[7], (free[7] + 11) % 61], [free[1], free[5], 7], [], [free[5]]][number % 5]
            ids, score = search(model, prompt, width, penalty, early, stop, LIMIT)
            cases.append({"model": name, "prompt": prompt, "width": width, "length_penalty": penalty, "early_stopping": early,
                          "stop": stop, "limit": LIMIT, "ids": ids, "score": score})
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w", encoding="utf-8") as file:
        versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
        lines = ",\n".join(json.dumps(case) for case in cases)
        file.write(f'{{"made_by": "tests/tools/make_beam_fixtures.py with {versions}", "cases": [\n{lines}\n]}}\n')
    ended = sum(len(case["ids"]) < LIMIT for case in cases)
    print(f"{len(cases)} cases, {ended} ended before the limit")


if __name__ == "__main__":
    main()
