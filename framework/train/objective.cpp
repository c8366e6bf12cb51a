#include "framework/train/objective.h"

#include <algorithm>

namespace specula {

double figure(const Figures& figures, const std::string& name) {
  const auto found = std::find_if(figures.begin(), figures.end(), [&](const auto& f) { return f.first == name; });
  SPECULA_CHECK(found != figures.end(), "no figure ", name);
  return found->second;
}

}  // namespace specula
