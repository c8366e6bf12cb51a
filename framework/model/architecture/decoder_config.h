// What a decoder-only model is made of, read from config.json and bounded: every size is checked before it is used to
// compute anything.  One description for all architectures: they differ in its fields, not in code of their own.  The
// families (family_*.cpp) translate their config.json into it and say where the file keeps each tensor.
// Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "framework/model/architecture/rope.h"

namespace specula {

enum class NormKind {
  kRms,   // x / sqrt(mean(x^2) + eps) * weight (Zhang and Sennrich 2019)
  kLayer  // (x - mean) / sqrt(variance + eps) * weight + bias (Ba et al. 2016)
};
enum class Activation { kSilu, kGelu, kGeluTanh, kRelu };  // kGelu is exact (erf), kGeluTanh its approximation
enum class QueryKeyNorm {
  kNone,
  kHead,  // each head of its own, one weight [head_dim] for all
  kAll    // all heads of a row at once, weight [heads * head_dim]
};
enum class LayerRope { kNone, kMain, kLocal };  // which of the config's embeddings turns a layer's queries and keys

// Where the residual stream x is normalised.  A(.) is a block, attention or feed-forward.
//   before only:          x + A(norm(x))                       (Llama, GPT-2)
//   before and after:     x + norm'(A(norm(x)))                (Gemma 2)
//   after only:           x + norm'(A(x))                      (OLMo 2)
//   on the sum:           norm(x + A(x))                       (OPT 350M)
//   parallel:             x + attention(norm(x)) + mlp(norm'(x)); of one norm where `shared` (GPT-NeoX, StableLM, Phi)
struct NormPlaces {
  bool before = true, after = false, sum = false;
  bool parallel = false, shared = false;
};

// Feed-forward blocks of which each row uses a few (Shazeer et al. 2017).  A row's weights are the softmax over the
// router's outputs, of which the `top` largest stay.
struct Experts {
  int64_t count = 0;  // 0: none, every layer is dense
  int64_t top = 0;
  int64_t intermediate = 0;         // of one expert
  bool renormalised = false;        // the weights that stay are divided by their sum
  int64_t shared_intermediate = 0;  // of a block that every row uses besides; 0: none
  bool shared_gate = false;         // its output times sigmoid(gate x), gate [1,hidden]
};

// 4-bit integers that matrices of the layers may be kept in (checkpoint/packed_ints.h).
enum class StoredIntegers { kNone, kGptq, kGptq2, kAwq };

// A decoder that is the head of another, its target: its rows carry a state beside their token (HeadTraits).
enum class StateEntry {
  kNone,       // a model of its own
  kInput,      // x = F [e; s] of embedding e and state s (EAGLE, Li et al. 2024; MTP, DeepSeek-AI 2024)
  kAttention,  // x = s; q, k and v of the first layer read [norm(e); norm'(s)] (EAGLE-3, Li et al. 2025)
  kState,      // x = s, the token is not read (Kangaroo, Liu et al. 2024; Hydra++, Ankner et al. 2024)
  kContext     // keys and values of all layers are those of norm'(s), and rows without a state, which are a block, see
               // them and each other (DFlash, Chen et al. 2026)
};
// RMS norms of a target's states in front of the matrix that joins them.
enum class JoinNorm {
  kNone,
  kEach,  // a norm for each site (EAGLE-3.1)
  kAll,   // one over all of them side by side
};

struct StateConfig {
  StateEntry entry = StateEntry::kNone;
  std::string kind{};        // HeadTraits::kind
  bool norms = false;        // of e and s, where they enter
  bool keeps_norm = false;   // of kAttention: the residual stream begins with norm'(s)
  bool bias = false;         // of F
  std::vector<int> sites{};  // of the target; -1: behind its final norm
  int64_t joined = 0;        // numbers of all sites that a matrix [H,joined] joins to s; 0: s is the one site
  JoinNorm join_norm = JoinNorm::kNone;
  bool carries_normed =
      false;  // a drafted row carries what is behind the head's final norm, else what is in front of it
  bool own_embedding = true, own_output = true;  // else the target's
  int64_t draft_vocab = 0;     // tokens that it can draft (tensor d2t says which); 0: the whole vocabulary
  int64_t target_hidden = 0;   // hidden size of the target
  int64_t named = 0;           // tokens that one pass names, since masks stand for those to come; 0: the next one alone
  int64_t mask_token = 0;      // what such masks are
  std::string stored_layer{};  // how the file begins the names of its layer
};

struct DecoderConfig {
  std::string architecture = "LlamaForCausalLM";
  int64_t vocab = 0, hidden = 0, intermediate = 0, layers = 0;
  int64_t heads = 0, kv_heads = 0, head_dim = 0;
  int64_t context = 0;

  NormKind norm = NormKind::kRms;
  double norm_eps = 1e-6;
  bool norm_bias = false;  // of kLayer
  NormPlaces places;
  bool final_norm = true;

