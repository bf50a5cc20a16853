// vdsm-hookd: fires hook points for VMs that something else than vdsm-hook pauses, saves, migrates or plugs devices
// into.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/front.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/hookd/notify.hpp"
#include "vdsm_hook/libvirt/watcher.hpp"

namespace vdsm_hook::cli {
namespace {

constexpr std::size_t kMaxHolderBytes = 256;
// Besides the grace of hooks: what they may take to end.
constexpr std::chrono::seconds kStopWait{10};
// After that nothing is lost when a call to libvirt is left.
constexpr std::chrono::seconds kLibvirtWait{1};

class Log {
 public:
  /// Any thread may; a text of several lines is several lines of the journal.
  void operator()(LogLevel level, const std::string& text) const {
    std::string lines;
    const auto shown = printable(trimmed(text));
    for (std::size_t at = 0; at <= shown.size();) {
      const auto end = std::min(shown.find('\n', at), shown.size());
      lines += (is_journal_ ? "<" + std::to_string(static_cast<int>(level)) + ">" : "vdsm-hookd: ") +
               shown.substr(at, end - at) + "\n";
      at = end + 1;
    }
    try {
      write_all(STDERR_FILENO, lines, "standard error");
    } catch (const Error&) {  // nobody is left to tell
    }
  }

 private:
  const bool is_journal_ = logs_to_journal();
};

// One process serves a run-time directory: two would fire everything twice. The kernel frees the lock when its holder
// dies. Whoever can open the file can lock it, even one who may only read: so nobody else can, nor one that was made
// otherwise.
UniqueFd become_the_only_one(const std::string& runtime_dir) {
  const auto name = runtime_dir + "/vdsm-hookd.lock";
  auto opened = make_own_directory(runtime_dir).open_file("vdsm-hookd.lock", O_RDWR | O_CREAT, 0600);
  if (!opened) opened.fail("open", name);
  auto fd = std::move(opened.fd);
  if (::fchmod(fd.get(), 0600) != 0) throw Error::from_errno("cannot open " + name, errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) throw Error::from_errno("cannot lock " + name, errno);
    const auto holder = read_to_end(fd.get(), kMaxHolderBytes, name).value_or("");
    throw Error(Errc::engine_failure,
                "another vdsm-hookd serves " + runtime_dir + " already: process " + trimmed(holder));
  }
  if (::ftruncate(fd.get(), 0) != 0) throw Error::from_errno("cannot write " + name, errno);
  write_all(fd.get(), std::to_string(::getpid()) + "\n", name);
  return fd;
}

// The first INT or TERM asks STOP for an end in good order, which may take GRACE; what does not end by then is not
// waited for, nor is anything at the second.
void stop_on_signals(std::stop_source stop, const Log& log, std::chrono::milliseconds grace) {
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGINT);
  sigaddset(&watched, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &watched, nullptr);  // in the threads that come, too
  std::thread([watched, stop, log, grace]() mutable {
    int signal = 0;
    if (::sigwait(&watched, &signal) != 0) return;
    notify_manager("STOPPING=1\nSTATUS=stopping the hooks that run");
    std::thread([stop, log]() mutable {
      stop.request_stop();
      std::this_thread::sleep_for(kLibvirtWait);
      log(LogLevel::notice, "ended while libvirt does not answer");
      ::_exit(done);
    }).detach();
    const auto wait = std::chrono::ceil<std::chrono::seconds>(grace + kStopWait);
    const auto end = std::chrono::steady_clock::now() + wait;
    // Whoever stops and continues the process, or looks into it, interrupts the wait.
    for (auto left = std::chrono::nanoseconds(wait); left.count() > 0; left = end - std::chrono::steady_clock::now()) {
      const timespec limit{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
      if (::sigtimedwait(&watched, nullptr, &limit) > 0) ::_exit(engine_failure);
    }
    log(LogLevel::error, "no end within " + to_text(std::chrono::milliseconds(wait)) +
                             " of being told to end: a hook that cannot be killed does not come back");
    ::_exit(engine_failure);
  }).detach();
}

int hookd_main(int argc, char** argv, const Log& log) {
  Arguments arguments("vdsm-hookd",
                      "Fires the hook points after something happened to a VM that vdsm-hook vm did not do "
                      "itself: it was paused or went on, was saved, left for another host or came from one, "
                      "got a device or lost one. Runs in the foreground.");
  arguments.note(
      "It waits for libvirtd, and connects again when that ends; hooks and their settings are read at every event, "
      "the\n"
      "configuration when it starts: restart it for a change of that. HUP is ignored; INT and TERM stop the hooks that "
      "run\n"
      "and end it.");
  arguments.note(
      "It has 16 threads: while 16 VMs have a hook that hangs, the hooks of all others wait for its deadline.");
  arguments.exit_codes(
      "0 it was told to end; 2 wrong use; 3 it could not do its work, such as when another one runs already, or\n"
      "did not end in time when it was told to.");
  std::string uri;
  bool wants_version = false;
  LocationOptions locations;
  arguments.option("-c,--connect", &uri, kConnection, "the libvirt to listen to, instead of libvirt's own default");
  arguments.flag("--version", wants_version, "print the version");
  locations.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;
  if (wants_version) return print("vdsm-hookd " VDSM_HOOK_VERSION "\n"), done;

  const Engine engine(locations.load());
  const auto lock = become_the_only_one(engine.settings().paths.runtime_dir);
  const std::stop_source stop;
  stop_on_signals(stop, log, engine.settings().grace);
  WatchOptions options;
  options.uri = uri;
  options.log = log;
  options.on_connection = [&log](bool is_connected, const std::string& text) {
    if (is_connected) log(LogLevel::info, text);
    notify_manager("STATUS=" + text);
  };
  notify_manager(
      "READY=1\nSTATUS=waiting for libvirt");  // which may take days, and the boot of the machine must not wait for it
  watch(engine, options, stop.get_token());
  return done;
}

}  // namespace
}  // namespace vdsm_hook::cli

int main(int argc, char** argv) {
  using namespace vdsm_hook;
  using namespace vdsm_hook::cli;
  return run_program([&]() -> int {
    ::signal(SIGHUP, SIG_IGN);
    const Log log;
    try {
      return hookd_main(argc, argv, log);
    } catch (const Error& error) {
      log(LogLevel::error, error.what());
      return error.code() == Errc::wrong_use ? wrong_use : engine_failure;
    }
  });
}
