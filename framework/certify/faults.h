// Planted faults: every way of being wrong that we know of in acceptance rules, draft laws, random keys and loops, each
// built again as a small mutant and refuted by the instruments that certify the sound rules.  A certificate is worth as
// much as the faults that it finds; this is the list of them.  Beside each mutant stands its sound twin, which must
// pass, so that an instrument which refuses everything does not count.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace specula {

inline constexpr double kRefuted = 1e-3;        // total variation that a mutant must exceed
inline constexpr double kSoundError = 5e-6;     // and that its twin must not: float32 rows, 2^-31 of each bisection
inline constexpr double kRefutedChance = 1e-9;  // chi-square: the chance of such counts if the mutant were sound
inline constexpr double kSoundChance = 1e-4;

struct Finding {
  double tv = 0;        // total variation of the mutant from the law it claims; 1 where it is refused outright
  double sound = 0;     // of the same construction without the fault
  int64_t samples = 0;  // 0: exact enumeration
  // Of a chi-square test: the chance of counts as far from the law.  Below 0: nothing was counted.
  double chance_of_fault = -1, chance_sound = -1;
};
// The mutant was refuted and its twin was not.
bool is_refuted(const Finding& finding);

struct Fault {
  std::string theme;       // laws, rows, rules, claims, randomness, loop
  std::string name, what;  // `what`: one sentence
  std::string seen_in;     // a project or paper where it is known from; empty: none
  std::string instrument;
  std::function<Finding()> find;  // deterministic
};

std::vector<Fault> all_faults();  // by theme

// The themes, one file each.
std::vector<Fault> faults_of_laws();        // what a draft says of its tokens
std::vector<Fault> faults_of_rows();        // p and q without the policy, or with another path's history
std::vector<Fault> faults_of_rules();       // arithmetic of acceptance rules
std::vector<Fault> faults_of_claims();      // rules that are not exact for the law they name
std::vector<Fault> faults_of_randomness();  // one random number used for two things
std::vector<Fault> faults_of_loops();       // stop tokens, limits

}  // namespace specula
