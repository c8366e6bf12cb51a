// iid, without_replacement: as many children for every row of a depth, "4x2x1": four below the root, two below each of
// these, one below those.  Independent draws may repeat a token (SpecInfer); draws without replacement do not (Sequoia,
// EAGLE-1), and at most as many are drawn as q has tokens.  Costs a pass of the draft model a depth.
// Licence: Apache-2.0.
#include <algorithm>
#include <charconv>

#include "framework/decode/trees/shapes.h"

namespace specula {
namespace {

struct Options {
  std::string widths = "4x2x1";
  template <class V>
  void visit(V& v) {
    v("widths", widths, "children of every row, depth by depth: 4x2x1");
  }
};

[[noreturn]] void refuse(const std::string& text, const std::string& why) {
  throw ConfigError(cat("tree widths = ", quoted(text), ": ", why));
}

std::vector<int> parse_widths(const std::string& text) {
  std::vector<int> widths;
  int64_t rows = 1, level = 1;
  for (const char *at = text.data(), *end = at + text.size();; ++at) {
    int width = 0;
    const auto [after, error] = std::from_chars(at, end, width);
    if (error != std::errc() || width < 1 || (after != end && *after != 'x'))
      refuse(text, "expected whole numbers of at least 1 with an x between them, as in 4x2x1");
    widths.push_back(width);
    rows += level *= std::min(width, kMaxTreeRows);
    if (rows > kMaxTreeRows) refuse(text, cat("that are more than the ", kMaxTreeRows, " rows that a tree may have"));
    if (after == end) break;
    at = after;
  }
  if (widths.size() > static_cast<size_t>(kMaxTreeDepth))
    refuse(text, cat(widths.size(), " depths; valid: at most ", kMaxTreeDepth));
  return widths;
}

class Level final : public Grower {
 public:
  explicit Level(const std::vector<int>& widths) : widths_(widths) {}

  std::vector<int> grow(GrowingTree& tree) override {
    std::vector<int> children;
    for (const int row : level_) {
      for (int i = 0; i < widths_[depth_]; ++i) {
        const int child = tree.add_child(row);
        if (child < 0) break;
        children.push_back(child);
      }
    }
    level_ = std::move(children);
    ++depth_;
    if (depth_ == widths_.size() || level_.empty() || !tree.may_grow(level_[0])) return {};
    return level_;
  }

 private:
  const std::vector<int>& widths_;
  size_t depth_ = 0;
  std::vector<int> level_{0};
};

class Levels final : public TreeShape {
 public:
  explicit Levels(const Options& options) : widths_(parse_widths(options.widths)) {}
  int depth() const override { return static_cast<int>(widths_.size()); }
  int width() const override { return *std::max_element(widths_.begin(), widths_.end()); }
  std::unique_ptr<Grower> start() const override { return std::make_unique<Level>(widths_); }

 private:
  std::vector<int> widths_;
};

auto facts_with(Draw law) {
  return [law](const Options& options) {
    parse_widths(options.widths);
    return Facts{.laws = {law}};
  };
}

}  // namespace

Registry<TreeShape>::Entry iid_shape() {
  return shape_entry<Levels, Options>("iid", "Independent siblings, so many at each depth.", "Miao et al. 2023",
                                      facts_with(Draw::kIid));
}

Registry<TreeShape>::Entry without_replacement_shape() {
  return shape_entry<Levels, Options>("without_replacement", "Distinct siblings, so many at each depth.",
                                      "Chen et al. 2024 (Sequoia)", facts_with(Draw::kWithoutReplacement));
}

}  // namespace specula
