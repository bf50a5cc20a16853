// Listens to libvirt for what happens to VMs, and hands it over to the hook points that fire afterwards.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>

#include "vdsm_hook/libvirt/after_events.hpp"

namespace vdsm_hook {

struct WatchOptions {
  std::string uri;  ///< empty: libvirt's own default
  LogSink log;
  /// Is called when this begins to hear of everything (true), and when the connection is lost (false), in the thread of
  /// watch().
  std::function<void(bool is_connected, const std::string& text)> on_connection;
  std::chrono::milliseconds first_pause{100},
      longest_pause{10'000};  ///< between attempts to connect: doubled each time
};

/// Listens until STOP; then stops the hooks that run, and returns when all is done. Connects, also again, for as long
/// as it takes. Of the first connection the state of each VM is taken and nothing fires. When a connection comes after
/// a lost one, what was missed cannot be known; hook points fire for what a VM's state says must have happened.
///
/// One at a time in a process: it runs libvirt's default event loop in the calling thread. Whoever requests STOP waits
/// for the hooks; but that does not end a call to a libvirtd that is connected to and does not answer: while it is
/// asked for VMs that takes up to 20 s, at the opening of the connection for ever. Throws engine_failure.
void watch(const Engine& engine, const WatchOptions& options, const std::stop_token& stop);

}  // namespace vdsm_hook
