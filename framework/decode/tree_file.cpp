#include "framework/decode/tree_file.h"

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/decode/tree_shape.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxFile = 1 << 20;  // bytes; 512 paths of 64 ranks take a fifth

[[noreturn]] void refuse(const std::string& place, const std::string& what) { throw ConfigError(place + ": " + what); }

std::string text_of(const std::vector<int>& path) { return Json(path).dump(); }

void check_count(size_t rows, const std::string& place) {
  if (rows < 2) refuse(place, "the tree has no node below its root");
  if (rows > static_cast<size_t>(kMaxTreeRows))
    refuse(place, cat("the tree has ", rows, " rows, root included; valid: at most ", kMaxTreeRows));
}

int int_of(const Json& value, const std::string& place, const std::string& where) {
  if (!value.is_number_integer() || value < -1 || value > std::numeric_limits<int>::max())
    refuse(place, cat(where, " is ", value.dump(), "; expected a whole number"));
  return value.get<int>();
}

std::vector<int> ints_of(const Json& list, const std::string& place, const std::string& where) {
  if (!list.is_array()) refuse(place, cat(where, " is no array"));
  std::vector<int> numbers;
  for (size_t i = 0; i < list.size(); ++i) numbers.push_back(int_of(list[i], place, cat(where, "[", i, "]")));
  return numbers;
}

// Parents from lists of children, {"Successors": ...}.
std::vector<int> parents_of(const Json& successors, const std::string& place) {
  if (!successors.is_array()) refuse(place, "Successors is no array");
  std::vector<int> parents(successors.size(), -1);
  for (size_t i = 0; i < successors.size(); ++i) {
    for (const int child : ints_of(successors[i], place, cat("Successors[", i, "]"))) {
      if (child < 0 || child >= static_cast<int>(parents.size()))
        refuse(place, cat("Successors[", i, "] names node ", child, "; valid: 1..", parents.size() - 1));
      if (child == 0) refuse(place, cat("Successors[", i, "] names the root: a cycle"));
      if (parents[static_cast<size_t>(child)] >= 0)
        refuse(place, cat("node ", child, " has two parents, ", parents[static_cast<size_t>(child)], " and ", i));
      parents[static_cast<size_t>(child)] = static_cast<int>(i);
    }
  }
  return parents;
}

}  // namespace

std::vector<std::vector<int>> TreeTemplate::children() const {
  std::vector<std::vector<int>> below(parent.size());
  for (int row = 1; row < size(); ++row) below[static_cast<size_t>(parent[static_cast<size_t>(row)])].push_back(row);
  return below;
}

TreePaths paths_of(const TreeTemplate& tree) {
  TreePaths paths{{}};
  for (size_t row = 1; row < tree.parent.size(); ++row) {
    paths.push_back(paths[static_cast<size_t>(tree.parent[row])]);
    paths.back().push_back(tree.rank[row]);
  }
  paths.erase(paths.begin());
  return paths;
}

TreeTemplate tree_of_paths(const TreePaths& paths, const std::string& place) {
  check_count(paths.size() + 1, place);
  for (size_t i = 0; i < paths.size(); ++i) {
    if (paths[i].empty()) refuse(place, cat("path ", i, " is empty; the root is not listed"));
    if (paths[i].size() > static_cast<size_t>(kMaxTreeDepth))
      refuse(place, cat("path ", i, " is ", paths[i].size(), " deep; valid: at most ", kMaxTreeDepth));
    for (const int rank : paths[i]) {
      if (rank < 0) refuse(place, cat("path ", i, " = ", text_of(paths[i]), ": ranks count from 0"));
    }
  }
  TreePaths sorted = paths;
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.size() != b.size() ? a.size() < b.size() : a < b; });
  TreeTemplate tree;
  std::map<std::vector<int>, int> rows{{{}, 0}};
  for (const std::vector<int>& path : sorted) {
    const auto above = rows.find({path.begin(), path.end() - 1});
    if (above == rows.end()) {
      refuse(place, cat("path ", text_of(path), " hangs from ", text_of({path.begin(), path.end() - 1}),
                        ", which is not in the tree"));
    }
    if (!rows.emplace(path, tree.size()).second) refuse(place, cat("path ", text_of(path), " is there twice"));
    tree.parent.push_back(above->second);
    tree.rank.push_back(path.back());
    tree.depth.push_back(static_cast<int>(path.size()));
  }
  return tree;
}

