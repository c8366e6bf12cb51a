#include "framework/decode/follow.h"

namespace specula {

Verdict follow(const DraftTree& tree, const std::function<Token(int row, int depth)>& choose) {
  Verdict verdict;
  int node = 0;
  while (true) {
    const Token wanted = choose(node, static_cast<int>(verdict.path.size()));
    int match = -1;
    for (const int child : tree.children(node)) {
      if (tree.token[child] != wanted || tree.draw[child] == Draw::kProbe) continue;
      match = child;
      break;
    }
    if (match < 0) {
      verdict.next = wanted;
      return verdict;
    }
    verdict.path.push_back(match);
    node = match;
  }
}

}  // namespace specula
