#include "framework/text/tokenizers/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr size_t kStackBytes = size_t{16} << 20;  // of the compiled code; the first 32 kB are there at once
constexpr size_t kMaxPatternBytes = 65536;

template <auto free>
struct Freer {
  template <class T>
  void operator()(T* thing) const {
    free(thing);
  }
};

std::string message_of(int code) {
  unsigned char text[256] = {};
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

struct Regex::Compiled {
  std::unique_ptr<pcre2_code, Freer<pcre2_code_free>> code;
  std::unique_ptr<pcre2_match_context, Freer<pcre2_match_context_free>> context;
  std::unique_ptr<pcre2_jit_stack, Freer<pcre2_jit_stack_free>> stack;
  std::unique_ptr<pcre2_match_data, Freer<pcre2_match_data_free>> match;
  bool is_fast = false;  // machine code
  std::string place;
};

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

Regex::Regex(const std::string& pattern, std::string place) : compiled_(std::make_unique<Compiled>()) {
  Compiled& c = *compiled_;
  c.place = std::move(place);
  if (pattern.size() > kMaxPatternBytes)
    throw Error(cat(c.place, ": a pattern of ", pattern.size(), " bytes; at most ", kMaxPatternBytes, " are read"));
  const std::string own = translate_regex(pattern, c.place);
  const std::unique_ptr<pcre2_compile_context, Freer<pcre2_compile_context_free>> how(
      pcre2_compile_context_create(nullptr));
  pcre2_set_newline(how.get(), PCRE2_NEWLINE_LF);
  int failed = 0;
  size_t at = 0;
  c.code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(own.data()), own.size(),
                             PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &failed, &at,
                             how.get()));
  if (!c.code) throw Error(cat(c.place, ": not a regular expression: ", message_of(failed), ": '", pattern, "'"));
  c.is_fast = pcre2_jit_compile(c.code.get(), PCRE2_JIT_COMPLETE) == 0;
  c.match.reset(pcre2_match_data_create(1, nullptr));
  c.context.reset(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(c.context.get(), kMaxSteps);
  c.stack.reset(pcre2_jit_stack_create(32 * 1024, kStackBytes, nullptr));
  if (c.stack) pcre2_jit_stack_assign(c.context.get(), nullptr, c.stack.get());
}

std::optional<Match> Regex::find(std::string_view text, size_t from) const {
  const Compiled& c = *compiled_;
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int found = PCRE2_ERROR_JIT_STACKLIMIT;
  if (c.is_fast)
    found =
        pcre2_jit_match(c.code.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK, c.match.get(), c.context.get());
  // The interpreter keeps its backtracking on the heap, so it can go on where the machine code ran out of stack.
  if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
    found = pcre2_match(c.code.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, c.match.get(),
                        c.context.get());
  }
  if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (found < 0) {
    throw Error(cat(c.place, ": the pattern gives up at byte ", from, " of a text of ", text.size(),
                    " bytes: ", message_of(found), " (at most ", kMaxSteps, " steps)"));
  }
  const size_t* ends = pcre2_get_ovector_pointer(c.match.get());
  return Match{ends[0], ends[1]};
}

}  // namespace specula
