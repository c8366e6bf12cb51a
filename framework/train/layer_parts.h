// The parts of decoder layers on parameters that learn, which heads put together each in its own way.  Licence:
// Apache-2.0.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "framework/core/token.h"
#include "framework/model/architecture/decoder_config.h"
#include "framework/model/architecture/rope.h"
#include "framework/train/decoder_weights.h"
#include "framework/train/objective.h"

namespace specula {

class ReferenceDecoder;

class LayerParts {
 public:
  // `begun`: by their names in TensorSpec.
  LayerParts(const DecoderConfig& config, const Parameters& begun, at::DeviceType device);

  std::vector<Parameter> learning() const;
  Parameters detached() const;
  bool has(const std::string& name) const { return weights_.contains(name + ".weight"); }
  const Tensor& weight(const std::string& name) const { return weights_.at(name + ".weight"); }
  Tensor linear(const Tensor& x, const std::string& name) const;
  Tensor norm(const Tensor& x, const std::string& name) const;                  // of the last dimension, float32
  Tensor feed_forward(const Tensor& x, int64_t layer) const;                    // with the norm in front of it
  Tensor heads(const Tensor& x, const std::string& name, int64_t count) const;  // [...,n,H] to [...,n,count,D]
  // x [...,n,heads,D] turned to the positions [n].
  Tensor turned(const Tensor& x, const std::vector<int64_t>& position) const;
  // [...,kv_heads,D] to [...,heads,D].
  Tensor repeated(const Tensor& x) const { return x.repeat_interleave(config_.heads / config_.kv_heads, -2); }

 private:
  DecoderConfig config_;
  RotaryTable rotations_;
  Parameters weights_;
};

// Sizes of a head's layers; 0: as the target's.
struct LayerSizes {
  int64_t layers = 1, intermediate = 0, heads = 0, kv_heads = 0;
};
// The fields of a head's config.json that any decoder has.
nlohmann::ordered_json layer_fields(const LayerSizes& sizes, const DecoderConfig& target);
[[noreturn]] void refuse_target(const std::string& kind, const std::string& why);  // throws ConfigError
// Throws ConfigError for a target whose layers such parts cannot be like, or that lacks one of the sites, which are to
// be `first` .. `last`.
void check_target(const std::string& kind, const DecoderConfig& target, const std::vector<int>& sites, int first,
                  int64_t last);
// Throws ConfigError for what is no token of the target.
void check_mask(Token mask, const DecoderConfig& target);

// The head's embedding, which is the target's.
Tensor embedded(const Tensor& token, const ReferenceDecoder& target);
// W [H,n]: of its inputs the last H, the last site, pass as they are.
void keep_last_state(Tensor& weight);

}  // namespace specula
