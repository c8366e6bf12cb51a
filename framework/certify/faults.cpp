#include "framework/certify/faults.h"

namespace specula {

bool is_refuted(const Finding& finding) {
  if (!(finding.tv > kRefuted)) return false;
  return finding.chance_of_fault < 0 ? finding.sound < kSoundError
                                     : finding.chance_of_fault < kRefutedChance && finding.chance_sound > kSoundChance;
}

std::vector<Fault> all_faults() {
  std::vector<Fault> all;
  for (const auto& theme : {faults_of_laws(), faults_of_rows(), faults_of_rules(), faults_of_claims(),
                            faults_of_randomness(), faults_of_loops()})
    all.insert(all.end(), theme.begin(), theme.end());
  return all;
}

}  // namespace specula
