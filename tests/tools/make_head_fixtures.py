#!/usr/bin/env python3
"""Makes tests/model/fixtures/heads: tiny random heads in their published layouts, and what their papers' equations give.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch==2.13.0 transformers safetensors numpy
    /tmp/venv/bin/python tests/tools/make_head_fixtures.py tests/model/fixtures/heads

`target` is the model that they draft for.  Each other folder holds config.json, the weights, and expected.safetensors, in
float32: token [T] and states [T,S,H], the rows of a text with the target's states; draft [K], tokens that follow the
last of them, each carrying what the head gave for the one before; logits [T+K,V], -inf for tokens that it cannot draft.
Heads without attention have T = 1.  Kangaroo's drafts carry states of the target too, states [T+K,1,H];
Hydra++, DFlash and P-EAGLE have logits behind the text alone, [1+K,V].  `versions.txt` says which libraries made them.  Licence: Apache-2.0.
"""
import json
import math
import os
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

V, H, L, HEADS, KV, D, MLP, EPS, THETA = 61, 32, 6, 4, 2, 8, 44, 1e-5, 10000.0
T, K = 9, 4
LAYER = dict(architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=V, hidden_size=H, intermediate_size=MLP,
             num_hidden_layers=1, num_attention_heads=HEADS, num_key_value_heads=KV, head_dim=D,
             max_position_embeddings=128, rms_norm_eps=EPS, rope_theta=THETA, hidden_act="silu")


def rms(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS) * weight


