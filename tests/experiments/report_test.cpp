// Reports of records written by hand: what the page, the Markdown and the LaTeX say is what the summary says, whatever
// arms and prompts are called and however little was recorded.
#include "experiments/pages/report.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "experiments/commands.h"
#include "experiments/pages/axes.h"
#include "experiments/pages/figure.h"
#include "experiments/pages/latex.h"
#include "experiments/pages/markup.h"
#include "experiments/pages/page_parts.h"
#include "experiments/pages/tables.h"
#include "experiments/report/metrics.h"
#include "experiments/study/axis_series.h"
#include "experiments/study/study_results.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kHostile = "a<b>&\"q\"|_%'[x]*~^\\{}#$";

class ReportTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              cat("report_", testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // A run folder with these contents, as `specula run` leaves it.
  void write(const RunInfo& run, const std::vector<Record>& records) {
    std::filesystem::create_directories(folder_ / "records");
    write_manifest(folder_, run);
    std::ofstream file(folder_ / "records" / "s000-of-001.jsonl");
    for (const Record& r : records) file << to_line(r) << "\n";
  }
  Report report(const RunInfo& run, const std::vector<Record>& records) {
    write(run, records);
    return read_report(folder_);
  }

  std::filesystem::path folder_;
};

RunInfo run_of(const std::vector<std::string>& arms) {
  RunInfo run;
  run.run_id = "01TEST";
  run.experiment = "hand";
  run.cell = "cell";
  run.created_utc = "2025-01-01T00:00:00Z";
  run.cwd = "/some where";
  run.argv = {"specula", "run", "x.toml", "--set", "a=it's"};
  for (const std::string& name : arms) {
    run.arms.push_back({.name = name,
                        .target = "target",
                        .drafter = run.arms.empty() ? "none" : "draft_model(length = 2)",
                        .verifier = "greedy_match",
                        .guarantee = "greedy exact",
                        .baseline = run.arms.empty()});
  }
  run.models = {{.name = "target", .path = "assets/demo/target", .dtype = "bf16"}};
  run.prompts_file = "prompts.jsonl";
  run.num_prompts = run.records_per_arm = 12;
  run.max_new_tokens = 4;
  run.sampler = "temperature(0)";
  run.one_hot = true;
  run.bootstrap = 200;
  run.trace_prompts = 1;
  run.build = "abc1234";
  return run;
}

// Four tokens: in 4 rounds of `step_ms` without a draft; with one in 2 rounds, drafts of 2 and 1, accepted 2 and 0.
Record record(const std::string& arm, const std::string& prompt, double step_ms, bool drafts) {
  Record r;
  r.key = {.trace = false, .arm = arm, .prompt = prompt, .turn = 0, .rep = 0};
  r.group = prompt;
  r.category = prompt.size() % 2 == 0 ? "math" : "story";
  r.n_in = 10;
  r.stop = "limit";
  r.out = {1, 2, 3, 4};
  r.prefill_us = 500;
  if (drafts) {
    r.rounds = {.drafted = {2, 1}, .depth = {2, 1}, .accepted = {2, 0}, .kept = {3, 1}};
    r.exact = true;
  } else {
    r.rounds = {.drafted = {0, 0, 0, 0}, .depth = {0, 0, 0, 0}, .accepted = {0, 0, 0, 0}, .kept = {1, 1, 1, 1}};
  }
  for (size_t i = 0; i < r.rounds.size(); ++i)
    r.rounds.ready_us.push_back(500 + step_ms * 1000 * static_cast<double>(i + 1));
  r.e2e_us = r.rounds.ready_us.back();
  return r;
}

Record traced(Record r, const std::array<double, kNumPhases>& phases) {
  r.key.trace = true;
  r.phase_us = phases;
  return r;
}

std::string prompt_name(int i) { return std::string(static_cast<size_t>(i % 2 + 1), 'p') + std::to_string(i); }

std::vector<Record> records_of(const RunInfo& run) {
  std::vector<Record> all;
  for (int i = 0; i < 12; ++i) {
    for (const ArmInfo& arm : run.arms)
      all.push_back(record(arm.name, prompt_name(i), 1 + 0.03 * i * (arm.baseline ? 1 : 2), !arm.baseline));
  }
  for (const ArmInfo& arm : run.arms) {
    all.push_back(traced(record(arm.name, prompt_name(0), 1, !arm.baseline),
                         arm.baseline ? std::array<double, 6>{500, 0, 3600, 200, 0, 0}
                                      : std::array<double, 6>{500, 400, 1500, 50, 30, 20}));
  }
  return all;
}

