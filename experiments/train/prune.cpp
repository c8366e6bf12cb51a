// `specula train prune`: some layers of a model as a model of its own.  Licence: Apache-2.0.
#include <charconv>
#include <iostream>

#include "experiments/commands.h"
#include "framework/train/decoder_weights.h"

namespace specula {
namespace {

int layer_number(const std::string& text) {
  int layer = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), layer);
  if (code != std::errc() || end != text.data() + text.size())
    throw ConfigError(cat("--layers: '", text, "' is no number of a layer; expected numbers as in 0,3,5"));
  return layer;
}

}  // namespace

ExitCode train_prune_command(const TrainPruneArgs& args) {
  if (args.layers.empty()) throw ConfigError("--layers is missing; expected numbers as in 0,3,5");
  std::vector<int> layers;
  for (const std::string& text : args.layers) layers.push_back(layer_number(text));
  const TrainableDecoder whole = read_decoder(args.model);
  const TrainableDecoder kept = keep_layers(whole, layers);
  write_decoder(kept, WrittenDtype::kBfloat16, args.folder);
  std::cout << args.folder << ": " << layers.size() << " of " << whole.config.layers << " layers\n";
  return ExitCode::kOk;
}

}  // namespace specula
