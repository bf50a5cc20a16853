#include "vdsm_hook/libvirt/watcher.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/base/time.hpp"
#include "vdsm_hook/base/unique_fd.hpp"
#include "vdsm_hook/libvirt/handles.hpp"
#include "vdsm_hook/libvirt/vm_events.hpp"
#include "vdsm_hook/libvirt_hooks/vm_journal.hpp"
#include "vdsm_hook/xml/lookup.hpp"

namespace vdsm_hook {
namespace {

// Of the connection: a libvirtd that is silent for longer is as good as gone. A Unix socket says by itself when it
// ended.
constexpr int kKeepaliveSeconds = 5;
constexpr unsigned kKeepaliveCount = 3;
// libvirtd answers before it has found its guests again, and tells nobody what it finds changed.
constexpr int kSecondLookMs = 3000;

// Whether a domain XML is that of a VM that runs, not what it was defined as.
bool is_live(std::string_view xml) { return root_attribute(xml, "id").has_value(); }

LiveXml live_xml_of(virDomain* domain) {
  ::virDomainRef(domain);
  return [domain = std::shared_ptr<virDomain>(domain, LibvirtFree{})]() -> std::optional<std::string> {
    const LibvirtText xml(::virDomainGetXMLDesc(domain.get(), 0));
    if (!xml || !is_live(xml.get())) return std::nullopt;
    return xml.get();
  };
}

void prepare_event_loop() {
  prepare_libvirt();
  static std::once_flag once;
  std::call_once(once, [] {
    if (::virEventRegisterDefaultImpl() != 0)
      throw Error(Errc::engine_failure, "libvirt's event loop cannot be set up");
  });
}

// Makes the event loop, or a wait, come to its end at once.
class Wakener {
 public:
  Wakener() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!fd_) throw Error::from_errno("cannot make an eventfd", errno);
    handle_ = ::virEventAddHandle(
        fd_.get(), VIR_EVENT_HANDLE_READABLE, [](int, int, int, void*) {}, nullptr, nullptr);
    if (handle_ < 0) throw Error(Errc::engine_failure, "libvirt's event loop takes no descriptor");
  }
  ~Wakener() { ::virEventRemoveHandle(handle_); }
  Wakener(const Wakener&) = delete;
  Wakener& operator=(const Wakener&) = delete;

  void wake() const { ::eventfd_write(fd_.get(), 1); }
  void reset() const {
    eventfd_t count = 0;
    ::eventfd_read(fd_.get(), &count);
  }
  void wait(std::chrono::milliseconds at_most) const {
    pollfd watched{fd_.get(), POLLIN, 0};
    ::poll(&watched, 1, static_cast<int>(at_most.count()));
  }

 private:
  UniqueFd fd_;
  int handle_;
};

class Watch {
 public:
  Watch(const Engine& engine, const WatchOptions& options, const std::stop_token& stop)
      : runtime_dir_(engine.settings().paths.runtime_dir),
        options_(options),
        stop_(stop),
        hooks_(engine, options.log) {}

  void run() {
    const std::stop_callback on_stop(stop_, [this] {
      wakener_.wake();
      hooks_.stop();  // while this thread may hang in a call to libvirt
    });
    for (auto pause = options_.first_pause; !stop_.stop_requested();) {
      const auto begin = std::chrono::steady_clock::now();
      if (connect()) listen();
      disconnect();
      wakener_.reset();  // the loss woke it
      if (stop_.stop_requested()) break;
      if (std::chrono::steady_clock::now() - begin > options_.longest_pause) pause = options_.first_pause;
      wakener_.wait(pause);
      pause = std::min(pause * 2, options_.longest_pause);
    }
    hooks_.stop();
  }

 private:
  struct Known {
    Standing standing;
    unsigned id;  // libvirt's, another one at each start
    std::string name;
    AfterEvents::VmRef vm;
  };

  void log(LogLevel level, const std::string& text) const { options_.log(level, text); }

  bool connect() {
    try {
      connection_ = connect_to(options_.uri);
      lost_ = nullptr;
      ::virConnectSetKeepAlive(connection_.get(), kKeepaliveSeconds, kKeepaliveCount);  // where the driver has it
      ::virConnectRegisterCloseCallback(connection_.get(), &on_close, this, nullptr);
      register_for(VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(&on_lifecycle));
      register_for(VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(&on_device_added));
      register_for(VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(&on_device_removed));
      // QEMU's driver says "resumed" as well when a guest starts.
      const auto* type = ::virConnectGetType(connection_.get());
      tells_of_guest_ = type != nullptr && std::string_view(type) == "QEMU";
      take_all();
    } catch (const LibvirtError& error) {
      if (complaint_ != error.what()) log(LogLevel::warning, complaint_ = error.what());  // not for each attempt
      return false;
    }
    complaint_.clear();
    lost_at_.reset();
    if (!std::exchange(is_first_, false))
      second_look_ = ::virEventAddTimeout(kSecondLookMs, &on_second_look, this, nullptr);
    const LibvirtText uri(::virConnectGetURI(connection_.get()));
    options_.on_connection(true, "listening to " + std::string(uri ? uri.get() : "libvirt"));
    return true;
  }

