#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "experiments/bench/kernel_cases.h"
#include "experiments/commands.h"
#include "framework/decode/probability.h"
#include "framework/decode/sampler.h"

namespace specula {
namespace {

constexpr int kFanOut = 3;  // of the trees: 64 rows are five levels
const Keyring kKeys(20);

double unit(int64_t row, int64_t x, uint32_t which) { return kKeys.uniform(Use::kSearch, row, x, which); }

// Rows as a model gives them: most of the mass on few tokens; `other` [R,V] pulls them towards itself.
Tensor peaked_rows(int rows, int64_t vocab, uint32_t which, const Tensor* other) {
  Tensor p = at::empty({rows, vocab});
  for (int row = 0; row < rows; ++row) {
    float* to = p.mutable_data_ptr<float>() + row * vocab;
    for (int64_t x = 0; x < vocab; ++x) {
      const double own = -3 * std::log(unit(row, x, which) + 1e-9);
      const double near = other == nullptr ? own : std::log(other->const_data_ptr<float>()[row * vocab + x] + 1e-20);
      to[x] = static_cast<float>(other == nullptr ? own : .3 * own + .7 * near);
    }
    softmax(to, vocab, to);
  }
  return p;
}

// The law that a rule of a bench judges: what it was made for rather than what it also takes.
Draw law_for(const Facts& facts, bool tree) {
  const auto takes = [&](Draw law) { return std::find(facts.laws.begin(), facts.laws.end(), law) != facts.laws.end(); };
  if (facts.policy == Policy::kGreedy && takes(Draw::kPoint)) return Draw::kPoint;
  if (tree && takes(Draw::kWithoutReplacement)) return Draw::kWithoutReplacement;
  return takes(Draw::kIid) ? Draw::kIid : facts.laws.front();
}

struct Judged {
  std::unique_ptr<Verifier> rule;
  DraftTree tree;
  Tensor p;
  int64_t request = 0;
};

Judged judged(const Registry<Verifier>::Entry& entry, int num_rows, bool is_tree, int64_t vocab) {
  const Params params{.place = "bench", .values = parse_call(entry.name, "bench")};
  const Draw law = law_for(entry.facts(params, Policy::kSampled), is_tree);
  Judged j{
      .rule = entry.make(params, {}), .tree = DraftTree::root_only(0), .p = peaked_rows(num_rows, vocab, 0, nullptr)};
  const Tensor q = peaked_rows(num_rows, vocab, 1, &j.p);
  for (int row = 1; row < num_rows; ++row) {
    const int parent = is_tree ? (row - 1) / kFanOut : row - 1;
    std::vector<float> left(q.const_data_ptr<float>() + parent * vocab,
                            q.const_data_ptr<float>() + (parent + 1) * vocab);
    if (law != Draw::kIid) {
      for (const int sibling : j.tree.children(parent)) left[j.tree.token[sibling]] = 0;
    }
    const Token x = law == Draw::kPoint ? argmax(left.data(), vocab) : pick(left.data(), vocab, unit(row, 0, 2));
    j.tree.add(x, parent, law, law == Draw::kPoint ? -1 : parent);
  }
  for (int row = 0; row < num_rows; ++row) j.tree.q_next[row] = row;
  j.tree.q = q;
  return j;
}

KernelCase rule_case(const Registry<Verifier>::Entry& entry, int num_rows, bool is_tree, int64_t vocab) {
  return {.name = cat("verify/", entry.name, "/", is_tree ? "tree" : "chain", "/rows:", num_rows, "/", vocab),
          .prepare = [=]() -> std::function<void()> {
            const auto data = std::make_shared<Judged>(judged(entry, num_rows, is_tree, vocab));
            return [data] {  // another request each time: the mean over what can happen
              KeyedChance chance(kKeys, ++data->request, 1);
              data->rule->verify(data->tree, {.p = data->p, .chance = chance});
            };
          }};
}

}  // namespace

std::vector<KernelCase> rule_cases() {
  constexpr int64_t kVocab = 32000;
  std::vector<KernelCase> cases;
  const Registries registries = make_registries();
  for (const std::string& name : registries.verifiers.order) {
    const auto& entry = registries.verifiers.entries.at(name);
    cases.push_back(rule_case(entry, 5, false, kVocab));
    const Params params{.place = "bench", .values = parse_call(name, "bench")};
    cases.push_back(rule_case(entry, 64, entry.facts(params, Policy::kSampled).trees, kVocab));
  }
  return cases;
}

}  // namespace specula
