#include "drafters/layer_skip.h"

#include <charconv>

#include "drafters/self_drafter.h"

namespace specula {
namespace {

constexpr int kMostLayers = 1024;  // of any model: bounds what a text may name

struct Options {
  std::string layers = "auto";
  std::string attention = "";
  std::string mlp = "";
  SelfOptions self;
  template <class V>
  void visit(V& v) {
    v("layers", layers,
      "layers whose attention and MLP are both skipped, counted from 0: \"3-5,8\"; auto: every second one between the "
      "first and the last, or none where attention or mlp names some");
    v("attention", attention, "further layers whose attention is skipped, \"3-5,8\"");
    v("mlp", mlp, "further layers whose MLP is skipped, \"3-5,8\"");
    self.visit(v);
  }
};

int number_in(const std::string& text, const std::string& option, const std::string& whole) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value >= kMostLayers) {
    throw ConfigError(cat("layer_skip ", option, " = \"", whole, "\": \"", text, "\" is no layer; valid: numbers 0..",
                          kMostLayers - 1, " and ranges, as in \"3-5,8\""));
  }
  return value;
}

// "3-5,8" -> 3, 4, 5, 8
std::vector<int> layers_in(const std::string& text, const std::string& option) {
  std::vector<int> layers;
  std::string compact;
  for (const char c : text) {
    if (c != ' ') compact += c;
  }
  for (size_t at = 0; at < compact.size();) {
    const size_t comma = std::min(compact.find(',', at), compact.size());
    const std::string part = compact.substr(at, comma - at);
    const size_t dash = part.find('-');
    const int first = number_in(part.substr(0, dash), option, text);
    const int last = dash == std::string::npos ? first : number_in(part.substr(dash + 1), option, text);
    if (last < first) throw ConfigError(cat("layer_skip ", option, " = \"", text, "\": ", part, " is empty"));
    for (int layer = first; layer <= last; ++layer) layers.push_back(layer);
    at = comma + 1;
  }
  return layers;
}

struct Named {
  bool is_auto;
  std::vector<int> both, attention, mlp;
  explicit Named(const Options& options)
      : is_auto(options.layers == "auto"),
        both(layers_in(is_auto ? "" : options.layers, "layers")),
        attention(layers_in(options.attention, "attention")),
        mlp(layers_in(options.mlp, "mlp")) {}

  Ask ask(int64_t layers) const {
    Ask ask{.logits = Logits::kLast};
    ask.skip_attention.assign(static_cast<size_t>(layers), 0);
    ask.skip_mlp = ask.skip_attention;
    std::vector<int> all = both;
    for (int layer = 1; is_auto && attention.empty() && mlp.empty() && layer + 1 < layers; layer += 2)
      all.push_back(layer);
    mark(all, "layers", ask.skip_attention);
    mark(all, "layers", ask.skip_mlp);
    mark(attention, "attention", ask.skip_attention);
    mark(mlp, "mlp", ask.skip_mlp);
    return ask;
  }

 private:
  static void mark(const std::vector<int>& named, const char* option, std::vector<char>& skipped) {
    for (const int layer : named) {
      if (layer >= static_cast<int>(skipped.size())) {
        throw ConfigError(cat("layer_skip ", option, " names layer ", layer, "; the target has ", skipped.size(),
                              " layers, 0..", static_cast<int>(skipped.size()) - 1));
      }
      skipped[static_cast<size_t>(layer)] = 1;
    }
  }
};

class LayerSkip final : public SelfDrafter {
 public:
  LayerSkip(const Options& options, const Parts& parts)
      : SelfDrafter(options.self, "layer_skip", parts), named_(options) {
    if (parts.layers > 0) named_.ask(parts.layers);  // fails before anything is decoded
  }

  std::vector<DraftTree> draft(const Round& round) override { return chains(round, named_.ask(round.target.layers())); }

 private:
  Named named_;
};

}  // namespace

Registry<Drafter>::Entry layer_skip() {
  return with_stoppers(drafter_entry<LayerSkip, Options>(
      "layer_skip", "The target drafts for itself with some of its attention and MLP blocks left out.",
      "Zhang et al. 2024", [](const Options& options, Policy policy) {
        const Named named(options);  // throws for what is no list of layers
        return self_facts(options.self, "layer_skip", policy);
      }));
}

}  // namespace specula
