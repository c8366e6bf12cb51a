// Exact laws without sampling.  A program that draws from a Keyring is a piecewise constant function of its uniforms;
// each uniform is cut at the points where what the program shows changes (found by bisection to 2^-30), and every piece
// is followed.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "framework/core/keyring.h"
#include "framework/core/token.h"

namespace specula {

using Law = std::map<std::vector<Token>, double>;

// What a run of the program shows: its result, and everything that a draw may have decided on the way (drafted tokens,
// the path).
struct Shown {
  std::vector<Token> result;
  std::string trace;
};

Law enumerate(const std::function<Shown(const Keyring&)>& program);

double total_variation(const Law& a, const Law& b);

// The law of strings of `length` tokens that begin with an outcome of `blocks` and go on as `next` (the target's own
// law after a string) says; longer outcomes are cut.
Law extend(const Law& blocks, int length, const std::function<std::vector<double>(const std::vector<Token>&)>& next);
Law own_law(int length, const std::function<std::vector<double>(const std::vector<Token>&)>& next);

// A keyring whose uniforms come from `value(use, position, index)`.
Keyring scripted(std::function<double(Use, int64_t, uint32_t)> value);

}  // namespace specula