// The first thing that is not well-formed XML, "" if there is none: tags are closed in their order, attributes are
// quoted and appear once, "&" begins a known entity.
std::string xml_problem(const std::string& xml) {
  std::vector<std::string> open;
  const auto text_problem = [](const std::string& text) -> std::string {
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '<') return "a < in a text";
      if (static_cast<unsigned char>(text[i]) < 0x20 && text[i] != '\n' && text[i] != '\t')
        return "a control character";
      if (text[i] != '&') continue;
      const std::string name = text.substr(i, text.find(';', i) - i + 1);
      if (name != "&amp;" && name != "&lt;" && name != "&gt;" && name != "&quot;" && name != "&#39;")
        return "entity " + name;
    }
    return "";
  };
  for (size_t at = 0; at < xml.size();) {
    if (xml[at] != '<') {
      const size_t end = std::min(xml.find('<', at), xml.size());
      if (std::string p = text_problem(xml.substr(at, end - at)); !p.empty()) return p;
      at = end;
      continue;
    }
    size_t i = at + 1;
    const bool closing = i < xml.size() && xml[i] == '/';
    i += closing ? 1 : 0;
    const size_t name_end = xml.find_first_of(" />", i);
    const std::string name = xml.substr(i, name_end - i);
    std::vector<std::string> seen;
    for (i = name_end; i < xml.size() && xml[i] == ' ';) {
      const size_t equals = xml.find('=', i);
      if (equals == std::string::npos || xml[equals + 1] != '"') return "an attribute of <" + name + "> without quotes";
      seen.push_back(xml.substr(i + 1, equals - i - 1));
      if (std::count(seen.begin(), seen.end(), seen.back()) > 1) return "two attributes " + seen.back();
      const size_t end = xml.find('"', equals + 2);
      if (std::string p = text_problem(xml.substr(equals + 2, end - equals - 2)); !p.empty()) return p;
      i = end + 1;
    }
    const bool empty = i < xml.size() && xml[i] == '/';
    i += empty ? 1 : 0;
    if (i >= xml.size() || xml[i] != '>') return "a tag <" + name + "> that does not end";
    if (closing) {
      if (open.empty() || open.back() != name) return "</" + name + "> closes nothing";
      open.pop_back();
    } else if (!empty) {
      open.push_back(name);
    }
    at = i + 1;
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

std::vector<std::string> drawings(const std::string& html) {
  std::vector<std::string> all;
  for (size_t at = 0; (at = html.find("<svg", at)) != std::string::npos;) {
    const size_t end = html.find("</svg>", at) + 6;
    all.push_back(html.substr(at, end - at));
    at = end;
  }
  return all;
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void expect_sound_page(const std::string& html) {
  for (const std::string& svg : drawings(html)) EXPECT_EQ(xml_problem(svg), "") << svg;
  std::string text = html.substr(0, html.find("<script"));
  const std::string name_space = "xmlns=\"http://www.w3.org/2000/svg\"";
  for (size_t at = 0; (at = text.find(name_space, at)) != std::string::npos;) text.erase(at, name_space.size());
  for (const char* const foreign : {"http:", "https:", "src=", "@import", "url(", "NaN", ">nan", ">inf", ">-nan"})
    EXPECT_FALSE(holds(text, foreign)) << foreign;
  for (size_t at = 0; (at = text.find("href=\"", at)) != std::string::npos; at += 6) {
    EXPECT_TRUE(text[at + 6] == '#' || text.compare(at + 6, 6, "data:,") == 0) << text.substr(at, 40);
  }
}

TEST(XmlCheck, SeesWhatIsWrong) {
  EXPECT_EQ(xml_problem("<a b=\"1\"><c/>x &amp; y</a>"), "");
  for (const char* const wrong :
       {"<a>", "<a></b>", "<a b=1/>", "<a b=\"<\"/>", "<a>&nbsp;</a>", "<a b=\"1\" b=\"2\"/>", "<a>\x01</a>"})
    EXPECT_NE(xml_problem(wrong), "") << wrong;
}

TEST(Markup, EscapesAndRepairs) {
  EXPECT_EQ(escaped("a<b>&\"c\"'"), "a&lt;b&gt;&amp;&quot;c&quot;&#39;");
  EXPECT_EQ(escaped("é–𝄞\n"), "é–𝄞\n");
  EXPECT_EQ(escaped(std::string("\x01\xff") + "x\xc3"), "\xEF\xBF\xBD\xEF\xBF\xBDx\xEF\xBF\xBD");
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD") << "a surrogate";
  EXPECT_EQ(markdown_escaped("a|b_c\n<d>"), "a\\|b\\_c \\<d\\>");
  EXPECT_EQ(script_safe("</script>"), "\\u003c/script>");
  EXPECT_EQ(shell_quoted("a.b/c=1"), "a.b/c=1");
  EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quoted(""), "''");
}

TEST(Scale, TicksAreRoundAndInside) {
  using enum Scale::Kind;
  EXPECT_THAT(Scale(kLinear, range_of(0, 1), 0, 100).ticks(6),
              ElementsAre(0, 0.2, testing::DoubleEq(0.4), testing::DoubleEq(0.6), 0.8, 1));
  EXPECT_THAT(Scale(kLinear, range_of(0.33, 1.78), 0, 100).ticks(4), ElementsAre(0.5, 1, 1.5));
  EXPECT_THAT(Scale(kWhole, range_of(1, 3), 0, 100).ticks(9), ElementsAre(1, 2, 3)) << "no half tokens";
  EXPECT_THAT(Scale(kLog, range_of(0.5, 30), 0, 100).ticks(9), ElementsAre(0.5, 1, 2, 5, 10, 20));
  EXPECT_THAT(Scale(kLog, range_of(1, 1e6), 0, 100).ticks(4), ElementsAre(1, 100, 1e4, 1e6));
  EXPECT_THAT(
      Scale(kLog, range_of(2.1, 2.9), 0, 100).ticks(4),
      ElementsAre(testing::DoubleEq(2.2), testing::DoubleEq(2.4), testing::DoubleEq(2.6), testing::DoubleEq(2.8)));
  const Scale log(kLog, range_of(1, 100), 0, 100);
  EXPECT_DOUBLE_EQ(log(10), 50);
  for (const auto kind : {kLinear, kLog, kWhole}) {
    const Scale one(kind, range_of(3, 3), 0, 100);
    EXPECT_DOUBLE_EQ(one(3), 50) << "one value lies in the middle";
    EXPECT_FALSE(one.ticks(5).empty());
  }
  EXPECT_EQ(tick_text(0.30000000000000004), "0.3");
  EXPECT_EQ(tick_text(25000), "25000");
  EXPECT_EQ(tick_text(2e6), "2e+06");
  EXPECT_THROW(Scale(kLog, range_of(0, 1), 0, 100), std::logic_error);
}

TEST(Svg, LongNamesTakeLines) {
  const std::string name = "a_very-long.name of an arm, with unbreakablewordsofsomelength";
  std::string all;
  for (const std::string& line : wrapped_text(name, 100)) {
    EXPECT_LE(text_width(line), 100);
    all += line;
  }
  EXPECT_EQ(all, name);
  EXPECT_THAT(wrapped_text("short", 100), ElementsAre("short"));
  EXPECT_THAT(wrapped_text("", 100), ElementsAre(""));
  EXPECT_THAT(wrapped_text("éé", 1), ElementsAre("é", "é")) << "characters stay whole";
  Svg svg(10, 10, kHostile);
  svg.text({1, 2.345678}, kHostile, Anchor::kEnd, "tick");
  svg.rect({0, 0, 1, 1}, "bar", kHostile);
  EXPECT_EQ(xml_problem(svg.str()), "");
  EXPECT_THAT(svg.str(), HasSubstr("y=\"2.35\""));
  EXPECT_THROW(svg.line({0, std::nan("")}, {1, 1}, "grid"), std::logic_error);
}

TEST(Latex, NamesOfMacrosAreLettersAndUnique) {
  MacroNames names;
  EXPECT_EQ(names.name({"speedup", "sps-g4"}), "SpeedupSpsGFour");
  EXPECT_EQ(names.name({"speedup", "sps_g4"}), "SpeedupSpsGFourB");
  EXPECT_EQ(names.name({"speedup", "sps g4"}), "SpeedupSpsGFourC");
  EXPECT_EQ(names.name({"tau_prompt_mean", "T=0.7"}), "TauPromptMeanTZeroSeven");
  EXPECT_EQ(names.name({"", "%&é"}), "Unnamed");
  std::set<std::string> given;
  for (int i = 0; i < 800; ++i) {
    const std::string name = names.name({"x"});
    EXPECT_TRUE(given.insert(name).second) << name;
    EXPECT_TRUE(std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalpha(c) != 0; })) << name;
  }
}

