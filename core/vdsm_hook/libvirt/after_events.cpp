#include "vdsm_hook/libvirt/after_events.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <map>
#include <mutex>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/libvirt_hooks/vm_journal.hpp"
#include "vdsm_hook/properties/devices.hpp"

namespace vdsm_hook {
namespace {

using Pool = boost::asio::thread_pool;
using Events = std::vector<std::string_view>;

const DeviceElement* find_alias(const std::vector<DeviceElement>& devices, std::string_view alias) {
  const auto found = std::find_if(devices.begin(), devices.end(),
                                  [&](const DeviceElement& one) { return one.identity.alias == alias; });
  return found == devices.end() ? nullptr : &*found;
}

bool has(EventNames events, std::string_view event) {
  return std::find(events.begin(), events.end(), event) != events.end();
}

Request device_request(std::string_view event, const DeviceElement& device, const std::string& document) {
  Request request;
  request.event = event;
  request.document = device.xml;
  request.domain_xml = document;
  return request;
}

}  // namespace

std::vector<Request> requests_after(const HookPoint& point, const std::string& document) {
  std::vector<Request> requests;
  if (point.ours.payload == PayloadKind::device_xml) {
    const auto facts = read_domain_facts(document);
    for (const auto& device : device_elements(document))
      if (has_properties(facts, device.identity)) requests.push_back(device_request(point.name, device, document));
    return requests;
  }
  auto& request = requests.emplace_back();
  request.event = point.name;
  (point.ours.payload == PayloadKind::domain_xml ? request.document : request.domain_xml) = document;
  return requests;
}

void forget_lost_events(const std::string& runtime_dir, const std::string& uuid) {
  VmJournal journal(VmDirectory(runtime_dir, uuid));
  if (journal.read().expected.empty()) return;
  journal.change([&](VmRecord& record) {
    std::erase_if(record.expected,
                  [&](const VmRecord::Expected& one) { return !journal.is_fired_by_command(one.event); });
  });
}

class AfterEvents::Vm {
 public:
  Vm(Pool& pool, std::string uuid, std::string name)
      : strand_(pool.get_executor()), uuid_(std::move(uuid)), name_(std::move(name)) {}

  std::string to_text() const { return "VM " + printable(name_) + " (" + uuid_ + ")"; }

  boost::asio::strand<Pool::executor_type> strand_;
  const std::string uuid_, name_;
  std::string document_;  // of the strand
  Events put_back_;       // of the strand: expected, taken for another device, and expected again
  std::atomic<std::size_t> waiting_ = 0, looking_ = 0;
};

struct AfterEvents::State {
  State(const Engine& with, LogSink to) : engine(with), log(std::move(to)) {}

  // Runs JOB, which fires hooks, when all that was posted for VM before is done. WHAT is for the log.
  template <class Job>
  void post(const VmRef& vm, std::string_view what, Job job) {
    if (vm->waiting_.fetch_add(1) >= kMaxWaiting) {
      --vm->waiting_;
      log(LogLevel::error, vm->to_text() + ": no hooks run after " + std::string(what) + ": " +
                               std::to_string(kMaxWaiting) + " things that happened to it wait for hooks already");
      return;
    }
    post_quietly(vm, [this, job = std::move(job)](Vm& one) {
      --one.waiting_;
      if (stop.stop_requested()) {
        ++dropped;
        return;
      }
      note_busy(+1);
      try {
        job(one);
      } catch (const std::exception& error) {
        log(LogLevel::error, one.to_text() + ": " + error.what());
      }
      note_busy(-1);
    });
  }

  // A JOB without hooks, which throws nothing.
  template <class Job>
  void post_quietly(const VmRef& vm, Job job) {
    boost::asio::post(vm->strand_, [vm, job = std::move(job)] { job(*vm); });
  }

  // Said once until no hook runs any more: it may be the same again and again.
  void note_busy(int change) {
    const auto now = busy += change;
    if (now == 0) is_busy_said = false;
    if (now == static_cast<int>(kThreads) && !is_busy_said.exchange(true))
      log(LogLevel::warning,
          "hooks of " + std::to_string(kThreads) + " VMs run: those of all others wait until one of these has ended");
  }

  VmJournal journal_of(const Vm& vm) const {
    return VmJournal(VmDirectory(engine.settings().paths.runtime_dir, vm.uuid_));
  }

  // False: a command fires it. Where that cannot be read it is ours: an event may come twice, and is not lost.
  bool is_ours(const Vm& vm, std::string_view event) const {
    try {
      return !journal_of(vm).take_expected(event);
    } catch (const Error& error) {
      log(LogLevel::warning, vm.to_text() + ": " + error.what());
      return true;
    }
  }

  void run(const Vm& vm, const Request& request) const {
    if (stop.stop_requested()) return;
    const auto report = engine.run(request, stop.get_token());
    for (const auto& problem : report.problems) log(LogLevel::warning, problem.what + ": " + problem.why);
    const auto ran =
        std::count_if(report.hooks.begin(), report.hooks.end(), [](const HookOutcome& hook) { return hook.ran; });
    if (ran == 0) return;
    log(LogLevel::info,
        vm.to_text() + ": " + report.event + ": " + std::to_string(ran) + (ran == 1 ? " hook ran" : " hooks ran"));
  }

  void run_after(Vm& vm, std::string_view phase_name, const Events& events, const LiveXml& live) const {
    if (auto document = live()) vm.document_ = std::move(*document);
    if (vm.document_.empty())
      throw Error(Errc::refused, "no hooks run after " + std::string(phase_name) + ": its domain XML was never seen");
    for (const auto event : events)
      if (const auto* point = engine.settings().points.find(event))
        for (const auto& request : requests_after(*point, vm.document_)) run(vm, request);
  }

