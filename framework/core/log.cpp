#include "framework/core/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "framework/core/error.h"

namespace specula::log {
namespace {

struct Sinks {
  std::shared_ptr<spdlog::sinks::sink> terminal = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  std::shared_ptr<spdlog::logger> logger = std::make_shared<spdlog::logger>("specula", terminal);
  Sinks() {
    terminal->set_pattern("%^%l%$: %v");
    terminal->set_level(spdlog::level::info);
    logger->set_level(spdlog::level::debug);
    logger->flush_on(spdlog::level::warn);
  }
};

Sinks& sinks() {
  static Sinks instance;
  return instance;
}

}  // namespace

void set_level(Level level) {
  static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                          spdlog::level::warn, spdlog::level::err, spdlog::level::off};
  sinks().terminal->set_level(kLevels[static_cast<int>(level)]);
}

void open_file(const std::string& path) {
  close_file();
  try {
    auto file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    file->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
    sinks().logger->sinks().push_back(std::move(file));
  } catch (const spdlog::spdlog_ex& e) {
    throw Error(cat(path, ": cannot open the log file: ", e.what()));
  }
}

void close_file() {
  sinks().logger->flush();
  sinks().logger->sinks().resize(1);
}

void debug(const std::string& text) { sinks().logger->debug("{}", text); }
void info(const std::string& text) { sinks().logger->info("{}", text); }
void warning(const std::string& text) { sinks().logger->warn("{}", text); }
void error(const std::string& text) { sinks().logger->error("{}", text); }

}  // namespace specula::log
