// What is trained, and towards what: the seam between the loop (trainer.h) and a kind of training.  An objective owns
// the parameters that learn and whatever stays frozen (a target, as in FrozenTarget); the loop owns data, optimizer,
// schedule and checkpoints, and knows no model.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "framework/core/tensor.h"

namespace specula {

struct Parameter {
  std::string name;
  Tensor tensor;  // float32, a leaf that requires grad; matrices decay, vectors do not
};

struct Batch {
  Tensor token;  // [B,T+1] int64: T inputs, and behind each the token that follows
  // The number of the first row among all rows of the training.  Whatever is drawn for row i is keyed by first + i, so
  // that it does not depend on how a step is cut into passes, or on what was done before a resume.
  int64_t first = 0;
};

using Figures = std::vector<std::pair<std::string, double>>;  // means over the tokens of a batch, by name

class Objective {
 public:
  virtual ~Objective() = default;
  // The same tensors in the same order at every call.
  virtual std::vector<Parameter> parameters() const = 0;
  // Adds the gradients of `share` times the mean loss over the batch.  The first figure is that loss; the loop stops
  // where it is no number.
  virtual Figures learn(const Batch& batch, double share) = 0;
  // Of held-out rows [B,T+1], without gradients.
  virtual Figures validate(const Tensor& token) const = 0;
  // By which the best parameters are chosen, of the means that validate() gave: the larger the better.
  virtual double merit(const Figures& validated) const = 0;
  // The trained model or head as files, which `folder` (new) holds whole or not at all.  Throws Error.
  virtual void write(const std::filesystem::path& folder) const = 0;
};

double figure(const Figures& figures, const std::string& name);  // throws std::logic_error if there is none

}  // namespace specula
