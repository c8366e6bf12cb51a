#include "framework/decode/sequoia.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/decode/tree_shape.h"

namespace specula {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
constexpr size_t kMaxFile = 1 << 20;

// The tables of the programme.  A subtree of m rows that goes at most d below its own root gives best(d, m) tokens,
// its root included: 1 + max over b of first(d, b, m - 1), where `first` shares m - 1 rows among children of rank
// 0..b-1: first(d, b, m) = max over y of first(d, b - 1, m - y) + acceptance[b - 1] best(d - 1, y).
class Programme {
 public:
  Programme(const std::vector<double>& acceptance, int rows, int depth)
      : ranks_(static_cast<int>(acceptance.size())), rows_(rows), depth_(depth) {
    best_.assign(cells(1), kNever);
    children_.assign(cells(1), 0);
    last_.assign(cells(ranks_ + 1), 0);
    best_[at(0, 1)] = 1;
    for (int d = 1; d <= depth; ++d) fill(acceptance, d);
  }

  double best(int depth, int rows) const { return best_[at(depth, rows)]; }

  TreeTemplate tree(int depth, int rows) const {
    TreePaths paths;
    add_below({}, depth, rows, paths);
    return tree_of_paths(paths, "sequoia");
  }

 private:
  size_t cells(int each) const {
    return static_cast<size_t>(depth_ + 1) * static_cast<size_t>(rows_ + 1) * static_cast<size_t>(each);
  }
  size_t at(int d, int m) const {
    return static_cast<size_t>(d) * static_cast<size_t>(rows_ + 1) + static_cast<size_t>(m);
  }
  size_t at(int d, int b, int m) const {
    return (static_cast<size_t>(d) * static_cast<size_t>(ranks_ + 1) + static_cast<size_t>(b)) *
               static_cast<size_t>(rows_ + 1) +
           static_cast<size_t>(m);
  }

  void fill(const std::vector<double>& acceptance, int d) {
    best_[at(d, 1)] = 1;
    std::vector<double> before(static_cast<size_t>(rows_), kNever), with;
    before[0] = 0;  // no children, no rows
    for (int b = 1; b <= ranks_; ++b) {
      with.assign(before.size(), kNever);
      for (int m = b; m < rows_; ++m) {
        for (int y = 1; y <= m; ++y) {
          const double tokens =
              before[static_cast<size_t>(m - y)] + acceptance[static_cast<size_t>(b - 1)] * best_[at(d - 1, y)];
          if (!(tokens > with[static_cast<size_t>(m)])) continue;
          with[static_cast<size_t>(m)] = tokens;
          last_[at(d, b, m)] = static_cast<int16_t>(y);
        }
        if (1 + with[static_cast<size_t>(m)] > best_[at(d, m + 1)]) {
          best_[at(d, m + 1)] = 1 + with[static_cast<size_t>(m)];
          children_[at(d, m + 1)] = static_cast<int16_t>(b);
        }
      }
      before.swap(with);
    }
  }

  void add_below(const std::vector<int>& path, int d, int m, TreePaths& paths) const {
    int left = m - 1;
    for (int b = children_[at(d, m)]; b > 0; --b) {
      const int y = last_[at(d, b, left)];
      std::vector<int> child = path;
      child.push_back(b - 1);
      paths.push_back(child);
      add_below(child, d - 1, y, paths);
      left -= y;
    }
  }

  int ranks_, rows_, depth_;
  std::vector<double> best_;              // [depth+1, rows+1]
  std::vector<int16_t> children_, last_;  // [depth+1, rows+1] and [depth+1, ranks+1, rows+1]
};

void check(const std::vector<double>& acceptance, int rows, int depth) {
  const auto refuse = [](const std::string& what) { throw ConfigError("sequoia: " + what); };
  if (acceptance.empty()) refuse("the acceptance vector is empty");
  if (acceptance.size() > static_cast<size_t>(kMaxRanks))
    refuse(cat(acceptance.size(), " ranks; valid: at most ", kMaxRanks));
  double sum = 0;
  for (size_t r = 0; r < acceptance.size(); ++r) {
    if (!(acceptance[r] >= 0 && acceptance[r] <= 1))
      refuse(cat("acceptance[", r, "] = ", acceptance[r], " is no probability"));
    sum += acceptance[r];
  }
  if (sum > 1 + 1e-6) refuse(cat("the acceptance vector sums to ", sum, "; at most one sibling is the first accepted"));
  if (rows < 1 || rows > kMaxTreeRows) refuse(cat("budget ", rows, " is out of range 1..", kMaxTreeRows));
  if (depth < 1 || depth > kMaxTreeDepth) refuse(cat("depth ", depth, " is out of range 1..", kMaxTreeDepth));
}

}  // namespace