  // Attention.
  bool qkv_bias = false, output_bias = false;
  QueryKeyNorm query_key_norm = QueryKeyNorm::kNone;
  double attention_scale = 0;      // of the scores; 0: 1 / sqrt(head_dim)
  bool scale_by_layer = false;     // divided by the layer's number, counted from 1 (GPT-2's option)
  double attention_softcap = 0;    // c tanh(score / c); 0: none
  std::vector<int64_t> windows{};  // [layers] keys that a row sees, itself included; 0 or empty: all
  int64_t rotary_dim = -1;         // the first dimensions of a head that turn; -1: all, 0: none
  Rope rope, local_rope;           // local_rope: of the layers that say so (Gemma 3)
  std::vector<LayerRope> ropes{};  // [layers]; empty: kMain everywhere

  // Feed-forward.
  bool feeds = true;  // layers have such a block
  Activation activation = Activation::kSilu;
  bool gated = true;  // down(act(gate x) * up x), else down(act(up x))
  bool mlp_bias = false;
  Experts experts;
  std::vector<char> sparse{};  // [layers] whether the layer has experts; empty: all have them, where there are any

  // Ends.
  bool tied = false, head_bias = false;
  double embedding_scale = 1;
  int64_t embedding_dim = 0;      // 0: hidden; else matrices lead from it to hidden and back (OPT 350M)
  int64_t learned_positions = 0;  // rows of a table that is added to the embeddings; 0: none
  int64_t position_offset = 0;    // position p has row p + offset of it
  double logits_softcap = 0;      // 0: none

  StateConfig state;  // of heads

  // Of the file, not of the model.
  StoredIntegers integers = StoredIntegers::kNone;
  int64_t integer_group = 0;  // inputs that share a scale; 0: all

  // What of this a layer has.
  int64_t window(int64_t layer) const { return windows.empty() ? 0 : windows[static_cast<size_t>(layer)]; }
  LayerRope rope_of(int64_t layer) const;  // kNone where nothing turns
  bool is_sparse(int64_t layer) const {
    return experts.count > 0 && (sparse.empty() || sparse[static_cast<size_t>(layer)] != 0);
  }
  double scale_of(int64_t layer) const;
  int64_t turning() const { return rotary_dim < 0 ? head_dim : rotary_dim; }  // dimensions of a head
  int64_t embedded() const { return embedding_dim == 0 ? hidden : embedding_dim; }
  bool is_projected() const { return embedding_dim != 0 && embedding_dim != hidden; }
  bool is_head() const { return state.entry != StateEntry::kNone; }
  bool drafts_blocks() const { return state.entry == StateEntry::kContext; }
  bool names_rounds() const { return state.named > 0; }
  int64_t outputs() const { return state.draft_vocab == 0 ? vocab : state.draft_vocab; }  // of the head
  int64_t attention_inputs(int64_t layer) const {                                         // of q, k and v
    return state.entry == StateEntry::kAttention && layer == 0 ? 2 * hidden : hidden;
  }
};

// `place` names the file in error texts; `tensors`: the names in the folder's files, by which heads are told from
// models of their own, since their config.json often says that they are a Llama.  Throws Error: an unknown architecture
// is listed beside the known ones, and a field that asks for what cannot be computed is named with its value.
DecoderConfig parse_decoder_config(const std::string& json_text, const std::string& place,
                                   const std::set<std::string>& tensors = {});
std::vector<std::string> known_architectures();

// One tensor of a model by the name it has in this program, and where the file keeps it.  Matrices are
// [outputs,inputs].
//   embedding [V,E]; positions [learned_positions,H]; embedding_in [H,E], embedding_out [E,H] where projected;
//   layers.N.attention.{norm,q,k,v,q_norm,k_norm,output,post_norm}, layers.N.mlp.{norm,gate,up,down,post_norm},
//   layers.N.mlp.{router,shared_gate}, layers.N.mlp.experts.M.{gate,up,down}, layers.N.mlp.shared.{gate,up,down};
//   final_norm; head [V,E] where it is not tied; of heads of another model state_input [H,2H], state_norm, token_norm,
//   state_join [H,joined], join_norm.N, mask_state [1,joined], and embedding and head only where they are their own.
//   Each with ".weight", and
//   ".bias" where there is one.
// Where `places.sum`, attention.post_norm and mlp.post_norm are the norms of the sums.
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
  std::string stored;                 // its name in the file
  std::vector<int64_t> stored_shape;  // of which the leading dimensions are rows and the last one a row's size
  // Row r of the tensor is row first + r / block * stride + r % block of what is stored (block 0: first + r), or that
  // column where `transposed`.
  int64_t first = 0, block = 0, stride = 0;
  bool transposed = false;
  float plus = 0;  // added to what is stored (Gemma keeps norms less one)

  int64_t stored_row(int64_t row) const {
    return block == 0 ? first + row : first + row / block * stride + row % block;
  }
};
std::vector<TensorSpec> expected_tensors(const DecoderConfig& config);
// Beginnings of names that some files have before, or lack of, what TensorSpec::stored says: {"transformer.", ""}.
// The first is the one in `stored`.
std::vector<std::string> name_prefixes(const DecoderConfig& config);
// Stored tensors that say nothing: buffers, or copies of what is tied.
bool is_ignored_tensor(const DecoderConfig& config, const std::string& stored);

// A Llama model's config.json in the spelling of transformers 5.
std::string to_json(const DecoderConfig& config, const std::string& dtype);

}  // namespace specula
