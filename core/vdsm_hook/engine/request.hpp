// What an event is asked for with.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vdsm_hook/base/payload_kind.hpp"
#include "vdsm_hook/process/environment.hpp"
#include "vdsm_hook/xml/secrets.hpp"

namespace vdsm_hook {

/// What is asked for.
struct Request {
  std::string event;
  std::string document;    ///< the payload, of the kind the hook point carries; empty at points without one
  std::string domain_xml;  ///< the domain that a device, JSON or payload-less event belongs to; may be empty
  std::string vm_id;       ///< a UUID; empty: taken from the domain
  Variables properties;    ///< of the VM; they win over those in the domain's metadata
  Variables device_properties;
  Variables parameters;              ///< of the call
  std::vector<std::string> skip;     ///< names of hooks that shall not run this time
  bool skips_what_is_there = false;  ///< a name in `skip` that no hook of the event has is no wrong use
  std::optional<bool> vetoes;        ///< instead of what the hook point says
  std::optional<std::chrono::milliseconds> deadline;  ///< of each hook, instead of sidecar and configuration
  std::optional<PayloadKind> adhoc;  ///< lets `event` be a name that no table has, with a payload of this kind
  /// Called when a hook has ended, before its document is looked at and the next is started; what it returns, if not
  /// empty, makes that hook a failed one. For what hooks can do besides the document, which a failed one shall not have
  /// done.
  std::function<std::string(bool has_failed)> also_judge;
  /// Called when planning is over and the first hook is about to be started; not at all where none runs.
  std::function<void()> before_hooks;
  /// A descriptor (-1: none; not owned), such as of a lock: nobody gets the lock before the hook that runs is gone with
  /// its tree, even when this process is killed meanwhile. Hooks do not have it.
  int kept_descriptor = -1;
  bool compat_vdsm = false;  ///< upstream's rules (DESIGN: exactly what `--compat vdsm` says)
  bool wants_diffs = false;
  Secrets secrets;  ///< that the caller knows of; those in the documents and among the properties are found
  bool libvirt_waits =
      false;  ///< for the event to end: hooks that need libvirt are not started, which is a problem but no veto
};

}  // namespace vdsm_hook
