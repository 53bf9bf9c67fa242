#include "terminal.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

namespace sextant::app {
namespace {

volatile std::sig_atomic_t signal_caught = 0;

void on_signal(int signal) {
  signal_caught = signal;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void catch_signals() {
  // A closed pipe and a file size limit then come back as errors of the write that met them.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

int caught_signal() { return signal_caught; }

ProgressBar::ProgressBar()
    : start_(std::chrono::steady_clock::now()), drawn_(start_), terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() {
  if (visible_) fmt::print(stderr, "\r\033[K");
}

std::function<bool(const Progress&)> ProgressBar::callback() {
  return [this](const Progress& progress) {
    if (terminal_) draw(progress);
    return signal_caught == 0;
  };
}

double ProgressBar::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void ProgressBar::draw(const Progress& progress) {
  using namespace std::chrono_literals;
  const auto now = std::chrono::steady_clock::now();
  if (now - start_ < 1s || now - drawn_ < 100ms) return;
  drawn_ = now;
  visible_ = true;
  constexpr int cells = 32;
  const int full = static_cast<int>(std::clamp(progress.fraction, 0.0, 1.0) * cells);
  std::string bar;
  for (int i = 0; i < cells; ++i) bar += i < full ? "█" : "░";
  fmt::print(stderr, "\r{:<11} {} {:3.0f} %  {:.0f} s\033[K", progress.stage, bar, 100 * progress.fraction, seconds());
  std::fflush(stderr);
}

}  // namespace sextant::app