  // Until the connection is lost, or the end.
  void listen() {
    while (lost_ == nullptr && !stop_.stop_requested())
      if (::virEventRunDefaultImpl() < 0) throw Error(Errc::engine_failure, "libvirt's event loop failed");
    const char* const why = lost_;
    if (why == nullptr) return;
    lost_at_ = std::chrono::system_clock::now();
    log(LogLevel::warning, "the connection to libvirt was lost at " + utc_text(*lost_at_) + ": " + why);
    options_.on_connection(false, std::string("the connection to libvirt was lost: ") + why);
  }

  void disconnect() {
    if (!connection_) return;
    end_second_look();
    for (const auto callback : callbacks_) ::virConnectDomainEventDeregisterAny(connection_.get(), callback);
    callbacks_.clear();
    ::virConnectUnregisterCloseCallback(connection_.get(), &on_close);
    connection_.reset();
  }

  void register_for(int event, virConnectDomainEventGenericCallback callback) {
    const int id = ::virConnectDomainEventRegisterAny(connection_.get(), nullptr, event, callback, this, nullptr);
    if (id < 0) throw LibvirtError("libvirt does not tell of events");
    callbacks_.push_back(id);
  }

  // What is, and what must have happened while nobody listened. Events that come meanwhile wait until this is done.
  void take_all() {
    const auto domains = domains_of(connection_.get(), VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (is_first_) {
      for (const auto& uuid : vms_with_directory(runtime_dir_)) forget_lost_events(runtime_dir_, uuid);
    } else {
      const auto now = std::chrono::system_clock::now();
      const auto gap = std::chrono::duration_cast<std::chrono::milliseconds>(now - lost_at_.value_or(now));
      log(LogLevel::warning, "connected to libvirt again at " + utc_text(now) + ": of the " + to_text(gap) + " since " +
                                 utc_text(lost_at_.value_or(now)) +
                                 " only what VMs are now is known, events may be lost");
    }
    auto gone = std::exchange(known_, {});
    for (const auto& domain : domains) {
      try {
        take(domain.get(), gone);
      } catch (const LibvirtError& error) {
        if (error.libvirt_code() == VIR_ERR_NO_DOMAIN) continue;  // it has ended meanwhile
        known_.merge(gone);  // the connection is lost again: the next one compares the rest
        throw;
      }
    }
    for (const auto& [uuid, known] : gone) {
      log(LogLevel::warning, describe(uuid, known.name) + " ended while nobody listened");
      hooks_.forget_lost(known.vm);
    }
  }

  void take(virDomain* domain, std::map<std::string, Known>& before) {
    int state = VIR_DOMAIN_NOSTATE, reason = 0;
    if (::virDomainGetState(domain, &state, &reason, 0) != 0) throw LibvirtError("cannot tell the state of the VM");
    const auto uuid = uuid_of(domain), name = name_of(domain);
    const auto id = ::virDomainGetID(domain);
    auto old = before.extract(uuid);
    const bool is_same = old && old.mapped().id == id;
    const auto last = is_same ? old.mapped().standing : Standing::off;
    const auto now = standing_of(state, reason, last);
    if (now == Standing::off) return;
    const auto& known = known_[uuid] = {now, id, name, hooks_.vm(uuid, name)};
    const auto meaning = meaning_of_gap(last, now);
    if (!is_first_ && !is_same) log(LogLevel::warning, describe(uuid, name) + " started while nobody listened");
    if (meaning.phase == nullptr) {
      hooks_.look(known.vm, live_xml_of(domain));
    } else {
      log(LogLevel::warning,
          describe(uuid, name) + " changed while nobody listened: " + std::string(meaning.phase->name));
      hooks_.happened(known.vm, *meaning.phase, live_xml_of(domain));
    }
    if (!is_first_) hooks_.forget_lost(known.vm);
  }

  // What libvirtd learned of its guests after it had answered us.
  void look_again() {
    end_second_look();
    for (const auto& domain : domains_of(connection_.get(), VIR_CONNECT_LIST_DOMAINS_ACTIVE)) {
      int state = VIR_DOMAIN_NOSTATE, reason = 0;
      const auto known = known_.find(uuid_of(domain.get()));
      if (known == known_.end() || known->second.id != ::virDomainGetID(domain.get()) ||
          ::virDomainGetState(domain.get(), &state, &reason, 0) != 0)
        continue;  // an event is on its way
      const auto now = standing_of(state, reason, known->second.standing);
      const auto meaning = meaning_of_gap(known->second.standing, now);
      if (now == Standing::off || meaning.phase == nullptr) continue;
      known->second.standing = now;
      log(LogLevel::warning, describe(known->first, known->second.name) +
                                 " changed while nobody listened: " + std::string(meaning.phase->name));
      hooks_.happened(known->second.vm, *meaning.phase, live_xml_of(domain.get()));
    }
  }
  void end_second_look() {
    if (second_look_ >= 0) ::virEventRemoveTimeout(std::exchange(second_look_, -1));
  }

  static std::string describe(const std::string& uuid, const std::string& name) {
    return "VM " + printable(name) + " (" + uuid + ")";
  }

  // A VM that comes from another host without its memory is defined here, and that is all: what fired before it, in the
  // bridge, has its counterpart now.
  void note_defined(virDomain* domain) {
    const auto uuid = uuid_of(domain);
    VmJournal journal(VmDirectory(runtime_dir_, uuid));
    if (journal.read().seen.word != seen::kMigrate)
      return;  // of one that comes with its memory QEMU runs by then, and the word is another
    journal.change([](VmRecord& record) { record.seen = {}; });
    const std::string definition =
        take_text(::virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE), "cannot read the definition of a VM");
    hooks_.happened(hooks_.vm(uuid, name_of(domain)), phases::kArrive,
                    [definition] { return std::optional(definition); });
  }

