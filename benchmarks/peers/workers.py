"""The measured engines, one a process: reads commands from standard input, answers each with one line of JSON.

    measure                -> {"<context> <rows>": [milliseconds, ...], ...}
    logits 1,2,3 FILE.npy  -> {}     writes the logits of every token, [T,V] float32

Started by peers.py as `workers.py ENGINE SETTINGS`, with the settings as JSON.  Every timed pass gives the logits of all its rows,
follows an untimed one of its own, and is rolled back.  Licence: Apache-2.0.
"""
import ctypes
import json
import os
import sys
import time

import numpy as np

TOKEN_STEP = 7919  # a prime: the tokens of a text differ


def text_of(count, vocab, first=1):
    return [(first + i * TOKEN_STEP) % vocab for i in range(count)]


class Transformers:
    """Hugging Face's own forward, with the past in a DynamicCache."""

    def __init__(self, settings):
        import torch
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(settings["threads"])
        torch.set_grad_enabled(False)
        self.torch = torch
        self.model = transformers.AutoModelForCausalLM.from_pretrained(settings["folder"], dtype="auto").eval()
        self.vocab = self.model.config.vocab_size
        self.pasts = {}
        for context in settings["contexts"]:
            cache = transformers.DynamicCache()
            self.run(text_of(context, self.vocab), cache, logits_to_keep=1)
            self.pasts[context] = cache

    def run(self, tokens, cache=None, **options):
        ids = self.torch.tensor([tokens])
        return self.model(input_ids=ids, past_key_values=cache, use_cache=cache is not None, **options).logits[0]

    def seconds_of_pass(self, context, rows, first):
        cache = self.pasts[context]
        tokens = text_of(rows, self.vocab, first)
        start = time.perf_counter()
        self.run(tokens, cache)
        seconds = time.perf_counter() - start
        cache.crop(-rows)
        return seconds

    def logits(self, tokens):
        return self.run(tokens).float().numpy()


class LlamaCpp:
    """llama.cpp through the low-level API: a context of its own for each length of the past, rolled back by seq_rm."""

    MOST_ROWS = 64

    def __init__(self, settings):
        import llama_cpp

        self.api = llama_cpp
        llama_cpp.llama_backend_init()
        self.quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)  # kept: C holds on to it
        llama_cpp.llama_log_set(self.quiet, ctypes.c_void_p(0))
        self.threads = settings["threads"]
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = 0
        self.model = llama_cpp.llama_model_load_from_file(settings["gguf"].encode(), parameters)
        if not self.model:
            raise RuntimeError(f"llama.cpp cannot load {settings['gguf']}")
        self.vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.batch = llama_cpp.llama_batch_init(512, 0, 1)
        self.pasts = {context: self.new_context(context) for context in settings["contexts"]}

    def new_context(self, past):
        parameters = self.api.llama_context_default_params()
        parameters.n_ctx = past + self.MOST_ROWS
        parameters.n_batch = parameters.n_ubatch = 512
        parameters.n_seq_max = 1
        parameters.n_threads = parameters.n_threads_batch = self.threads
        context = self.api.llama_init_from_model(self.model, parameters)
        if not context:
            raise RuntimeError("llama.cpp cannot make a context")
        text = text_of(past, self.vocab)
        for start in range(0, past, 512):
            self.decode(context, text[start:start + 512], start, logits=False)
        return context

    def decode(self, context, tokens, position, logits=True):
        batch = self.batch
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i] = token
            batch.pos[i] = position + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = logits
        code = self.api.llama_decode(context, batch)
        if code != 0:
            raise RuntimeError(f"llama_decode returned {code}")
        self.api.llama_synchronize(context)

    def seconds_of_pass(self, context, rows, first):
        past = self.pasts[context]
        tokens = text_of(rows, self.vocab, first)
        start = time.perf_counter()
        self.decode(past, tokens, context)
        seconds = time.perf_counter() - start
        if not self.api.llama_memory_seq_rm(self.api.llama_get_memory(past), 0, context, -1):
            raise RuntimeError("llama.cpp cannot roll its cache back")
        return seconds

    def logits(self, tokens):
        context = self.new_context(0)
        self.decode(context, tokens, 0)
        flat = self.api.llama_get_logits(context)
        result = np.ctypeslib.as_array(flat, shape=(len(tokens) * self.vocab,)).copy()
        self.api.llama_free(context)
        return result.reshape(len(tokens), self.vocab)


ENGINES = {"transformers": Transformers, "llama.cpp": LlamaCpp}


def measure(engine, settings, turn):
    """The combinations take turns, so that a change of the machine's mood meets them all."""
    times = {f"{context} {rows}": [] for context in settings["contexts"] for rows in settings["rows"]}
    for repeat in range(settings["repeats"]):
        for key, samples in times.items():
            context, rows = map(int, key.split())
            first = 3 + turn * settings["repeats"] + repeat
            engine.seconds_of_pass(context, rows, first)
            samples.append(1e3 * engine.seconds_of_pass(context, rows, first))
    return times


def main():
    settings = json.loads(sys.argv[2])
    # Libraries print what they like; only answers go to the parent.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    engine = ENGINES[sys.argv[1]](settings)
    turn = 0
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        words = line.split()
        answer = {}
        if words[0] == "measure":
            answer = measure(engine, settings, turn)
            turn += 1
        else:
            np.save(words[2], engine.logits([int(token) for token in words[1].split(",")]))
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
