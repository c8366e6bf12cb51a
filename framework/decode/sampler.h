// From logits to the distribution both sides obey.  p and q go through the same policy: temperature, top-k, top-p act
// on q as on p, or q is not what was sampled.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "framework/core/keyring.h"
#include "framework/decode/draft_tree.h"

namespace specula {

// A member that has no default: whoever leaves it out gets no program.
template <class T>
struct Required {
  Required(T v) : value(v) {}  // NOLINT(google-explicit-constructor): it stands for its value
  operator T() const { return value; }
  T value;
};

// What a processor may know of the rows it is given: row j of the logits is tree row rows[j], whose history is
// `prefix` (ending in the root's token) followed by the tree path from below the root down to it.
struct RowContext {
  const Prefix& prefix;
  const DraftTree& tree;
  std::span<const int> rows;
  const Keyring& keys;
  int64_t request;
  Required<int64_t> prompt;  // tokens in front of `prefix` that were given; what follows, and the path, was generated
  std::span<const Token> stop;    // tokens that end the sequence; empty: none does
  std::optional<double> state{};  // at these rows, of the processor that carries one; none: its first
};

// The text that row j follows: committed tokens, then those of its own path.
struct RowText {
  std::span<const Token> committed;
  std::vector<Token> path;

  size_t size() const { return committed.size() + path.size(); }
  std::vector<Token> whole() const;
};
RowText text_of(const RowContext& context, size_t j);
RowText generated_of(const RowContext& context, size_t j);  // the same without the prompt
// Absolute position of the token that follows row j.
int64_t position_after(const RowContext& context, size_t j);

class LogitsProcessor {
 public:
  virtual ~LogitsProcessor() = default;
  // logits [R,V] float32, contiguous, the callee's to change in place.  A token is removed by -infinity; at least one
  // must stay.
  virtual void apply(Tensor& logits, const RowContext& context) const = 0;
  // True: only the most likely token would stay.  Then nobody calls apply(), and no later step can change anything.
  virtual bool is_greedy() const { return false; }
  // A number that is carried along a text beside the text itself (mirostat's mu): before the first generated token, ...
  virtual std::optional<double> first_state() const { return std::nullopt; }
  // ... and after a token that had probability p under the whole policy at a row with `state`.
  virtual double next_state(double state, double /*p*/) const { return state; }
};

struct Sampler {
  std::vector<std::unique_ptr<LogitsProcessor>> steps;

  // [R,V] float32, rows sum to 1.  `logits` [R,V] float32 is not changed.  Throws NumericError naming request and
  // position when a row holds NaN or nothing but -infinity.
  Tensor distribution(const Tensor& logits, const RowContext& context) const;

  // The same of a whole tree, rows 0 to R-1, where a step carries a state: parents come first, and each row gets the
  // state that its own path leads to.  `states` receives them; empty: no step carries one.
  Tensor distribution_along(const Tensor& logits, const RowContext& context, std::vector<double>& states) const;
  std::optional<double> first_state() const;  // of the step that carries one
  double next_state(double state, double p) const;

  // The same, but a policy that leaves one token stops before that step: what the most likely tokens are ranked by.
  Tensor ranking(const Tensor& logits, const RowContext& context) const;

  // [R] the most likely token of each row after the policy, the lowest id winning ties.  Throws as distribution() does.
  std::vector<Token> most_likely(const Tensor& logits, const RowContext& context) const;

 private:
  bool is_greedy() const;
  Tensor processed(const Tensor& logits,
                   const RowContext& context) const;  // `logits` itself where no step changes them
};

// Inverse CDF: the token x with cdf(x-1) <= u * total < cdf(x).  p [V] >= 0 need not be normalised; sums in double;
// never a token of zero mass.  Throws std::logic_error when all mass is zero.
Token pick(const float* p, int64_t vocab, double u);
Token argmax(const float* p, int64_t vocab);  // the lowest id wins ties

}  // namespace specula