  // DEVICES: those among which ALIAS is. TAKEN: of take_expected(), when it was told.
  void run_for_device(Vm& vm, const VmCommandFacts& command, const Events& taken,
                      const std::vector<DeviceElement>& devices, const std::string& alias) const {
    const auto* device = find_alias(devices, alias);
    if (device == nullptr) {
      log(LogLevel::notice,
          vm.to_text() + ": no hooks run for the device " + printable(alias) + ": it was never seen in the domain XML");
      return;
    }
    const auto* after = phase_for_device(command, device->identity.type);
    const Events none;
    const EventNames own = after == nullptr ? EventNames(none) : after->after;
    for (const auto event : taken) {  // by a device of another type: the command's own is still to come
      if (has(own, event)) continue;
      journal_of(vm).change([event](VmRecord& record) { record.expect(event); });
      vm.put_back_.push_back(event);
    }
    for (const auto event : own) {
      if (has(taken, event)) continue;
      if (const auto back = std::find(vm.put_back_.begin(), vm.put_back_.end(), event); back != vm.put_back_.end()) {
        vm.put_back_.erase(back);
        if (!is_ours(vm, event)) continue;
      }
      run(vm, device_request(event, *device, vm.document_));
    }
  }

  // Those of one phase of COMMAND that a command fires itself. Which type of device it is about is not known yet.
  Events take_expected(const Vm& vm, const VmCommandFacts& command) const {
    Events taken;
    for (const auto* phase : command.phases)
      if (taken.empty())
        for (const auto event : phase->after)
          if (!is_ours(vm, event)) taken.push_back(event);
    return taken;
  }

  const Engine& engine;
  const LogSink log;
  std::stop_source stop;
  std::atomic<std::size_t> dropped = 0;
  std::atomic<int> busy = 0;
  std::atomic<bool> is_busy_said = false;
  std::mutex stopping;
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<Vm>> vms;  // of mutex
  Pool pool{kThreads};
};

AfterEvents::AfterEvents(const Engine& engine, LogSink log) : state_(std::make_unique<State>(engine, std::move(log))) {}

AfterEvents::~AfterEvents() { stop(); }

AfterEvents::VmRef AfterEvents::vm(const std::string& uuid, const std::string& name) {
  const std::lock_guard alone(state_->mutex);
  if (auto known = state_->vms[uuid].lock()) return known;
  std::erase_if(state_->vms, [&](const auto& entry) { return entry.second.expired(); });
  auto made = std::make_shared<Vm>(state_->pool, uuid, name);
  state_->vms[uuid] = made;
  return made;
}

void AfterEvents::look(const VmRef& vm, LiveXml live) {
  if (vm->looking_.fetch_add(1) >= kMaxWaiting) {  // those that wait will see the same
    --vm->looking_;
    return;
  }
  state_->post_quietly(vm, [state = state_.get(), live = std::move(live)](Vm& one) {
    --one.looking_;
    if (state->stop.stop_requested()) return;
    if (auto document = live()) one.document_ = std::move(*document);
  });
}

void AfterEvents::happened(const VmRef& vm, const Phase& phase, LiveXml live) {
  Events events;
  for (const auto event : phase.after)
    if (state_->is_ours(*vm, event)) events.push_back(event);
  if (events.empty()) return look(vm, std::move(live));
  state_->post(vm, phase.name,
               [state = state_.get(), &phase, events = std::move(events), live = std::move(live)](Vm& one) {
                 state->run_after(one, phase.name, events, live);
               });
}

void AfterEvents::plugged(const VmRef& vm, std::string alias, LiveXml live) {
  state_->post(vm, "the device " + printable(alias) + " came",
               [state = state_.get(), alias, live = std::move(live),
                taken = state_->take_expected(*vm, vm_commands::kAttachDevice)](Vm& one) {
                 if (auto document = live()) one.document_ = std::move(*document);
                 state->run_for_device(one, vm_commands::kAttachDevice, taken, device_elements(one.document_), alias);
               });
}

void AfterEvents::unplugged(const VmRef& vm, std::string alias, LiveXml live) {
  state_->post(vm, "the device " + printable(alias) + " went",
               [state = state_.get(), alias, live = std::move(live),
                taken = state_->take_expected(*vm, vm_commands::kDetachDevice)](Vm& one) {
                 const auto devices = device_elements(one.document_);  // as they were when it was there
                 if (auto document = live()) one.document_ = std::move(*document);
                 state->run_for_device(one, vm_commands::kDetachDevice, taken, devices, alias);
               });
}

void AfterEvents::forget_lost(const VmRef& vm) {
  state_->post_quietly(vm, [state = state_.get()](Vm& one) {
    if (state->stop.stop_requested()) return;
    try {
      forget_lost_events(state->engine.settings().paths.runtime_dir, one.uuid_);
    } catch (const Error& error) {
      state->log(LogLevel::error, one.to_text() + ": " + error.what());
    }
  });
}

void AfterEvents::stop() {
  const std::lock_guard alone(state_->stopping);
  state_->stop.request_stop();
  state_->pool.join();
  if (const auto count = state_->dropped.exchange(0); count > 0)
    state_->log(LogLevel::notice,
                std::to_string(count) + " things that happened to VMs wait no longer for their hooks");
}

}  // namespace vdsm_hook