SequoiaTree best_tree(const std::vector<double>& acceptance, int rows, int depth) {
  check(acceptance, rows, depth);
  const Programme programme(acceptance, rows, depth);
  if (rows == 1) return {};
  if (programme.best(depth, rows) == kNever)
    throw ConfigError(
        cat("sequoia: no tree of depth ", depth, " with ", acceptance.size(), " children a node has ", rows, " rows"));
  return {.tree = programme.tree(depth, rows), .expected_tokens = programme.best(depth, rows)};
}

SequoiaTree choose_tree(const std::vector<double>& acceptance, const SequoiaCosts& costs) {
  if (costs.budgets.empty() || costs.budgets.size() != costs.target_time.size())
    throw ConfigError(cat("sequoia: ", costs.budgets.size(), " budgets and ", costs.target_time.size(),
                          " target times; expected as many of each, at least one"));
  for (const double time : costs.target_time) {
    if (!(time > 0 && std::isfinite(time))) throw ConfigError(cat("sequoia: target time ", time, " is not above 0"));
  }
  if (!(costs.draft_time >= 0 && std::isfinite(costs.draft_time)))
    throw ConfigError(cat("sequoia: draft time ", costs.draft_time, " is below 0"));
  for (const int rows : costs.budgets) check(acceptance, rows, costs.max_depth);
  const Programme programme(acceptance, *std::max_element(costs.budgets.begin(), costs.budgets.end()), costs.max_depth);
  SequoiaTree chosen{.time_per_token = std::numeric_limits<double>::infinity()};
  int best_depth = 0, best_rows = 1;
  for (size_t i = 0; i < costs.budgets.size(); ++i) {
    for (int d = 0; d <= costs.max_depth; ++d) {
      const double tokens = programme.best(d, costs.budgets[i]);
      const double time = (d * costs.draft_time + costs.target_time[i]) / tokens;
      if (tokens == kNever || !(time < chosen.time_per_token)) continue;
      chosen.time_per_token = time;
      chosen.expected_tokens = tokens;
      best_depth = d;
      best_rows = costs.budgets[i];
    }
  }
  if (std::isinf(chosen.time_per_token))
    throw ConfigError(cat("sequoia: no tree of depth ", costs.max_depth, " has as many rows as a budget"));
  if (best_rows > 1) chosen.tree = programme.tree(best_depth, best_rows);
  return chosen;
}

std::vector<double> read_acceptance(const std::string& path) {
  using Json = nlohmann::json;
  const auto refuse = [&](const std::string& what) { throw ConfigError(cat(path, ": ", what)); };
  if (RandomFile(path).size() > kMaxFile) refuse("is too large for an acceptance vector");
  const Json file = Json::parse(read_file(path), nullptr, false);
  const Json* list = &file;
  if (file.is_discarded()) refuse("is no JSON");
  if (file.is_object()) {
    if (file.value("magic", Json()) != "specula acceptance_vector")
      refuse("is no acceptance vector; `specula train acceptance_vector` writes one");
    if (file.value("version", Json()) != 1) refuse("is of another version; expected 1");
    list = file.contains("acceptance") ? &file["acceptance"] : nullptr;
  }
  if (list == nullptr || !list->is_array()) refuse("has no array of probabilities");
  std::vector<double> acceptance;
  for (const Json& value : *list) {
    if (!value.is_number()) refuse(cat("entry ", acceptance.size(), " is ", value.dump(), "; expected a probability"));
    acceptance.push_back(value.get<double>());
  }
  return acceptance;
}

}  // namespace specula
