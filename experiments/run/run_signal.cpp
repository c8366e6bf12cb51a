#include "experiments/run/run_signal.h"

#include <unistd.h>
#include <csignal>

namespace specula {
namespace {

std::atomic<bool> g_interrupt{false};  // a handler can reach nothing but globals
std::atomic<int> g_signal{0};
constexpr int kSignals[] = {SIGINT, SIGTERM, SIGUSR1};
struct sigaction g_former[3];

void handle(int signal) {
  if (signal == SIGINT && g_interrupt.load() && g_signal.load() == SIGINT)
    ::_exit(static_cast<int>(ExitCode::kUserInterrupt));
  g_signal.store(signal);
  g_interrupt.store(true);
}

}  // namespace

SignalScope::SignalScope() {
  g_interrupt.store(false);
  g_signal.store(0);
  struct sigaction action {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  for (int i = 0; i < 3; ++i) ::sigaction(kSignals[i], &action, &g_former[i]);
}

SignalScope::~SignalScope() {
  for (int i = 0; i < 3; ++i) ::sigaction(kSignals[i], &g_former[i], nullptr);
}

const std::atomic<bool>& SignalScope::flag() const { return g_interrupt; }

ExitCode SignalScope::code() const {
  return g_signal.load() == SIGINT ? ExitCode::kUserInterrupt : ExitCode::kInterrupted;
}

}  // namespace specula
