// `specula tree`: what is in a tree file, or the same tree in the other form.  Licence: Apache-2.0.
#include <iostream>
#include <map>

#include "experiments/commands.h"
#include "framework/core/files.h"
#include "framework/decode/tree_file.h"

namespace specula {
namespace {

std::string description(const TreeTemplate& tree) {
  std::map<int, int> rows_at;
  for (const int depth : tree.depth) ++rows_at[depth];
  std::vector<std::string> widths;
  for (const auto& [depth, rows] : rows_at) {
    if (depth > 0) widths.push_back(cat(rows));
  }
  int leaves = 0;
  for (const auto& children : tree.children()) leaves += children.empty() ? 1 : 0;
  return cat("hash    ", hash_of(tree), "\n", "nodes   ", tree.size() - 1, " below the root\n", "depth   ",
             tree.deepest(), "\n", "widths  ", join(widths, " "), "\n", "leaves  ", leaves, "\n");
}

}  // namespace

ExitCode tree_command(const TreeArgs& args) {
  const TreeTemplate tree = read_tree(args.file);
  if (args.to.empty()) {
    if (!args.output.empty())
      throw ConfigError("--output: nothing is written without --to; expected --to paths|parents");
    std::cout << description(tree);
    return ExitCode::kOk;
  }
  const std::string text = args.to == "paths" ? paths_json(tree) : parents_json(tree);
  if (args.output.empty()) {
    std::cout << text;
  } else {
    write_file_atomically(args.output, text);
    std::cout << args.output << ": " << describe(tree) << "\n";
  }
  return ExitCode::kOk;
}

}  // namespace specula
