#include "framework/decode/block_test.h"

#include <algorithm>

#include "framework/decode/row_law.h"

namespace specula {

Verdict block_test(const DraftTree& tree, const RoundRows& rows, Chance& chance) {
  const std::vector<int> chain = rows.chain();
  std::vector<RowLaw> laws;  // of chain[i + 1]
  std::vector<double> deserved{1};
  for (size_t i = 1; i < chain.size(); ++i) {
    laws.emplace_back(tree, rows, chain[i], std::vector<Token>{});
    const double ratio = rows.p(chain[i - 1])[tree.token[chain[i]]] / laws.back().at_token();
    deserved.push_back(std::min(1.0, deserved.back() * ratio));
  }
  for (size_t i = chain.size() - 1;; --i) {
    const bool is_last = i + 1 == chain.size();
    if (i > 0) {
      const double h =
          is_last ? deserved[i] : kept_of(laws[i].rest(rows.p(chain[i]), rows.vocab(), deserved[i]), deserved[i]);
      if (!chance.accept(h, chain[i])) continue;
    }
    Residual left(rows.p(chain[i]), rows.vocab());
    if (!is_last) laws[i].reject(left, deserved[i]);
    Verdict verdict{.path = {chain.begin() + 1, chain.begin() + 1 + static_cast<std::ptrdiff_t>(i)}};
    verdict.next = chance.emit(left, chain[i], static_cast<int>(i));
    return verdict;
  }
}

}  // namespace specula
