#!/usr/bin/env python3
"""Makes tests/decode/fixtures/samplers.json: what the logits processors of transformers make of random rows.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch==2.13.0 transformers
    /tmp/venv/bin/python tests/tools/make_sampler_golden.py tests/decode/fixtures/samplers.json

Each case: the call of our plug-in, the text (prompt and generated tokens), the stop tokens, the logits and the scores that
came of them, null for minus infinity.  `order` is the order in which GenerationMixin applies its processors, by their
classes.  Licence: Apache-2.0.
"""
import json
import sys

import torch
import transformers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM
from transformers.generation import logits_process as lp

VOCAB, PROMPT = 40, 6
STOP = [3, 17]


def cases():
    yield "temperature(0.7)", lp.TemperatureLogitsWarper(0.7)
    yield "temperature(1.9)", lp.TemperatureLogitsWarper(1.9)
    yield "top_k(5)", lp.TopKLogitsWarper(5)
    yield "top_p(0.83)", lp.TopPLogitsWarper(0.83)
    yield "top_p(0.4)", lp.TopPLogitsWarper(0.4)
    yield "min_p(0.08)", lp.MinPLogitsWarper(0.08)
    yield "typical_p(0.3)", lp.TypicalLogitsWarper(0.3)
    yield "typical_p(0.85)", lp.TypicalLogitsWarper(0.85)
    yield "epsilon(0.02)", lp.EpsilonLogitsWarper(0.02)
    yield "epsilon(0.5)", lp.EpsilonLogitsWarper(0.5)
    yield "eta(0.05)", lp.EtaLogitsWarper(0.05)
    yield "eta(0.3)", lp.EtaLogitsWarper(0.3)
    yield "repetition_penalty(1.3)", lp.RepetitionPenaltyLogitsProcessor(1.3)
    yield "no_repeat_ngram(1)", lp.NoRepeatNGramLogitsProcessor(1)
    yield "no_repeat_ngram(2)", lp.NoRepeatNGramLogitsProcessor(2)
    yield "no_repeat_ngram(3)", lp.NoRepeatNGramLogitsProcessor(3)
    yield "min_length(9)", lp.MinNewTokensLengthLogitsProcessor(PROMPT, 9, STOP)
    yield "max_length(10)", lp.ForcedEOSTokenLogitsProcessor(PROMPT + 10, STOP)
    yield "suppress_tokens(tokens=[1,5,39])", lp.SuppressTokensLogitsProcessor([1, 5, 39])


def number(value):
    return None if value == float("-inf") else value


def order():
    config = GenerationConfig(temperature=0.7, top_k=5, top_p=0.9, min_p=0.05, typical_p=0.9, epsilon_cutoff=0.01, eta_cutoff=0.01,
                              repetition_penalty=1.2, no_repeat_ngram_size=3, min_new_tokens=2, forced_eos_token_id=3, max_length=30,
                              suppress_tokens=[1], do_sample=True, eos_token_id=3,
                              sequence_bias=[[[4], 1.0]], watermarking_config={"bias": 2.0})
    model = LlamaForCausalLM(LlamaConfig(vocab_size=VOCAB, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1))
    model._prepare_special_tokens(config)
    return [type(p).__name__ for p in model._get_logits_processor(config, input_ids_seq_length=PROMPT, device="cpu")]


def main():
    generator = torch.Generator().manual_seed(7)
    made = []
    for call, processor in cases():
        for length in (9, 15):
            ids = torch.randint(0, 6 if "ngram" in call else VOCAB, (length,), generator=generator)
            spread = 1.0 if length == 9 else 3.0
            logits = (torch.randn(VOCAB, generator=generator) * spread * 1e3).round() / 1e3
            scores = processor(ids[None], logits[None].clone())[0]
            made.append({"call": call, "prompt": PROMPT, "stop": STOP, "text": ids.tolist(),
                         "logits": [round(v, 3) for v in logits.tolist()],
                         "scores": [number(round(v, 6) if v != float("-inf") else v) for v in scores.tolist()]})
    golden = {"made_by": "tests/tools/make_sampler_golden.py", "transformers": transformers.__version__, "torch": torch.__version__,
              "order": order(), "cases": made}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        text = json.dumps(golden)
        file.write(text.replace('{"call"', '\n{"call"').replace('"cases"', '\n"cases"') + "\n")


if __name__ == "__main__":
    main()
