#include "experiments/scores/scorer.h"

#include "experiments/scores/gsm8k.h"
#include "experiments/scores/mbpp.h"
#include "framework/core/error.h"
#include "framework/core/params.h"

namespace specula {

const std::vector<Scorer>& scorers() {
  static const std::vector<Scorer> kScorers = {gsm8k_em(), mbpp_pass()};
  return kScorers;
}

const Scorer& find_scorer(const std::string& name, const std::string& place) {
  std::vector<std::string> valid;
  for (auto scorer = scorers().rbegin(); scorer != scorers().rend(); ++scorer) {  // the latest version stands last
    if (scorer->id == name || scorer->name() == name) return *scorer;
    valid.insert(valid.begin(), name.find('@') == std::string::npos ? scorer->name() : scorer->id);
  }
  throw ConfigError(cat(place, ": there is no scorer ", quoted(name), suggestion(name, valid)));
}

}  // namespace specula