TEST(Latex, EscapesWhatTypesets) {
  EXPECT_EQ(latex_escaped("a_b & 50% #1 {x} ~^ <y> [z] \\w"),
            "a\\_b \\& 50\\% \\#1 \\{x\\} \\textasciitilde{}\\textasciicircum{} \\textless{}y\\textgreater{} [z] "
            "\\textbackslash{}w");
}

TEST_F(ReportTest, PageMarkdownAndLatexSayWhatTheSummarySays) {
  const Report r = report(run_of({"ar", "sps-g2"}), records_of(run_of({"ar", "sps-g2"})));
  const std::string html = report_html(r), markdown = report_markdown(r), numbers = latex_numbers(r);
  expect_sound_page(html);
  std::string all_tables;
  for (const auto make : {result_arms, result_categories, comparison_table, speed_table, acceptance_table, phase_table,
                          cost_table, work_table, quality_table}) {
    const ReportTable table = make(r);
    EXPECT_TRUE(holds(html, table_html(table.table))) << table.id;
    for (const auto& row : table.table.rows()) {
      for (const std::string& cell : row) {
        EXPECT_TRUE(holds(markdown, " " + markdown_escaped(cell) + " ")) << table.id << " " << cell;
        EXPECT_THAT(latex_table(r.run, table), HasSubstr(cell == "~"   ? "$\\sim$"
                                                         : cell == "–" ? "--"
                                                                       : latex_escaped(cell)));
      }
    }
    all_tables += table.table.text();
  }
  for (const NamedEstimate& m : r.summary.cell("sps-g2", "").metrics) {
    MacroNames names;
    const std::string value = std::isfinite(m.estimate.value) ? metric_text(m.name, m.estimate.value) : "--";
    EXPECT_TRUE(holds(numbers, cat("\\newcommand{\\", names.name({m.name, "sps-g2"}), "}{", value, "}%"))) << m.name;
  }
  EXPECT_THAT(all_tables, HasSubstr(with_interval(r.summary.cell("sps-g2", "").at("speedup"))));
  EXPECT_THAT(all_tables, HasSubstr(with_interval(r.summary.cell("sps-g2", "math").at("speedup"))));
  EXPECT_TRUE(holds(numbers, cat("\\newcommand{\\SpeedupSpsGTwoMath}{",
                                 fixed(r.summary.cell("sps-g2", "math").at("speedup").value, 2), "}")));
  const size_t data = html.find(">{", html.find("id=\"data\"")) + 1;
  const auto json = nlohmann::ordered_json::parse(html.substr(data, html.find("</script>", data) - data));
  EXPECT_EQ(json.at("summary"), nlohmann::ordered_json::parse(summary_json(r.run, r.summary)));
  EXPECT_EQ(json.at("prompts").size(), 12u);
  EXPECT_TRUE(holds(html, "cd &#39;/some where&#39;\nspecula run x.toml --set &#39;a=it&#39;\\&#39;&#39;s&#39;"));
  for (const std::string& metric : shown_metrics(r)) EXPECT_TRUE(holds(html, cat("<dt>", metric, "</dt>"))) << metric;
}

