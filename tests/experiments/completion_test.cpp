// The completion scripts, as bash runs them; the manual page.
#include <gmock/gmock.h>

#include <array>
#include <cstdio>

#include "experiments/cli/cli_commands.h"
#include "tests/experiments/runs_fixture.h"

namespace specula {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Completion : public RunsFolder {
 protected:
  std::string output_of(const std::string& script) const {
    write("script", script);
    FILE* pipe = ::popen(cat("bash '", path("script"), "' 2>&1").c_str(), "r");
    std::string output;
    std::array<char, 4096> block{};
    for (size_t n = 0; (n = fread(block.data(), 1, block.size(), pipe)) > 0;) output.append(block.data(), n);
    ::pclose(pipe);
    return output;
  }
  // What bash offers for the last of the words.
  std::string offered(const std::string& words) const {
    return output_of(cat(completion_script("bash"), "COMP_WORDS=(specula ", words,
                         ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_specula\necho \"${COMPREPLY[*]}\"\n"));
  }
};

TEST_F(Completion, OfCommandsFlagsAndValues) {
  EXPECT_EQ(offered("ver"), "verify\n");
  EXPECT_THAT(offered("''"), AllOf(StartsWith("run plan config "), HasSubstr(" bench "), Not(HasSubstr("--"))));
  EXPECT_EQ(offered("config sh"), "show\n");
  EXPECT_EQ(offered("run --res"), "--resume\n");
  EXPECT_EQ(offered("run x.toml --resume f"), "force\n");
  EXPECT_EQ(offered("config show --for"), "--format\n");
  EXPECT_EQ(offered("config show x.toml --format ''"), "toml json\n");
  EXPECT_EQ(offered("run quick"), "\n") << "a file, which the shell knows";
}

TEST_F(Completion, OfOtherShells) {
  EXPECT_THAT(completion_script("zsh"), AllOf(HasSubstr("bashcompinit"), HasSubstr("_specula()")));
  const std::string fish = completion_script("fish");
  EXPECT_THAT(fish, HasSubstr("-n '__fish_seen_subcommand_from run' -l resume -x -a 'auto force never' -d "));
  EXPECT_THAT(fish,
              HasSubstr("-n '__fish_seen_subcommand_from config; and not __fish_seen_subcommand_from show check"));
}

TEST_F(Completion, TheManualPageHasEveryCommand) {
  const std::string page = man_page();
  EXPECT_THAT(page, StartsWith(".TH SPECULA 1\n.SH NAME\n"));
  for (const Command& command : commands()) EXPECT_THAT(page, HasSubstr(cat(".SS \"specula ", command.name, "\"\n")));
  EXPECT_THAT(page, AllOf(HasSubstr(".B \\-\\-resume auto|force|never\n"), HasSubstr("\n.SH EXIT STATUS\n")));
}

}  // namespace
}  // namespace specula
