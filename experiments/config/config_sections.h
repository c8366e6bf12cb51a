// The sections of a configuration and their keys, declared once: reading, errors, `explain` and the resolved dump
// follow from the visit() functions here and in config.h.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "experiments/config/config.h"

namespace specula {

struct ExperimentKeys {
  std::string name, note;
  int64_t seed = 0;

  template <class V>
  void visit(V& v) {
    v("name", name, "name of the experiment and of its folder of runs");
    v("seed", seed, 0, kMaxInteger, "seed of every random number of the run");
    v("note", note, "a remark that is kept with the run");
  }
};

struct ArmKeys {
  std::string name;
  bool baseline = false;
  ModelName target{"target"};
  std::string duplicate_of;
  std::string drafter = "none", verifier, strategy;  // texts here; read_plugin reads tables too
  double max_tv = 1;

  template <class V>
  void visit(V& v) {
    v("name", name, "name of the arm, unique in the experiment");
    v("baseline", baseline, "the arm that others are compared with; by default the only one without a drafter");
    v("duplicate_of", duplicate_of,
      "the arm that this one repeats, as a control of the timing: it has no other keys than its name");
    v("target", target, "the model whose distribution the arm decodes from");
    v("drafter", drafter,
      "a name, \"name(key=value)\", { name = \"...\", key = value }, or a [drafter.<name>] of the file");
    v("verifier", verifier, "the same forms; by default greedy_match where temperature is 0, else rejection");
    v("strategy", strategy, "the same forms: a way of decoding that takes the place of drafter and verifier");
    v("max_tv", max_tv, 0.0, 1.0,
      "total variation from the target that specula verify lets a lossy rule have; 1 sets no bound");
  }
};

struct OutputKeys {
  std::string dir = "runs", record = "none", sort = "config";

  template <class V>
  void visit(V& v) {
    v("dir", dir, "folder that runs are written to as <dir>/<experiment>/<cell>, relative to the working directory");
    v("record", record, {"none", "distributions"},
      "distributions: each arm that drafts also writes tree, q and p of every round to traces/, for specula replay; "
      "its drafter then tells q after its last token too, where it can, which costs one more pass a round");
    v("sort", sort, {"config", "speedup"}, "order of the arms in the table: as given, or the fastest first");
  }
};

struct SectionDocs {
  std::string name, help;  // "measure"; named tables as "models.<name>"
  std::vector<Option> options;
  bool is_list() const { return help.starts_with("[["); }  // "[[arm]]: ..."
};

// In the order of the resolved dump.  [sampler] lists the registered processors as its keys.
std::vector<SectionDocs> config_sections(const Registries& registries);

}  // namespace specula