TEST_F(ReportTest, NoNameBreaksAPage) {
  const std::string long_name = std::string(90, 'w') + kHostile;
  RunInfo run = run_of({kHostile, long_name, "[x]", "x\ny\x01\xff"});
  run.experiment = kHostile;
  std::vector<Record> records = records_of(run);
  for (Record& r : records) {
    r.key.prompt += kHostile;
    r.category += kHostile;
    r.group += kHostile;
  }
  records.back().ok = false;
  records.back().error = "</script><b>" + kHostile;
  const Report r = report(run, records);
  const std::string html = report_html(r);
  expect_sound_page(html);
  for (const char* const raw : {"a<b>", "</script><b>", "\x01"}) EXPECT_FALSE(holds(html, raw)) << raw;
  const std::string markdown = report_markdown(r);
  for (std::istringstream lines(markdown); std::getline(lines, run.cell);) {
    if (!run.cell.starts_with("|")) continue;
    EXPECT_THAT(run.cell, Not(HasSubstr("&\"q\"|")));
    EXPECT_TRUE(run.cell.ends_with("|")) << run.cell;
  }
  for (const auto make : {result_arms, acceptance_table}) {
    const std::string tex = latex_table(r.run, make(r));
    EXPECT_THAT(tex, AllOf(HasSubstr("\\toprule"), Not(HasSubstr("a<b")), Not(HasSubstr("\n[")), HasSubstr("\n{}[x]")));
  }
}

