#include "experiments/verify/certificate.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "experiments/run/environment.h"
#include "experiments/run/manifest.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kSchema = "specula.certificate/1.0";
constexpr size_t kHashDigits = 16;

Json json_of(const CompositionIdentity& c) {
  Json json = {{"drafter", c.drafter}, {"verifier", c.verifier}, {"sampler", c.sampler}};
  json["models"] = Json::array();
  for (const auto& m : c.models) {
    json["models"].push_back({{"role", m.role},
                              {"fingerprint", m.fingerprint},
                              {"dtype", m.dtype},
                              {"device", m.device},
                              {"engine", m.engine}});
  }
  return json;
}

Json json_of(const RungResult& r) {
  Json json = {{"rung", r.rung}, {"verdict", r.verdict}, {"what", r.what}, {"n", r.n}, {"seconds", r.seconds}};
  json["numbers"] = Json::object();
  for (const auto& [name, value] : r.numbers) json["numbers"][name] = value;
  return json;
}

std::string file_name(const CompositionIdentity& c) { return c.hash().substr(0, kHashDigits) + ".json"; }

// "holds"; "holds (L0, L1)" where not every rung was climbed, which promises less.
std::string qualified_verdict(const Json& certificate) {
  constexpr size_t kAllRungs = 4;
  std::vector<std::string> climbed;
  for (const Json& rung : certificate.at("rungs")) {
    if (rung.at("verdict") != "skipped") climbed.push_back(rung.at("rung"));
  }
  const std::string verdict = certificate.at("verdict");
  return climbed.size() >= kAllRungs || climbed.empty() ? verdict : cat(verdict, " (", join(climbed), ")");
}

struct Read {
  std::string hash, drafter, verifier, sampler, verdict;
};
// Nothing for what is no certificate of this binary.
std::optional<Read> read_of_binary(const fs::path& file, const std::string& binary) {
  try {
    const Json json = Json::parse(read_file(file));
    if (json.at("schema") != kSchema || json.at("build").at("binary_sha256") != binary) return std::nullopt;
    const Json& c = json.at("composition");
    return Read{.hash = json.at("composition_hash"),
                .drafter = c.at("drafter"),
                .verifier = c.at("verifier"),
                .sampler = c.at("sampler"),
                .verdict = qualified_verdict(json)};
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

std::string CompositionIdentity::hash() const {
  return sha256(json_of(*this).dump(-1, ' ', false, Json::error_handler_t::replace));
}

CompositionIdentity identity_of(const ExperimentConfig& config, const ArmConfig& arm, const Models& models) {
  CompositionIdentity identity{.drafter = call_text(arm.drafter), .verifier = call_text(arm.verifier)};
  std::vector<std::string> samplers;
  for (const Params& sampler : config.samplers) samplers.push_back(call_text(sampler));
  identity.sampler = join(samplers, ",");
  const auto add = [&](const std::string& role, const std::string& name) {
    const LoadedModel& model = *models.at(name);
    identity.models.push_back({.role = role,
                               .fingerprint = model.info().fingerprint,
                               .dtype = name_of(model.dtype()),
                               .device = config.model(name).device,
                               .engine = model.engine()});
  };
  add("target", arm.target);
  for (const std::string& name : arm.composed.drafter.models) add(name, name);
  for (const Facts::Head& head : arm.composed.drafter.heads) add(head.name, head.name);
  for (const std::string& name : arm.composed.drafter.foreign_models) add(name, name);
  return identity;
}

std::string Certificate::verdict() const {
  const auto any = [&](const char* wanted) {
    return std::any_of(rungs.begin(), rungs.end(), [&](const RungResult& r) { return r.verdict == wanted; });
  };
  return any("violated") ? "violated" : any("measured") ? "measured" : any("holds") ? "holds" : "skipped";
}

std::string certificate_json(const Certificate& c, int indent) {
  Json json = {{"schema", kSchema},
               {"composition_hash", c.composition.hash()},
               {"composition", json_of(c.composition)},
               {"arm", c.arm},
               {"guarantee", c.guarantee},
               {"verdict", c.verdict()},
               {"build", {{"name", build_name()}, {"binary_sha256", binary_sha256()}}},
               {"seed", c.seed},
               {"utc", utc_now()}};
  json["rungs"] = Json::array();
  double seconds = 0;
  for (const RungResult& r : c.rungs) {
    json["rungs"].push_back(json_of(r));
    seconds += r.seconds;
  }
  json["seconds"] = seconds;
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

fs::path write_certificate(const std::string& out, const Certificate& certificate) {
  const fs::path folder = fs::path(out) / "certificates";
  fs::create_directories(folder);
  const fs::path file = folder / file_name(certificate.composition);
  write_file_atomically(file, certificate_json(certificate, 1) + "\n");
  return file;
}

std::optional<FoundCertificate> find_certificate(const std::string& out, const CompositionIdentity& composition,
                                                 const std::string& binary_sha256) {
  const fs::path file = fs::path(out) / "certificates" / file_name(composition);
  if (!fs::exists(file)) return std::nullopt;
  const auto read = read_of_binary(file, binary_sha256);
  if (!read || read->hash != composition.hash()) return std::nullopt;
  return FoundCertificate{.path = file.string(), .verdict = read->verdict};
}

std::vector<ListedCertificate> list_certificates(const std::string& out, const std::string& binary_sha256) {
  std::vector<ListedCertificate> all;
  const fs::path folder = fs::path(out) / "certificates";
  if (!fs::is_directory(folder)) return all;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const auto read = read_of_binary(entry.path(), binary_sha256);
    if (!read) continue;
    all.push_back({.path = entry.path().string(),
                   .drafter = read->drafter,
                   .verifier = read->verifier,
                   .sampler = read->sampler,
                   .verdict = read->verdict});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return all;
}

}  // namespace specula
