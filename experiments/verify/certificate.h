// What `specula verify` found out about a composition, as <out>/certificates/<hash>.json: found again by whoever
// decodes with the same drafter, rule, sampler, weights, engine and binary.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/config/config.h"
#include "experiments/run/run_arm.h"

namespace specula {

// What decides the law of an arm's text, and nothing else: names and speeds are left out.
struct CompositionIdentity {
  std::string drafter, verifier, sampler;  // plug-ins as text, every option resolved
  struct Model {
    std::string role, fingerprint, dtype, device, engine;  // role: "target", or its name in [models]
  };
  std::vector<Model> models;  // the target first, then the drafter's
  std::string hash() const;   // sha256 over all of that
};
CompositionIdentity identity_of(const ExperimentConfig& config, const ArmConfig& arm, const Models& models);

// The result of one rung of the ladder.
struct RungResult {
  std::string rung;                 // L0, L1, L2, L3
  std::string verdict = "skipped";  // holds, violated, measured (a lossy rule), skipped
  std::string what;                 // the number of the table, or why it was skipped
  int64_t n = 0;                    // prompts, draws, enumerated texts, samples
  double seconds = 0;
  std::vector<std::pair<std::string, double>> numbers{};  // NaN and infinity become null
};

struct Certificate {
  CompositionIdentity composition;
  std::string arm, guarantee;
  uint64_t seed = 0;
  std::vector<RungResult> rungs;
  std::string verdict() const;  // violated if one rung is, else measured if one is, else holds
};

std::string certificate_json(const Certificate& certificate, int indent);
// Returns the path.
std::filesystem::path write_certificate(const std::string& out, const Certificate& certificate);

// A certificate of this very program, whatever the experiment was called.  verdict: with the rungs that were climbed
// behind it, unless all were.
struct FoundCertificate {
  std::string path, verdict;
};
// Nothing where there is none, where another binary wrote it, or where it is not readable as one.
std::optional<FoundCertificate> find_certificate(const std::string& out, const CompositionIdentity& composition,
                                                 const std::string& binary_sha256);

struct ListedCertificate {
  std::string path, drafter, verifier, sampler, verdict;
};
std::vector<ListedCertificate> list_certificates(const std::string& out, const std::string& binary_sha256);

}  // namespace specula