TEST_F(ReportTest, FiguresNameWhatTheyLack) {
  RunInfo run = run_of({"ar", "sps", "tree", "gone"});
  run.trace_prompts = 0;
  std::vector<Record> records = records_of(run);
  std::erase_if(records, [](const Record& r) { return r.key.trace; });
  for (Record& r : records) {
    if (r.key.arm == "tree") r.rounds.drafted = {4, 1};
    if (r.key.arm == "gone") {
      r.ok = false;
      r.error = "out of memory";
    }
  }
  const Report r = report(run, records);
  expect_sound_page(report_html(r));
  EXPECT_THAT(speedup_figure(r).missing,
              ElementsAre("gone: no record succeeded", "the model (the run had no fenced pass)"));
  EXPECT_THAT(phase_figure(r).missing, ElementsAre("the run had no fenced pass ([measure] trace = false)"));
  EXPECT_TRUE(phase_figure(r).panels.empty());
  EXPECT_THAT(depth_figure(r).missing, ElementsAre("ar: nothing was drafted", "gone: no record succeeded"));
  ASSERT_EQ(depth_figure(r).panels.size(), 2u);
  EXPECT_EQ(depth_figure(r).panels[0].note, "alpha 0.667, 24 rounds");
  EXPECT_EQ(depth_figure(r).panels[1].note, "no alpha: drafts are trees, 24 rounds");
  EXPECT_EQ(length_figure(r).panels.size(), 2u);
  EXPECT_EQ(position_figure(r).panels.size(), 2u);
  EXPECT_EQ(step_figure(r).panels.size(), 3u);
  EXPECT_EQ(prompt_figure(r).panels.size(), 2u);
  EXPECT_EQ(category_figure(r).panels.size(), 2u);
  EXPECT_THAT(acceptance_table(r).notes, testing::Contains("No alpha: tree (drafts are trees)"));
  EXPECT_THAT(phase_table(r).notes, ElementsAre("No times by phase: the run had no fenced pass"));
  EXPECT_THAT(
      join(warnings(r), "\n"),
      AllOf(HasSubstr("gone has no successful record"),
            HasSubstr("gone: 12 records failed, the first on prompt p0 (repetition 0, turn 0): out of memory")));
  EXPECT_EQ(result_arms(r).table.rows()[3].back(), "–") << "nothing was measured, so nothing was compared";
}

TEST_F(ReportTest, SmallAndBrokenRunsHaveReports) {
  const auto sound = [&](const RunInfo& run, const std::vector<Record>& records) {
    std::filesystem::remove_all(folder_);
    const Report r = report(run, records);
    expect_sound_page(report_html(r));
    EXPECT_FALSE(report_markdown(r).empty());
    EXPECT_FALSE(latex_numbers(r).empty());
    return verdict(r);
  };
  const RunInfo one = run_of({"ar"}), two = run_of({"ar", "sps"});
  EXPECT_THAT(sound(one, {record("ar", "p", 1, false)}), HasSubstr("there is no arm to compare it with"));
  EXPECT_THAT(sound(two, {record("ar", "p", 1, false), record("sps", "p", 1, true)}),
              HasSubstr("Of 1 arm: 1 without a shown difference"));
  EXPECT_THAT(sound(two, {record("ar", "p", 1, false), record("sps", "p", 1, false)}), HasSubstr("No arm"));
  EXPECT_THAT(sound(two, {record("ar", "p", 1, false)}), HasSubstr("1 not measured"));
  EXPECT_THAT(sound(two, {record("sps", "p", 1, true)}), HasSubstr("nothing can be compared"));
  Record empty = record("sps", "p", 1, true);
  empty.rounds = {};
  empty.out.clear();
  empty.e2e_us = empty.prefill_us;
  EXPECT_FALSE(sound(two, {record("ar", "p", 1, false), empty}).empty());
  Record failed = record("ar", "p", 1, false);
  failed.ok = false;
  EXPECT_THAT(sound(two, {failed}), HasSubstr("nothing can be compared"));
  std::vector<Record> replayed = {record("ar", "p", 1, false), record("sps", "p", 1, true)};
  for (Record& r : replayed) {
    r.replayed = true;
    r.out.clear();
    r.rounds.ready_us.clear();
    r.prefill_us = r.e2e_us = 0;
  }
  EXPECT_THAT(sound(two, replayed), HasSubstr("judged again"));
  std::filesystem::remove_all(folder_);
  write(two, {});
  EXPECT_THROW(read_report(folder_), Error);
  EXPECT_THROW(read_report(folder_ / "gone"), Error);
}

