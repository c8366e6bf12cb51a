// The JSON Schema against the configurations of the repository, and against wrong ones.
#include "experiments/config/config_schema.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "experiments/commands.h"
#include "experiments/config/config_reader.h"
#include "experiments/config/toml.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using Json = nlohmann::json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;
using ::testing::HasSubstr;

class ConfigSchema : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    json_ = new Json(Json::parse(config_schema(make_registries())));
    schema_ = new valijson::Schema();
    valijson::SchemaParser().populateSchema(Adapter(*json_), *schema_);
  }
  static void TearDownTestSuite() {
    delete schema_;
    delete json_;
  }

  // The first problem, "" if there is none.
  static std::string problem(const std::string& toml) {
    const Json json = Json::parse(to_json(parse_toml(toml, "t.toml"), -1));
    valijson::ValidationResults results;
    if (valijson::Validator().validate(*schema_, Adapter(json), &results)) return "";
    valijson::ValidationResults::Error error;
    std::string text = "wrong";
    while (results.popError(error)) text += cat("\n", join(error.context, ""), ": ", error.description);
    return text;
  }

  static Json* json_;
  static valijson::Schema* schema_;
};
Json* ConfigSchema::json_ = nullptr;
valijson::Schema* ConfigSchema::schema_ = nullptr;

TEST_F(ConfigSchema, TheConfigurationsOfTheRepositoryAreValid) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::filesystem::path(SPECULA_SOURCE_DIR) / "configs")) {
    if (entry.path().extension() != ".toml" || entry.path().parent_path().filename() == "train") continue;
    ++files;
    EXPECT_EQ(problem(read_file(entry.path())), "") << entry.path();
  }
  EXPECT_GT(files, 50);
}

TEST_F(ConfigSchema, WhatEachFormLooksLike) {
  EXPECT_EQ(problem("include = \"a.toml\"\nunset = [\"arm.x\"]\n"), "");
  EXPECT_EQ(problem("[sampler]\ntemperature = 0.7\ntop_k = { k = 5 }\norder = \"transformers\"\n"), "");
  EXPECT_EQ(problem("[sampler]\nsteps = [\"top_k(5)\", { name = \"temperature\", temperature = 1 }]\n"), "");
  EXPECT_EQ(problem("[drafter.mine]\nname = \"fallback\"\ndrafters = [\"echo(2)\", { name = \"none\" }]\n"), "");
  EXPECT_EQ(problem("[[arm]]\nname = \"a\"\ndrafter = { length = 5 }\n"), "") << "completes an arm of an included file";
}

TEST_F(ConfigSchema, WrongOnesAreRefused) {
  for (const char* const wrong : {"[mesure]\nthreads = 1\n",
                                  "[measure]\nthraeds = 1\n",
                                  "[measure]\nthreads = -1\n",
                                  "[measure]\nthreads = 5000\n",
                                  "[measure]\nthreads = \"two\"\n",
                                  "[measure]\ntrace = 1\n",
                                  "[output]\nrecord = \"all\"\n",
                                  "[models.target]\ndtype = \"bfp16\"\n",
                                  "[sampler]\ntemperatur = 0.7\n",
                                  "[sampler]\ntemperature = \"warm\"\n",
                                  "[sampler]\ntop_k = { k = 0 }\n",
                                  "[sampler]\norder = \"mine\"\n",
                                  "[data]\ncategories = \"math\"\n",
                                  "[[arm]]\ndrafter = \"none\"\n",
                                  "[[arm]]\nname = \"a\"\ndrafter = { name = \"draft_modle\" }\n",
                                  "[[arm]]\nname = \"a\"\ndrafter = { name = \"draft_model\", length = 0 }\n",
                                  "[[arm]]\nname = \"a\"\ndrafter = { name = \"draft_model\", lenght = 4 }\n",
                                  "[[arm]]\nname = \"a\"\nmax_tv = 2\n",
                                  "[arm]\nname = \"a\"\n",
                                  "[drafter]\nmine = 5\n",
                                  "[sweep]\nmax_cells = 0\n",
                                  "[sweep.grid]\nx = [1]\n"}) {
    EXPECT_NE(problem(wrong), "") << wrong;
  }
}

TEST_F(ConfigSchema, TellsWhatAnEditorShows) {
  EXPECT_EQ(json_->at("$schema"), "https://json-schema.org/draft/2020-12/schema");
  const Json& repetitions = json_->at("properties").at("measure").at("properties").at("repetitions");
  EXPECT_EQ(repetitions.at("default"), 1);
  EXPECT_EQ(repetitions.at("minimum"), 1);
  EXPECT_EQ(repetitions.at("maximum"), 1000000);
  EXPECT_THAT(repetitions.at("description").get<std::string>(), HasSubstr("times that each prompt"));
  EXPECT_EQ(json_->at("properties").at("output").at("properties").at("sort").at("enum"), Json({"config", "speedup"}));
}

}  // namespace
}  // namespace specula