  void note_lifecycle(virDomain* domain, int event, int detail) {
    if (event == VIR_DOMAIN_EVENT_DEFINED) note_defined(domain);
    const auto uuid = uuid_of(domain);
    const auto old = known_.find(uuid);
    const auto last = old == known_.end() ? Standing::off : old->second.standing;
    const auto meaning = meaning_of(last, event, detail, tells_of_guest_);
    if (last == Standing::off && meaning.standing == Standing::off) return;
    auto& known = old == known_.end() ? known_[uuid] : old->second;
    known.standing = meaning.standing;
    if (!known.vm) known.vm = hooks_.vm(uuid, known.name = name_of(domain));
    if (meaning.standing != Standing::off) known.id = ::virDomainGetID(domain);
    if (meaning.phase != nullptr) {
      hooks_.happened(known.vm, *meaning.phase, live_xml_of(domain));
    } else if (meaning.standing != Standing::off) {
      hooks_.look(known.vm, live_xml_of(domain));
    }
    if (meaning.standing == Standing::off) {
      hooks_.forget_lost(known.vm);  // of a VM that is off nothing more comes
      known_.erase(uuid);
    }
  }

  void note_device(virDomain* domain, const char* alias,
                   void (AfterEvents::*happened)(const AfterEvents::VmRef&, std::string, LiveXml)) {
    const auto known = known_.find(uuid_of(domain));
    if (known != known_.end()) (hooks_.*happened)(known->second.vm, alias, live_xml_of(domain));
  }

  // What libvirt calls, from listen().

  template <class Note>
  void guarded(Note note) noexcept {
    try {
      note();
    } catch (const std::exception& error) {
      log(LogLevel::error, std::string("an event of libvirt's is left out: ") + error.what());
    }
  }
  static int on_lifecycle(virConnect*, virDomain* domain, int event, int detail, void* watch) {
    auto& self = *static_cast<Watch*>(watch);
    self.guarded([&] { self.note_lifecycle(domain, event, detail); });
    return 0;
  }
  static void on_device_added(virConnect*, virDomain* domain, const char* alias, void* watch) {
    auto& self = *static_cast<Watch*>(watch);
    self.guarded([&] { self.note_device(domain, alias, &AfterEvents::plugged); });
  }
  static void on_device_removed(virConnect*, virDomain* domain, const char* alias, void* watch) {
    auto& self = *static_cast<Watch*>(watch);
    self.guarded([&] { self.note_device(domain, alias, &AfterEvents::unplugged); });
  }
  static void on_second_look(int, void* watch) {
    auto& self = *static_cast<Watch*>(watch);
    self.guarded([&] { self.look_again(); });
  }
  // From whichever thread was in a call to libvirt when it happened; the event loop need not notice it then.
  static void on_close(virConnect*, int reason, void* watch) {
    auto& self = *static_cast<Watch*>(watch);
    self.lost_ = reason == VIR_CONNECT_CLOSE_REASON_EOF         ? "libvirtd closed it"
                 : reason == VIR_CONNECT_CLOSE_REASON_KEEPALIVE ? "libvirtd does not answer"
                                                                : "it broke";
    self.wakener_.wake();
  }

  const std::string runtime_dir_;
  const WatchOptions& options_;
  const std::stop_token stop_;
  Wakener wakener_;
  ConnectionHandle connection_;
  std::vector<int> callbacks_;
  int second_look_ = -1;
  bool tells_of_guest_ = false;
  std::atomic<const char*> lost_ = nullptr;  // why the connection is gone; null: it is there
  std::string complaint_;                    // what was said last about why there is none
  bool is_first_ = true;
  std::optional<std::chrono::system_clock::time_point> lost_at_;
  AfterEvents hooks_;
  std::map<std::string, Known> known_;  // VMs that are not off; behind hooks_, which their Vm must not outlive
};

}  // namespace

void watch(const Engine& engine, const WatchOptions& options, const std::stop_token& stop) {
  prepare_event_loop();
  Watch(engine, options, stop).run();
}

}  // namespace vdsm_hook