// Draft lengths 1..5 at two temperatures; the cell of length 5 at the second one failed.
StudyResult study_of(const RunInfo& run, const std::vector<Record>& records) {
  StudyResult study{
      .name = "lengths", .paths = {"arm.sps.drafter.length", "sampler.temperature"}, .draws = 100, .cells = {}};
  for (const double temperature : {0.0, 0.7}) {
    for (int64_t length = 1; length <= 5; ++length) {
      StudyCellResult cell{.cell = cat("cell", study.cells.size()), .label = cat("length=", length, " ", temperature)};
      cell.set = {{study.paths[0], {.data = length, .origin = {}}},
                  {study.paths[1], {.data = temperature, .origin = {}}}};
      cell.state = "done";
      cell.run = run;
      cell.summary = summarize(run, {.records = records});
      for (const ArmInfo& arm : run.arms) {
        if (!arm.baseline) cell.times[arm.name] = group_times(run, {.records = records}, arm.name);
      }
      study.cells.push_back(std::move(cell));
    }
  }
  study.cells.back() = {.cell = "cell9",
                        .label = study.cells.back().label,
                        .set = study.cells.back().set,
                        .state = "failed",
                        .error = "no memory <b>"};
  return study;
}

TEST_F(ReportTest, AStudyShowsWhatChangesAlongItsNumbers) {
  const RunInfo run = run_of({"ar", "sps", kHostile});
  const StudyResult study = study_of(run, records_of(run));
  const std::string page = study_html(study, rank_choices(study));
  EXPECT_THAT(page, HasSubstr("speedup against length"));
  EXPECT_THAT(page, HasSubstr("tau against length"));
  EXPECT_THAT(page, Not(HasSubstr("against temperature")));  // two numbers are no curve
  EXPECT_THAT(page, HasSubstr("Choices at temperature=0.7"));
  EXPECT_THAT(page, HasSubstr("href=\"cell0/report.html\""));
  EXPECT_THAT(page, Not(HasSubstr("href=\"cell9/report.html\"")));  // it has none
  EXPECT_THAT(page, HasSubstr("failed, no memory &lt;b&gt;"));
}

// A study over one swept number with speed-ups as given, intervals of +-0.04.
StudyResult along(const std::vector<std::pair<int64_t, double>>& speedups) {
  StudyResult study{.name = "batch", .paths = {"measure.batch"}, .cells = {}};
  for (const auto& [x, speedup] : speedups) {
    StudyCellResult cell{.cell = cat("cell", x), .label = cat("batch=", x)};
    cell.set = {{"measure.batch", {.data = x, .origin = {}}}};
    cell.times["sps"] = {{"g", {1, 1, 1, 1}}};
    cell.summary.cells = {
        {.arm = "sps", .metrics = {{"speedup", {.value = speedup, .interval = {speedup - 0.04, speedup + 0.04}}}}}};
    study.cells.push_back(std::move(cell));
  }
  return study;
}

std::string crossover(const std::vector<std::pair<int64_t, double>>& speedups) {
  const StudyResult study = along(speedups);
  const std::vector<Axis> axes = number_axes(study);
  return axes.empty() ? "no axis" : crossover_text(axes[0], axes[0].series[0]);
}