def turn(x, position):  # [heads,n,D]
    angle = position[:, None] * THETA ** (-torch.arange(0, D, 2) / D)
    cos, sin = angle.cos(), angle.sin()
    a, b = x[..., :D // 2], x[..., D // 2:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Layer:
    """A Llama layer without its first norm, over all rows so far."""

    def __init__(self, weights, prefix):
        self.w, self.prefix, self.keys, self.values = weights, prefix, [], []

    def linear(self, x, name):
        return F.linear(x, self.w[self.prefix + name + ".weight"], self.w.get(self.prefix + name + ".bias"))

    def __call__(self, attended, residual):  # one row
        position = torch.tensor([float(len(self.keys))])
        q = turn(self.linear(attended, "self_attn.q_proj").view(HEADS, 1, D), position)
        self.keys.append(turn(self.linear(attended, "self_attn.k_proj").view(KV, 1, D), position))
        self.values.append(self.linear(attended, "self_attn.v_proj").view(KV, 1, D))
        k = torch.cat(self.keys, 1).repeat_interleave(HEADS // KV, 0)
        v = torch.cat(self.values, 1).repeat_interleave(HEADS // KV, 0)
        weight = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(D), -1)
        x = residual + self.linear((weight @ v).reshape(-1), "self_attn.o_proj")
        if self.prefix + "post_attention_layernorm.weight" not in self.w:
            return x
        y = rms(x, self.w[self.prefix + "post_attention_layernorm.weight"])
        return x + self.linear(F.silu(self.linear(y, "mlp.gate_proj")) * self.linear(y, "mlp.up_proj"), "mlp.down_proj")


def layer_shapes(prefix, inputs=H):
    return {prefix + "self_attn.q_proj.weight": (HEADS * D, inputs), prefix + "self_attn.k_proj.weight": (KV * D, inputs),
            prefix + "self_attn.v_proj.weight": (KV * D, inputs), prefix + "self_attn.o_proj.weight": (H, HEADS * D),
            prefix + "mlp.gate_proj.weight": (MLP, H), prefix + "mlp.up_proj.weight": (MLP, H),
            prefix + "mlp.down_proj.weight": (H, MLP), prefix + "post_attention_layernorm.weight": (H,)}


def random(shapes):
    return {name: torch.randn(shape) * (0.3 if len(shape) == 2 else 0.2) + (len(shape) == 1 and name.endswith("weight"))
            for name, shape in shapes.items()}


# Each gives (config, weights, file, row), where row(token, carried) -> logits [V], what a row below carries; `join` makes
# what a row of the text carries of the target's states [S,H].

def medusa(target):
    shapes = {}
    for h in range(K + 1):
        shapes |= {f"{h}.0.linear.weight": (H, H), f"{h}.0.linear.bias": (H,), f"{h}.1.weight": (V, H)}
    w = random(shapes)
    step = iter(range(K + 1))

    def row(_, h):
        k = next(step)
        x = h + F.silu(F.linear(h, w[f"{k}.0.linear.weight"], w[f"{k}.0.linear.bias"]))
        return w[f"{k}.1.weight"] @ x, h
    return dict(medusa_num_heads=2, medusa_num_layers=1), w, "medusa_lm_head.pt", row, lambda s: s[0]


def medusa_shared(target):
    shapes = {}
    for h in range(K + 1):
        for block in range(2):
            shapes |= {f"{h}.{block}.linear.weight": (H, H), f"{h}.{block}.linear.bias": (H,)}
    w = random(shapes)
    step = iter(range(K + 1))

    def row(_, h):
        k, x = next(step), h
        for block in range(2):
            x = x + F.silu(F.linear(x, w[f"{k}.{block}.linear.weight"], w[f"{k}.{block}.linear.bias"]))
        return target["lm_head.weight"] @ x, h
    config = dict(medusa_num_heads=K + 1, medusa_num_layers=2, shared_lm_head=True, vocab_size=V, hidden_size=H)
    return config, w, "model.safetensors", row, lambda s: s[0]


def hydra(target):
    shapes = {}
    for h in range(K + 1):
        for part in ("linear", "res_connection"):
            shapes |= {f"hydra_mlp.{h}.0.{part}.weight": (H, H * (h + 2)), f"hydra_mlp.{h}.0.{part}.bias": (H,)}
        shapes |= {f"hydra_mlp.{h}.1.linear.weight": (H, H), f"hydra_mlp.{h}.1.linear.bias": (H,),
                   f"hydra_lm_head.{h}.weight": (V, H), f"hydra_lm_head.{h}.bias": (V,)}
    w = random(shapes)
    step = iter(range(K + 1))

    def linear(x, name):
        return F.linear(x, w[name + ".weight"], w[name + ".bias"])

    def row(token, carried):
        k = next(step)
        x = torch.cat([carried, target["model.embed_tokens.weight"][token]])
        y = linear(x, f"hydra_mlp.{k}.0.res_connection") + F.silu(linear(x, f"hydra_mlp.{k}.0.linear"))
        y = y + F.silu(linear(y, f"hydra_mlp.{k}.1.linear"))
        return linear(y, f"hydra_lm_head.{k}"), x
    return dict(hydra_num_heads=K + 1, hydra_num_layers=2, hydra_head_arch="mlp"), w, "hydra_lm_head.pt", row, lambda s: s[0]


def hydra_prefix(target):
    shapes = {"prefix_embeding_layer.layers.0.input_layernorm.weight": (H,), "prefix_embeding_layer.norm.weight": (H,),
              **layer_shapes("prefix_embeding_layer.layers.0.")}
    config, w, _, heads, _ = hydra(target)
    w |= random(shapes)
    layer = Layer(w, "prefix_embeding_layer.layers.0.")

    def row(token, carried):
        if len(carried) > H:
            return heads(token, carried)
        read = layer(rms(carried, w["prefix_embeding_layer.layers.0.input_layernorm.weight"]), carried)
        state = rms(read, w["prefix_embeding_layer.norm.weight"])
        return (None, None) if len(layer.keys) < T else heads(token, state)  # they speak behind the text alone
    return dict(config, hydra_head_arch="prefix-mlp"), w, "hydra_lm_head.pt", row, lambda s: s[0]


def speculator(tied):
    def make(target):
        inner, steps = 24, K + 1
        shapes = {}
        for k in range(steps):
            shapes |= {f"emb.{k}.weight": (V, inner), f"proj.{k}.weight": (inner, H if k == 0 else inner),
                       f"head.{k}.weight": (V, inner), f"ln.{k}.weight": (inner,), f"ln.{k}.bias": (inner,)}
        w = random(shapes)
        if tied:
            for k in range(1, steps):
                for part in ("emb.%d.weight", "head.%d.weight", "ln.%d.weight", "ln.%d.bias"):
                    w[part % k] = w[part % 0].clone()
                if k > 1:
                    w[f"proj.{k}.weight"] = w["proj.1.weight"].clone()
        state_weight = 0.5 ** (0.5 / steps)
        token_weight = math.sqrt((1 - state_weight ** 2) * inner / 2) / state_weight
        step = iter(range(steps))

        def norm(x):
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)

        def row(token, s):
            k = next(step)
            s = w[f"proj.{k}.weight"] @ s + token_weight * w[f"emb.{k}.weight"][token]
            s = F.gelu(norm(s) * w[f"ln.{k}.weight"] + w[f"ln.{k}.bias"])
            return w[f"head.{k}.weight"] @ s, s
        config = dict(model_type="mlp_speculator", n_predict=steps, inner_dim=inner, tie_weights=tied, scale_input=tied)
        return config, w, "model.safetensors", row, (lambda s: norm(s[0]) / math.sqrt(2)) if tied else (lambda s: s[0])
    return make


def eagle(target):
    w = random({"fc.weight": (H, 2 * H), "fc.bias": (H,), "embed_tokens.weight": (V, H), **layer_shapes("layers.0.")})
    layer = Layer(w, "layers.0.")

    def row(token, s):
        x = F.linear(torch.cat([w["embed_tokens.weight"][token], s]), w["fc.weight"], w["fc.bias"])
        y = layer(x, x)
        return target["lm_head.weight"] @ y, y
    return dict(LAYER, bias=True), w, "pytorch_model.bin", row, lambda s: s[0]


# `norms`: of the states, "fc_norm" (each its own) or "norm_before_fc" (all side by side).
def eagle3(prefix, residual_normed, own_embedding, norms="", norm_output=False):
    def make(target):
        drafted = 23
        shapes = {"fc.weight": (H, 3 * H), "norm.weight": (H,), "lm_head.weight": (drafted, H),
                  **layer_shapes(prefix, 2 * H), prefix + "hidden_norm.weight": (H,), prefix + "input_layernorm.weight": (H,)}
        if own_embedding:
            shapes["embed_tokens.weight"] = (V, H)
        if norms == "fc_norm":
            shapes |= {f"fc_norm.{i}.weight": (H,) for i in range(3)}
        if norms == "norm_before_fc":
            shapes["input_norm.weight"] = (3 * H,)
        w = random(shapes)
        tokens = torch.randperm(V)[:drafted].sort().values
        w["d2t"] = tokens - torch.arange(drafted)
        w["t2d"] = torch.isin(torch.arange(V), tokens)
        embedding = w["embed_tokens.weight"] if own_embedding else target["model.embed_tokens.weight"]
        layer = Layer(w, prefix)

        def row(token, g):
            normed = rms(g, w[prefix + "hidden_norm.weight"])
            e = rms(embedding[token], w[prefix + "input_layernorm.weight"])
            y = layer(torch.cat([e, normed]), normed if residual_normed else g)
            logits = torch.full((V,), -math.inf)
            normed_output = rms(y, w["norm.weight"])
            logits[tokens] = w["lm_head.weight"] @ normed_output
            return logits, normed_output if norm_output else y

        def join(s):
            if norms == "fc_norm":
                s = torch.stack([rms(s[i], w[f"fc_norm.{i}.weight"]) for i in range(3)])
            s = s.reshape(-1)
            return w["fc.weight"] @ (rms(s, w["input_norm.weight"]) if norms == "norm_before_fc" else s)
        if prefix == "midlayer.":
            config = dict(LAYER, architectures=["LlamaForCausalLMEagle3"], draft_vocab_size=drafted)
        else:
            config = dict(speculators_model_type="eagle3", transformer_layer_config=LAYER, draft_vocab_size=drafted,
                          norm_before_residual=residual_normed, eagle_aux_hidden_state_layer_ids=[1, 3, 4])
        config |= {flag: True for flag, is_set in ((norms, norms), ("norm_output", norm_output)) if is_set}
        return config, w, "model.safetensors", row, join
    return make


# Two layers; the mask's state has one learned part for each site, joined as those of the target are.
def peagle(target):
    mask = 5
    config, w, file, _, join = eagle3("layers.0.", False, True)(target)
    w |= random({"layers.1.input_layernorm.weight": (H,), **layer_shapes("layers.1."), "mask_hidden": (1, 1, 3 * H)})
    first, second = Layer(w, "layers.0."), Layer(w, "layers.1.")
    tokens = w["d2t"] + torch.arange(len(w["d2t"]))
    masked = join(w["mask_hidden"])

    def row(token, g):
        place = len(first.keys)
        if place >= T:
            token, g = mask, masked
        e = rms(w["embed_tokens.weight"][token], w["layers.0.input_layernorm.weight"])
        y = first(torch.cat([e, rms(g, w["layers.0.hidden_norm.weight"])]), g)
        y = second(rms(y, w["layers.1.input_layernorm.weight"]), y)
        logits = torch.full((V,), -math.inf)
        logits[tokens] = w["lm_head.weight"] @ rms(y, w["norm.weight"])
        return (logits, g) if place >= T - 1 else (None, None)  # asked behind the text alone
    layer = dict(LAYER, num_hidden_layers=2)
    config = dict(config, speculators_model_type="peagle", transformer_layer_config=layer, mask_token_id=mask)
    del config["norm_before_residual"], config["eagle_aux_hidden_state_layer_ids"]
    return config, w, file, row, join


def mtp(target):
    w = random({"mtp.fc.weight": (H, 2 * H), "mtp.pre_fc_norm_embedding.weight": (H,), "mtp.pre_fc_norm_hidden.weight": (H,),
                "mtp.norm.weight": (H,), "mtp.layers.0.input_layernorm.weight": (H,), **layer_shapes("mtp.layers.0.")})
    layer = Layer(w, "mtp.layers.0.")

    def row(token, s):
        e = rms(target["model.embed_tokens.weight"][token], w["mtp.pre_fc_norm_embedding.weight"])
        x = w["mtp.fc.weight"] @ torch.cat([e, rms(s, w["mtp.pre_fc_norm_hidden.weight"])])
        y = rms(layer(rms(x, w["mtp.layers.0.input_layernorm.weight"]), x), w["mtp.norm.weight"])
        return target["lm_head.weight"] @ y, y
    return LAYER, w, "model.safetensors", row, lambda s: s[0]


def kangaroo(target):
    shapes = {name: shape for name, shape in layer_shapes("layers.0.").items() if "self_attn" in name}
    w = random({**shapes, "layers.0.input_layernorm.weight": (H,), "norm.weight": (H,)})
    layer = Layer(w, "layers.0.")

    def row(_, s):
        return target["lm_head.weight"] @ rms(layer(rms(s, w["layers.0.input_layernorm.weight"]), s), w["norm.weight"]), None
    return dict(LAYER, exitlayer=3), w, "pytorch_model.bin", row, lambda s: s[0]


def block_diffusion(nested):
    """DFlash: all rows of the block see each other and, in each layer, keys and values of the states of the text."""
    def make(target):
        layers, sites, block, mask = 2, 2, K + 2, 5
        shapes = {"fc.weight": (H, sites * H), "hidden_norm.weight": (H,), "norm.weight": (H,)}
        for l in range(layers):
            prefix = f"layers.{l}."
            shapes |= {**layer_shapes(prefix), prefix + "input_layernorm.weight": (H,)}
            if not nested:
                shapes |= {prefix + "self_attn.q_norm.weight": (D,), prefix + "self_attn.k_norm.weight": (D,)}
        w = random(shapes)
        context, named = [], []

        def heads(x, name, count, position=None):  # [n,H] to [count,n,D]
            x = F.linear(x, w[name + "_proj.weight"]).view(-1, count, D).transpose(0, 1)
            if name + "_norm.weight" in w:
                x = rms(x, w[name + "_norm.weight"])
            return x if position is None else turn(x, position)

        def name_block(token):
            c, n = torch.stack(context), len(context)
            x = target["model.embed_tokens.weight"][torch.tensor([token] + [mask] * (block - 1))]
            text, own = torch.arange(n).float(), torch.arange(n, n + block).float()
            for l in range(layers):
                a, prefix = f"layers.{l}.self_attn.", f"layers.{l}."
                y = rms(x, w[prefix + "input_layernorm.weight"])
                k = torch.cat([heads(c, a + "k", KV, text), heads(y, a + "k", KV, own)], 1)
                v = torch.cat([heads(c, a + "v", KV), heads(y, a + "v", KV)], 1)
                k, v = k.repeat_interleave(HEADS // KV, 0), v.repeat_interleave(HEADS // KV, 0)
                weight = torch.softmax(heads(y, a + "q", HEADS, own) @ k.transpose(1, 2) / math.sqrt(D), -1)
                x = x + F.linear((weight @ v).transpose(0, 1).reshape(block, -1), w[a + "o_proj.weight"])
                y = rms(x, w[prefix + "post_attention_layernorm.weight"])
                gate, up = F.linear(y, w[prefix + "mlp.gate_proj.weight"]), F.linear(y, w[prefix + "mlp.up_proj.weight"])
                x = x + F.linear(F.silu(gate) * up, w[prefix + "mlp.down_proj.weight"])
            named.extend(F.linear(rms(x[1:], w["norm.weight"]), target["lm_head.weight"]))

        def row(token, state):
            if state is not None:
                context.append(state)
                if len(context) == T:
                    name_block(int(token))
            return named.pop(0) if named else None, None
        if nested:
            config = dict(speculators_model_type="dflash", block_size=block, mask_token_id=mask,
                          aux_hidden_state_layer_ids=[2, 5], transformer_layer_config=dict(LAYER, num_hidden_layers=layers))
        else:
            config = dict(LAYER, architectures=["DFlashDraftModel"], model_type="qwen3", num_hidden_layers=layers,
                          num_target_layers=L, block_size=block,
                          dflash_config=dict(mask_token_id=mask, target_layer_ids=[1, 4]))
        return config, w, "model.safetensors", row, lambda s: rms(w["fc.weight"] @ s.reshape(-1), w["hidden_norm.weight"])
    return make


FIXTURES = {"medusa": medusa, "medusa_shared": medusa_shared, "hydra": hydra, "hydra_prefix": hydra_prefix, "mlp_speculator": speculator(False),
            "mlp_speculator_tied": speculator(True), "eagle": eagle, "eagle3": eagle3("midlayer.", False, True),
            "eagle3_speculators": eagle3("layers.0.", True, False),
            "eagle3_1": eagle3("midlayer.", False, False, "fc_norm", True),
            "eagle3_normed": eagle3("layers.0.", False, True, "norm_before_fc"), "peagle": peagle, "mtp": mtp, "kangaroo": kangaroo,
            "block_diffusion": block_diffusion(False), "block_diffusion_speculators": block_diffusion(True)}


def make(root, name, kind, target):
    torch.manual_seed(sum(map(ord, name)))
    config, weights, file, row, join = kind(target)
    folder = os.path.join(root, name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as out:
        json.dump(config, out, indent=2)
        out.write("\n")
    path = os.path.join(folder, file)
    (save_file if file.endswith("safetensors") else torch.save)({k: v.contiguous() for k, v in weights.items()}, path)
    rows = T if any("self_attn" in tensor for tensor in weights) else 1
    token, draft = torch.randint(0, V, (rows,)), torch.randint(0, V, (K,))
    brought = rows + K if name == "kangaroo" else rows
    sites = 3 if name.startswith("eagle3") or name == "peagle" else 2 if name.startswith("block_diffusion") else 1
    states = torch.randn(brought, sites, H)
    logits = []
    for i in range(rows):
        out, carried = row(token[i], join(states[i]))
        if out is not None:
            logits.append(out)
    for i, next_token in enumerate(draft):
        out, carried = row(next_token, join(states[T + i]) if name == "kangaroo" else carried)
        logits.append(out)
    save_file({"token": token, "states": states, "draft": draft, "logits": torch.stack(logits)},
              os.path.join(folder, "expected.safetensors"))


def main():
    root = sys.argv[1]
    torch.manual_seed(1)
    config = LlamaConfig(vocab_size=V, hidden_size=H, intermediate_size=MLP, num_hidden_layers=L, num_attention_heads=HEADS,
                         num_key_value_heads=KV, max_position_embeddings=128, rms_norm_eps=EPS, initializer_range=0.3)
    target = LlamaForCausalLM(config).eval()
    target.save_pretrained(os.path.join(root, "target"))
    os.remove(os.path.join(root, "target", "generation_config.json"))
    with torch.no_grad():
        for name, kind in FIXTURES.items():
            make(root, name, kind, target.state_dict())
    with open(os.path.join(root, "versions.txt"), "w", encoding="utf-8") as out:
        out.write(f"torch {torch.__version__}\n")


if __name__ == "__main__":
    main()
