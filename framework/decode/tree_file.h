// Trees of fixed shape, from files.  Two forms are in use, and both are read and written:
//   paths    [[0], [1], [0, 0]]: a node is the ranks on the way to it, rank r of a node being its r-th most likely
//            child (Medusa's and EAGLE's choices);
//   parents  {"parents": [-1, 0, 0, 1]}: row 0 is the root, siblings rank in the order in which they stand; Sequoia's
//            and UMbreLLa's grow maps, {"Successors": [[1, 2], [3], [], []]}, say the same from above.
// Names of published trees clash (mc_sim_7b_63 has 63 nodes in one project and 25 in another), so a tree is named by
// the hash of its canonical form, which does not depend on the form or the order of the file.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

namespace specula {

struct TreeTemplate {
  // Depth by depth, and in a depth by the ranks of the path; row 0 is the root.
  std::vector<int> parent{-1};  // parent[i] < i
  std::vector<int> rank{0};     // among its siblings; gaps are possible where paths leave a rank out
  std::vector<int> depth{0};

  int size() const { return static_cast<int>(parent.size()); }  // root included
  int deepest() const { return depth.back(); }
  std::vector<std::vector<int>> children() const;  // of each row, ascending
};

using TreePaths = std::vector<std::vector<int>>;
TreePaths paths_of(const TreeTemplate& tree);  // the canonical form, without the root
// `place` names the source in errors: "trees/a.json".  Throw ConfigError naming the entry: a path twice, without its
// parent's or deeper than 64, a rank below 0; a parent that stands behind its child, which is what a cycle looks like,
// a second root; no node at all, more than 512.
TreeTemplate tree_of_paths(const TreePaths& paths, const std::string& place);
TreeTemplate tree_of_parents(const std::vector<int>& parents, const std::string& place);

TreeTemplate read_tree(const std::string& path);  // throws ConfigError for a file that cannot be read, too
TreeTemplate parse_tree(const std::string& json, const std::string& place);
std::string hash_of(const TreeTemplate& tree);       // sha256 of the paths as one line of JSON
std::string paths_json(const TreeTemplate& tree);    // both end with a newline
std::string parents_json(const TreeTemplate& tree);  // throws ConfigError where ranks have gaps
std::string describe(const TreeTemplate& tree);      // "tree 1a2b3c4d5e6f: 25 nodes below the root, depth 5"

}  // namespace specula