TEST(Crossover, SaysWhereDraftingStopsToPay) {
  EXPECT_EQ(
      crossover({{1, 1.3}, {2, 1.1}, {4, 0.98}, {8, 0.9}}),
      "sps: pays up to batch=2, 1.10 [1.06, 1.14]; crosses 1 near 3.67; costs from batch=8, 0.90 [0.86, 0.94] on");
  EXPECT_EQ(crossover({{8, 1.2}, {1, 1.3}, {2, 1.1}}), "sps: pays at all of them, least at batch=2, 1.10 [1.06, 1.14]");
  EXPECT_EQ(crossover({{1, 0.9}, {2, 0.8}, {4, 0.7}}),
            "sps: pays at none of them; costs from batch=1, 0.90 [0.86, 0.94] on");
  EXPECT_EQ(crossover({{1, 1.3}, {2, 1.01}, {4, 1.02}}), "sps: pays up to batch=1, 1.30 [1.26, 1.34]")
      << "an interval that holds 1 says neither";
  EXPECT_EQ(crossover({{1, 1.3}, {2, 1.1}}), "no axis") << "two numbers are no curve";
}

// Pages that are hard to draw, for tests/report/check_page.py.
TEST_F(ReportTest, PagesForTheBrowser) {
  const std::filesystem::path pages = std::filesystem::path(SPECULA_BINARY_DIR) / "report_pages";
  std::filesystem::create_directories(pages);
  const auto keep = [&](const std::string& name, const RunInfo& run, const std::vector<Record>& records) {
    std::filesystem::remove_all(folder_);
    write_file_atomically(pages / (name + ".html"), report_html(report(run, records)));
  };
  std::vector<std::string> names = {"ar"};
  for (int i = 0; i < 24; ++i)
    names.push_back(cat("draft-160m_length-", i, "_with a name that goes on and on", std::string(i, 'W')));
  keep("many", run_of(names), records_of(run_of(names)));
  const RunInfo two = run_of({"ar", kHostile});
  keep("one", two, {record("ar", "p", 1, false), record(kHostile, "p", 0.001, true)});
  keep("alone", run_of({"ar"}), records_of(run_of({"ar"})));
  std::vector<Record> failed = records_of(two);
  for (Record& r : failed) r.ok = r.key.arm == "ar";
  keep("failed", two, failed);
  keep("usual", run_of({"ar", "sps", "lookup"}), records_of(run_of({"ar", "sps", "lookup"})));
  const StudyResult study = study_of(run_of(names), records_of(run_of(names)));
  write_file_atomically(pages / "study.html", study_html(study, rank_choices(study)));
}

TEST_F(ReportTest, VerdictCountsArmsAndTexts) {
  const RunInfo run = run_of({"ar", "sps", "oracle"});
  RunInfo with_oracle = run;
  with_oracle.arms[2].drafter = "oracle(length = 4)";
  std::vector<Record> records = records_of(run);
  for (Record& r : records) {
    if (r.key.arm == "oracle") {
      for (double& t : r.rounds.ready_us) t = 500 + (t - 500) / 4;
      r.e2e_us = r.rounds.ready_us.back();
    }
  }
  records[1].exact = false;
  const Report r = report(with_oracle, records);
  const std::string sps = with_interval(r.summary.cell("sps", "").at("speedup")),
                    oracle = with_interval(r.summary.cell("oracle", "").at("speedup"));
  EXPECT_EQ(
      verdict(r),
      cat("sps is the fastest arm: ", sps, " times the speed of ar. Of 1 arm: 1 faster. The instrument oracle shows ",
          oracle, ", which is a bound and no decoder. 1 of 24 texts that promise to equal those of ar differ."));
}

TEST_F(ReportTest, CommandWritesIntoTheFolder) {
  const RunInfo run = run_of({"ar", "sps"});
  write(run, records_of(run));
  std::ofstream(folder_ / "status.json") << R"({"state": "interrupted", "done": 3, "total": 13})";
  std::ofstream(folder_ / "env.json") << R"({"cpu": {"model": "A <CPU>"}, "warnings": ["debug build"]})";
  testing::internal::CaptureStdout();
  EXPECT_EQ(report_command(folder_.string()), ExitCode::kOk);
  const std::string said = testing::internal::GetCapturedStdout();
  for (const char* const name : {"report.html", "report.md", "tables/results.tex", "tables/numbers.tex",
                                 "tables/acceptance.tex", "tables/phases.tex"}) {
    EXPECT_TRUE(std::filesystem::exists(folder_ / name)) << name;
    EXPECT_THAT(said, HasSubstr((folder_ / name).string() + "\n"));
  }
  const std::string html = read_file(folder_ / "report.html");
  for (const char* const part :
       {"A &lt;CPU&gt;", "<li>debug build</li>", "the run is not complete (interrupted, 3 of 13 units)"})
    EXPECT_TRUE(holds(html, part)) << part;
}

}  // namespace
}  // namespace specula
