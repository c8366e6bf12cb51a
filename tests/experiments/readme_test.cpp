// The commands that README.md shows are run as they stand there, shortened only where they would take long.
#include <gtest/gtest.h>

#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

const std::string kProgram = "build/release/specula";

// The commands of the fenced blocks, continued lines joined.
std::vector<std::string> readme_commands() {
  std::istringstream readme(read_file(std::filesystem::path(SPECULA_SOURCE_DIR) / "README.md"));
  std::vector<std::string> commands;
  bool is_block = false, is_continued = false;
  for (std::string line; std::getline(readme, line);) {
    if (line.starts_with("```")) is_block = !is_block;
    if (!is_block) continue;
    if (is_continued) {
      commands.back() += line;
    } else if (line.starts_with(kProgram + " ")) {
      commands.push_back(line);
    } else {
      continue;
    }
    is_continued = line.ends_with("\\");
    if (is_continued) commands.back().pop_back();
  }
  return commands;
}

struct Outcome {
  int status;
  std::string output;
};

Outcome run(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> block{};
  for (size_t n = 0; (n = fread(block.data(), 1, block.size(), pipe)) > 0;) output.append(block.data(), n);
  return {::pclose(pipe), output};
}

TEST(Readme, ItsCommandsRun) {
  const auto folder = std::filesystem::temp_directory_path() / cat("specula-readme-", ::getpid());
  const std::vector<std::string> commands = readme_commands();
  ASSERT_GE(commands.size(), 3U);
  for (std::string command : commands) {
    command.replace(0, kProgram.size(), std::string(SPECULA_BINARY_DIR) + "/specula");
    const auto has = [&](const std::string& text) { return command.find(text) != std::string::npos; };
    const bool runs = has("/specula run "), verifies = has(" verify ");
    if ((runs || verifies) && !has(" --out ")) command += " --out runs/";
    if (runs) command += " --limit 2 --set data.max_new_tokens=8 --set measure.trace_limit=1";
    if (verifies) command += " --limit 2 --draws 1000";
    for (size_t at = 0; (at = command.find(" runs/", at)) != std::string::npos; ++at)
      command.replace(at, 6, cat(" ", folder.string(), "/"));
    const Outcome outcome = run(cat("cd ", SPECULA_SOURCE_DIR, " && ", command, " 2>&1"));
    EXPECT_EQ(outcome.status, 0) << command << "\n" << outcome.output;
    EXPECT_FALSE(outcome.output.empty()) << command;
  }
  std::filesystem::remove_all(folder);
}

TEST(Readme, AWrongCommandIsNoticed) { EXPECT_NE(run(cat(SPECULA_BINARY_DIR, "/specula generat 2>&1")).status, 0); }

}  // namespace
}  // namespace specula
