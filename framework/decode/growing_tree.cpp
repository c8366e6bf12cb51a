#include "framework/decode/growing_tree.h"

#include <ATen/ops/cat.h>

#include <algorithm>

#include "framework/decode/probability.h"
#include "framework/decode/sampler.h"
#include "framework/decode/top_tokens.h"

namespace specula {
namespace {

// q [V] without the mass of some tokens while this lives.
class Without {
 public:
  Without(float* q, const std::vector<Token>& tokens) : q_(q), tokens_(tokens) {
    for (const Token x : tokens) {
      mass_.push_back(q[x]);
      q[x] = 0;
    }
  }
  ~Without() {
    for (size_t i = 0; i < tokens_.size(); ++i) q_[tokens_[i]] = mass_[i];
  }
  Without(const Without&) = delete;
  Without& operator=(const Without&) = delete;

 private:
  float* q_;
  const std::vector<Token>& tokens_;
  std::vector<float> mass_;
};

}  // namespace

GrowingTree::GrowingTree(Token root, Draw law, GrowthLimits limits, std::function<double(int row)> uniform)
    : tree_(DraftTree::root_only(root)),
      law_(law),
      limits_(limits),
      uniform_(std::move(uniform)),
      nodes_{{.depth = 0, .mass = 1}} {
  SPECULA_CHECK(law == Draw::kIid || law == Draw::kWithoutReplacement || law == Draw::kPoint,
                "a tree does not grow by ", name_of(law));
}

double GrowingTree::next_mass(int row) const {
  const Node& node = at(row);
  if (law_ == Draw::kPoint) return ranked_mass(row, node.next_rank);
  return node.mass * node.left;
}

double GrowingTree::ranked_mass(int row, int rank) const {
  const Node& node = at(row);
  return rank < static_cast<int>(node.ranked.size()) ? node.mass * node.ranked[static_cast<size_t>(rank)].mass : 0;
}

int GrowingTree::add(int parent, Token token, double share) {
  const Node child{.depth = depth(parent) + 1, .mass = mass(parent) * share};
  nodes_.push_back(child);
  return tree_.add(token, parent, law_, law_ == Draw::kPoint ? -1 : tree_.q_next[static_cast<size_t>(parent)]);
}

int GrowingTree::draw(int row) {
  Node& node = at(row);
  if (law_ == Draw::kIid) {
    const Token token = pick(node.q, vocab_, uniform_(size()));
    return add(row, token, node.q[token]);
  }
  Token token = -1;
  {
    const Without others(node.q, node.drawn);
    if (!(total(node.q, vocab_) > 0)) {
      node.left = 0;
      return -1;
    }
    token = pick(node.q, vocab_, uniform_(size()));
  }
  node.drawn.push_back(token);
  {
    const Without drawn(node.q, node.drawn);
    node.left = total(node.q, vocab_);
  }
  return add(row, token, node.q[token]);
}

int GrowingTree::add_child(int row) {
  SPECULA_CHECK(is_known(row), "row ", row, " has no q yet");
  if (law_ == Draw::kPoint) return add_ranked_child(row, at(row).next_rank);
  return may_grow(row) ? draw(row) : -1;
}

int GrowingTree::add_ranked_child(int row, int rank) {
  Node& node = at(row);
  SPECULA_CHECK(law_ == Draw::kPoint && node.is_known && rank >= node.next_rank, "row ", row, ", rank ", rank);
  if (!may_grow(row) || rank >= static_cast<int>(node.ranked.size())) return -1;
  node.next_rank = rank + 1;
  const Ranked next = node.ranked[static_cast<size_t>(rank)];
  return add(row, next.token, next.mass);
}

std::vector<GrowingTree::Ranked> GrowingTree::most_likely(const float* q, int64_t vocab, int count) {
  std::vector<Token> top(static_cast<size_t>(std::min<int64_t>(count, vocab)));
  top_tokens({q, static_cast<size_t>(vocab)}, top);
  std::vector<Ranked> ranked;
  for (const Token token : top) {
    if (token >= 0 && q[token] > 0) ranked.push_back({token, q[token]});
  }
  return ranked;
}

void GrowingTree::learn(const std::vector<int>& rows, Tensor q) {
  Dims dims;
  dims.check(q, "q", "R V");
  SPECULA_CHECK(dims['R'] == static_cast<int64_t>(rows.size()) && q.is_contiguous());
  vocab_ = dims['V'];
  auto* mass = law_ == Draw::kPoint ? nullptr : q.mutable_data_ptr<float>();
  for (size_t i = 0; i < rows.size(); ++i) {
    Node& node = at(rows[i]);
    SPECULA_CHECK(!node.is_known, "row ", rows[i], " is known already");
    node.is_known = true;
    const auto offset = static_cast<int64_t>(i) * vocab_;
    if (mass == nullptr) {
      node.ranked = most_likely(q.const_data_ptr<float>() + offset, vocab_, limits_.width);
    } else {
      node.q = mass + offset;
      tree_.q_next[static_cast<size_t>(rows[i])] = q_rows_++;
    }
  }
  if (mass != nullptr) q_.push_back(std::move(q));
}

DraftTree GrowingTree::finish() && {
  if (!q_.empty()) tree_.q = q_.size() == 1 ? q_[0] : at::cat(q_, 0);
  return std::move(tree_);
}

DraftTree GrowingTree::finish(const std::vector<int>& kept) && {
  SPECULA_CHECK(law_ == Draw::kPoint, "drawn rows may not be taken back");
  SPECULA_CHECK(!kept.empty() && kept.front() == 0, "the root is kept");
  std::vector<int> place(tree_.token.size(), -1);
  DraftTree tree = DraftTree::root_only(tree_.token[0]);
  place[0] = 0;
  for (size_t i = 1; i < kept.size(); ++i) {
    const auto row = static_cast<size_t>(kept[i]);
    const int parent = place[static_cast<size_t>(tree_.parent[row])];
    SPECULA_CHECK(parent >= 0, "row ", row, " is kept and its parent is not");
    place[row] = tree.add(tree_.token[row], parent, Draw::kPoint);
  }
  return tree;
}

}  // namespace specula
