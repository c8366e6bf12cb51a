"""Small random models of every architecture that Specula reads, made with transformers.

`FAMILIES` maps a name to (model class, configuration class, settings).  What `SHAPE` says is added where a configuration
has such a field under that name; `STEPWISE` lists those whose logits transformers only gives reproducibly token by token,
since their rotary embedding depends on the length of the text.  Licence: Apache-2.0.
"""
import json
import os

import torch
import transformers

SHAPE = dict(vocab_size=61, hidden_size=16, intermediate_size=20, num_hidden_layers=3, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.3, pad_token_id=0)

YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 32}
DEEP_YARN = dict(YARN, mscale=0.7, mscale_all_dim=1.1, beta_fast=20.0, beta_slow=2.0)
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
LONGROPE = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0, 1.5], "long_factor": [2.0, 5.0],
            "original_max_position_embeddings": 24}

FAMILIES = {
    "llama_yarn": ("LlamaForCausalLM", "LlamaConfig", dict(rope_parameters=YARN)),
    "llama_yarn_mscale": ("LlamaForCausalLM", "LlamaConfig", dict(rope_parameters=DEEP_YARN)),
    "llama_dynamic": ("LlamaForCausalLM", "LlamaConfig", dict(rope_parameters=DYNAMIC, max_position_embeddings=32)),
    "smollm3": ("SmolLM3ForCausalLM", "SmolLM3Config",
                dict(no_rope_layer_interval=2, use_sliding_window=True, sliding_window=9)),
    "mistral": ("MistralForCausalLM", "MistralConfig", dict(sliding_window=7, head_dim=8)),
    "mistral_full": ("MistralForCausalLM", "MistralConfig", dict(sliding_window=None)),
    "mixtral": ("MixtralForCausalLM", "MixtralConfig", dict(num_local_experts=5, num_experts_per_tok=2)),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2Config", dict()),
    "qwen2_window": ("Qwen2ForCausalLM", "Qwen2Config",
                     dict(use_sliding_window=True, sliding_window=6, max_window_layers=1, tie_word_embeddings=True)),
    "qwen2_moe": ("Qwen2MoeForCausalLM", "Qwen2MoeConfig",
                  dict(num_experts=4, num_experts_per_tok=3, moe_intermediate_size=12, shared_expert_intermediate_size=14,
                       mlp_only_layers=[1])),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", dict(head_dim=8)),
    "qwen3_moe": ("Qwen3MoeForCausalLM", "Qwen3MoeConfig",
                  dict(num_experts=6, num_experts_per_tok=2, moe_intermediate_size=8, norm_topk_prob=True,
                       decoder_sparse_step=2, head_dim=6)),
    "gemma": ("GemmaForCausalLM", "GemmaConfig", dict(head_dim=8)),
    "gemma2": ("Gemma2ForCausalLM", "Gemma2Config",
               dict(head_dim=8, sliding_window=5, query_pre_attn_scalar=11, attn_logit_softcapping=3.0,
                    final_logit_softcapping=4.0)),
    "gemma3": ("Gemma3ForCausalLM", "Gemma3TextConfig",
               dict(head_dim=8, sliding_window=6, query_pre_attn_scalar=13, layer_types=["sliding_attention",
                    "full_attention", "sliding_attention"])),
    "phi": ("PhiForCausalLM", "PhiConfig", dict(num_key_value_heads=4)),
    "phi3": ("Phi3ForCausalLM", "Phi3Config", dict(sliding_window=11)),
    "phi3_longrope": ("Phi3ForCausalLM", "Phi3Config",
                      dict(rope_parameters=LONGROPE, original_max_position_embeddings=24)),
    "olmo2": ("Olmo2ForCausalLM", "Olmo2Config", dict()),
    "stablelm": ("StableLmForCausalLM", "StableLmConfig", dict(hidden_size=32, use_qkv_bias=True)),
    "stablelm_parallel": ("StableLmForCausalLM", "StableLmConfig", dict(hidden_size=32, use_parallel_residual=True)),
    "starcoder2": ("Starcoder2ForCausalLM", "Starcoder2Config", dict(sliding_window=8)),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", dict(n_embd=16, n_layer=3, n_head=4, n_positions=128)),
    "gpt2_layer_scale": ("GPT2LMHeadModel", "GPT2Config",
                         dict(n_embd=16, n_layer=3, n_head=4, n_positions=128, n_inner=20,
                              scale_attn_by_inverse_layer_idx=True)),
    "gpt_neox": ("GPTNeoXForCausalLM", "GPTNeoXConfig", dict(hidden_size=32)),
    "gpt_neox_sequential": ("GPTNeoXForCausalLM", "GPTNeoXConfig", dict(use_parallel_residual=False, rotary_pct=0.5)),
    "opt": ("OPTForCausalLM", "OPTConfig", dict(ffn_dim=20, init_std=0.3)),
    "opt_350m": ("OPTForCausalLM", "OPTConfig",
                 dict(ffn_dim=20, init_std=0.3, word_embed_proj_dim=10, do_layer_norm_before=False)),
    "falcon_7b": ("FalconForCausalLM", "FalconConfig", dict(ffn_hidden_size=20)),
    "falcon_40b": ("FalconForCausalLM", "FalconConfig",
                   dict(new_decoder_architecture=True, num_kv_heads=2, ffn_hidden_size=20)),
}
STEPWISE = {"llama_dynamic", "phi3_longrope"}


def make_config(name, **changes):
    _, config_name, settings = FAMILIES[name]
    kind = getattr(transformers, config_name)
    known = set(kind().to_dict())
    shape = {key: value for key, value in SHAPE.items() if key in known}
    return kind(**{**shape, **settings, **changes})


def make_model(name, seed, dtype=torch.float32, **changes):
    """A model whose weights `dtype` can hold, computing in float32."""
    torch.manual_seed(seed)
    model = getattr(transformers, FAMILIES[name][0])(make_config(name, **changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
            parameter.copy_(parameter.to(dtype).float())
    return model


@torch.no_grad()
def logits_of(name, model, ids):
    """ids [T] -> logits [T,V] float32."""
    if name not in STEPWISE:
        return model(ids[None]).logits[0]
    rows, past = [], None
    for token in ids:
        output = model(token.view(1, 1), past_key_values=past, use_cache=True)
        past = output.past_key_values
        rows.append(output.logits[0, 0])
    return torch.stack(rows)


def save(model, folder, dtype):
    model.to(dtype).save_pretrained(folder)
    generation = os.path.join(folder, "generation_config.json")
    if os.path.exists(generation):
        os.remove(generation)


def respell(folder):
    """rope_parameters of transformers 5 -> rope_theta and rope_scaling of transformers 4."""
    path = os.path.join(folder, "config.json")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    rope = config.pop("rope_parameters", None)
    if rope is None:
        return
    if "full_attention" in rope:  # Gemma 3
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        rope = rope["full_attention"]
    config["rope_theta"] = rope.pop("rope_theta")
    if config["model_type"] == "gpt_neox":
        config["rotary_emb_base"] = config.pop("rope_theta")
        config["rotary_pct"] = rope.pop("partial_rotary_factor")
    elif "partial_rotary_factor" in rope:
        config["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
    rope["type"] = rope.pop("rope_type")  # the oldest name of the field
    config["rope_scaling"] = None if rope["type"] == "default" else rope
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
