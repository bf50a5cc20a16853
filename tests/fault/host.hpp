// A host for one test: hooks, run-time directory and meeting place below a directory of its own.
#pragma once

#include <sys/types.h>

#include <boost/test/tools/assertion_result.hpp>
#include <boost/test/tree/test_unit.hpp>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/engine/engine.hpp"

namespace vdsm_hook::test {

inline const std::string kUuid = "8c5b1f0e-3f5d-4b7a-9d0c-2a6c7a1e9b01";
inline const std::string kDomain = "<?xml version='1.0'?>\n<domain type='kvm'>\n  <uuid>" + kUuid +
                                   "</uuid>\n  <name>web-1</name>\n  <memory>1024</memory>\n</domain>\n";
inline const std::string kJson = "{\"disk\": {\"path\": \"/x\"}}";

/// The first built-in hook point of this kind: no test depends on what it is called.
const HookPoint& point(PayloadKind payload, bool result_used, bool vetoes);
const HookPoint& vetoing_point();  ///< domain XML, result used, a failure vetoes
const HookPoint& logging_point();  ///< domain XML, a failure is only reported

/// Kept when a check failed in its life, with its path printed. Kills what its hooks left running, and makes an end of
/// this process being a subreaper.
class Host {
 public:
  Host();
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  const std::string& root() const { return root_; }
  std::string hooks_dir() const { return root_ + "/hooks"; }
  std::string runtime_dir() const { return root_ + "/run"; }
  std::string event_dir(std::string_view event) const;

  /// Installs the compiled hook under NAME, which says what it does (see fault_hook.cpp). Returns its path.
  std::string hook(std::string_view event, const std::string& name) const;
  /// A hook or sidecar with this content.
  std::string file(std::string_view event, const std::string& name, std::string_view content, mode_t mode = 0755) const;

  Settings settings() const;  ///< short deadline and grace; the build tree's helper
  /// The event with a document of its kind, its hooks told where this host is.
  Request request(const HookPoint& point) const;
  Report run(const Request& request, std::stop_token stop = {}) const;
  Report run(const HookPoint& point) const { return run(request(point)); }

  /// What stands in a file below root(); empty: it does not exist.
  std::string read(const std::string& name) const;
  void write(const std::string& name, std::string_view content) const;
  /// What the hook NAME, which ends in "saw", found in its payload file.
  std::string seen_by(const std::string& name) const { return read("seen/" + name); }
  /// Processes that hooks left and that still live.
  std::vector<pid_t> alive() const;
  void kill_left() const;

  /// Takes away mounts and immutable flags that hooks left below root().
  void free_places() const;

  /// Checks that nothing is left but SURVIVORS processes: no file in runtime_dir(), no descriptor and no child of this
  /// process that was not there before.
  void check_nothing_left(std::size_t survivors = 0) const;

 private:
  std::string root_;
  std::size_t descriptors_;
  unsigned long failures_;
};

/// The Error's code, or a failed check when RUN ends without one.
boost::system::error_code error_code_of(const std::function<void()>& run, std::string* text = nullptr);
bool mentions(std::string_view text, std::string_view words);

/// Waits for CONDITION, at most ten seconds.
bool eventually(const std::function<bool()>& condition);
bool is_alive(pid_t pid);
bool has_children();
std::size_t open_descriptors();

/// What WORK returns (in a forked child of this process, so that it may spoil itself); a text beginning with "!" if it
/// threw or died.
std::string in_child(const std::function<std::string()>& work);
/// Likewise as the user nobody, who owns HOST. Only root can.
std::string as_nobody(const Host& host, const std::function<std::string()>& work);

/// A tmpfs mounted on AT while it lives, if this process may.
class Tmpfs {
 public:
  Tmpfs(std::string at, unsigned long flags);
  ~Tmpfs();
  Tmpfs(const Tmpfs&) = delete;
  Tmpfs& operator=(const Tmpfs&) = delete;
  bool is_mounted() const { return is_mounted_; }
  static constexpr std::size_t kBytes = 64U << 10;

 private:
  std::string at_;
  bool is_mounted_;
};

/// Preconditions of cases; they say why a case is skipped.
boost::test_tools::assertion_result can_mount(boost::unit_test::test_unit_id);
boost::test_tools::assertion_result is_root(boost::unit_test::test_unit_id);
boost::test_tools::assertion_result can_lack_descriptors(boost::unit_test::test_unit_id);

}  // namespace vdsm_hook::test