TreeTemplate tree_of_parents(const std::vector<int>& parents, const std::string& place) {
  check_count(parents.size(), place);
  if (parents[0] != -1) refuse(place, cat("parents[0] is ", parents[0], "; the root has parent -1"));
  TreePaths paths{{}};
  std::vector<int> num_children(parents.size(), 0);
  for (size_t row = 1; row < parents.size(); ++row) {
    const int parent = parents[row];
    if (parent == -1) refuse(place, cat("node ", row, " has no parent: a second root"));
    if (parent < 0 || parent >= static_cast<int>(row)) {
      refuse(place,
             cat("node ", row, " has parent ", parent,
                 ", which does not stand before it: a cycle, or a child before its parent; valid: 0..", row - 1));
    }
    paths.push_back(paths[static_cast<size_t>(parent)]);
    paths.back().push_back(num_children[static_cast<size_t>(parent)]++);
    if (paths.back().size() > static_cast<size_t>(kMaxTreeDepth))
      refuse(place, cat("node ", row, " is ", paths.back().size(), " deep; valid: at most ", kMaxTreeDepth));
  }
  paths.erase(paths.begin());
  return tree_of_paths(paths, place);
}

TreeTemplate parse_tree(const std::string& json, const std::string& place) {
  Json file;
  try {
    file = Json::parse(json);
  } catch (const Json::exception& e) {
    refuse(place, cat("is no JSON: ", e.what()));
  }
  if (file.is_object() && file.contains("parents"))
    return tree_of_parents(ints_of(file["parents"], place, "parents"), place);
  if (file.is_object() && file.contains("Successors"))
    return tree_of_parents(parents_of(file["Successors"], place), place);
  if (file.is_object() && file.contains("paths")) file = Json(file["paths"]);
  if (!file.is_array()) {
    refuse(place,
           "is no tree; expected paths [[0], [0, 0]], parents {\"parents\": [-1, 0, 1]} or a grow map "
           "{\"Successors\": [[1], [2], []]}");
  }
  if (!file.empty() && file[0].is_number()) return tree_of_parents(ints_of(file, place, "parents"), place);
  TreePaths paths;
  for (size_t i = 0; i < file.size(); ++i) paths.push_back(ints_of(file[i], place, cat("path ", i)));
  return tree_of_paths(paths, place);
}

TreeTemplate read_tree(const std::string& path) {
  std::string json;
  try {
    const size_t bytes = RandomFile(path).size();
    if (bytes > kMaxFile) refuse(path, cat("has ", bytes, " bytes; a tree has at most ", kMaxFile));
    json = read_file(path);
  } catch (const Error& e) {
    throw ConfigError(e.what());
  }
  return parse_tree(json, path);
}

std::string hash_of(const TreeTemplate& tree) { return sha256(Json(paths_of(tree)).dump()); }

std::string paths_json(const TreeTemplate& tree) { return Json(paths_of(tree)).dump() + "\n"; }

std::string parents_json(const TreeTemplate& tree) {
  const auto children = tree.children();
  for (size_t row = 0; row < children.size(); ++row) {
    for (size_t i = 0; i < children[row].size(); ++i) {
      const int rank = tree.rank[static_cast<size_t>(children[row][i])];
      if (rank == static_cast<int>(i)) continue;
      throw ConfigError(cat("row ", row, " has a child of rank ", rank, " and none of rank ", i,
                            ", which a list of parents cannot say; keep the paths"));
    }
  }
  Json file = {{"size", tree.size()}, {"parents", tree.parent}, {"depth", tree.depth}, {"Successors", children}};
  return file.dump() + "\n";
}

std::string describe(const TreeTemplate& tree) {
  return cat("tree ", hash_of(tree).substr(0, 12), ": ", tree.size() - 1, " nodes below the root, depth ",
             tree.deepest());
}

}  // namespace specula
