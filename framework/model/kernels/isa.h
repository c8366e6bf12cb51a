// Which instruction set the kernels use: the best of the CPU, or less where SPECULA_ISA asks for it (to test what other
// machines run, and to find out whether an instruction set is at fault).  Licence: Apache-2.0.
#pragma once

#include <string>

namespace specula {

enum class Isa { kAvx512Bf16, kAvx512Vnni };

// Reads SPECULA_ISA ("avx512": no BF16 and no VNNI; "avx2"; "baseline"; unset or "best") once and tells Highway.
// Throws ConfigError for another value, and where the CPU has less than what is asked for.
void choose_isa();
bool has_isa(Isa isa);          // the CPU has it and choose_isa() allows it
std::string isa_restriction();  // what SPECULA_ISA asks for; "" where nothing

}  // namespace specula
