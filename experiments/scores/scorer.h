// What judges an answer against a reference.  A scorer is a named function with a version: a changed rule is a new
// version, and scores of different versions never stand under one name.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

namespace specula {

struct Judgement {
  bool right = false;
  std::string found{};  // what was taken from the answer, or how its code ended
};

struct Scorer {
  std::string id;          // "gsm8k_em@1": name and version
  std::string definition;  // a paragraph for `specula explain`
  std::string unit_of{};   // what one answer is judged by, in the reference: "a number", "tests"
  bool runs_code = false;  // executes what a model wrote: only where that was asked for
  bool (*can_use)(const std::string& reference);
  Judgement (*judge)(const std::string& answer, const std::string& reference);

  std::string name() const { return id.substr(0, id.find('@')); }
};

const std::vector<Scorer>& scorers();
// By id, or by name: then the latest version.  Throws ConfigError, beginning with `place`, for a name that is none.
const Scorer& find_scorer(const std::string& name, const std::string& place);

}  // namespace specula
