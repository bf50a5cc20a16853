// One command on one VM: it holds the VM's lock, and fires the hook points around what libvirt does.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vdsm_hook/base/waits_for.hpp"
#include "vdsm_hook/engine/engine.hpp"
#include "vdsm_hook/hookpoints/lifecycles.hpp"
#include "vdsm_hook/libvirt/handles.hpp"
#include "vdsm_hook/libvirt/refused_edits.hpp"
#include "vdsm_hook/libvirt_hooks/vm_journal.hpp"
#include "vdsm_hook/libvirt_hooks/vm_lock.hpp"
#include "vdsm_hook/xml/secrets.hpp"

namespace vdsm_hook {

/// What every command of a VM takes for its hooks.
struct HookOptions {
  Variables properties;  ///< of the VM, for this command only
  std::vector<std::string> skip;
  std::optional<std::chrono::milliseconds> deadline;
  bool compat_vdsm = false;
  bool wants_diffs = false;
};

/// Is told what happens, in the thread of the command. Passwords are left out of everything.
class LifecycleObserver {
 public:
  virtual ~LifecycleObserver() = default;
  /// After each event. DEVICE: that it was about; empty: the VM.
  virtual void on_report(const Report& report, const std::string& device) = 0;
  virtual void on_note(const std::string& text) = 0;
  /// It is going to wait FOR_WHOM: "`vdsm-hook vm start` (process 12), which holds the VM". False: do not wait.
  virtual bool on_wait(const std::string& for_whom) = 0;
  /// What the command waits for from here on, for whoever hears that it shall end.
  virtual void on_waits_for(WaitsFor) {}
};

/// What hooks get.
struct Subject {
  std::string domain_xml;
  std::string device_xml;  ///< of the device that a phase is about; else empty, and devices are found in domain_xml
  Variables parameters;
};

/// What libvirt is asked for in a phase.
struct Act {
  std::function<void()> ask = {};  ///< may throw LibvirtError; null: nothing
  std::function<void()> refresh =
      {};                   ///< brings the subject up to date when it is done; that it cannot changes nothing
  bool hears_stop = false;  ///< ASK comes to an end when stop is requested
};

/// What a command does where one before it was killed once hooks had run.
enum class WhenLeft {
  refuse,        ///< whatever that was
  refuse_start,  ///< a start, of which only recover() knows what hooks did
  tell,
  overrule,  ///< the VM is to end: what was written down is told and does not count any more, also where it cannot be
             ///< read
};

/// Who holds a VM for this host, for LifecycleObserver::on_wait(): "another command" where nobody can tell.
std::string holder_of_vm(const VmJournal& journal, std::string_view host_uuid);

/// How a command ended that libvirt did not refuse.
enum class Ended { done, vetoed, cancelled };

class Lifecycle {
 public:
  /// ENGINE and OBSERVER must outlive this.
  Lifecycle(const Engine& engine, HookOptions options, LifecycleObserver& observer, std::stop_token stop,
            const VmCommandFacts& command);

  /// Goes on as COMMAND would: a start that restores.
  void follow(const VmCommandFacts& command) { phases_ = command.phases; }

  /// Locks the VM, waiting for others. False: stopped while waiting. Throws refused when the observer does not want to
  /// wait, engine_failure, but for WHEN_LEFT overrule. A run that was killed is told to the observer, or by WHEN_LEFT
  /// refused. CONNECTION must outlive this.
  bool begin(virConnect* connection, std::string_view vm_uuid, WhenLeft when_left);

  /// Fires PHASE's hook points before. False: vetoed or cancelled (ended() says which); then what follows a failure has
  /// been fired. Where a point's changes are used, SUBJECT has them afterwards.
  bool before(const Phase& phase, Subject& subject);
  /// Lets libvirt do it. Where ACT throws LibvirtError, what follows a failure is fired before it is thrown on, and it
  /// names the hooks whose changes it may be about. Where it cannot be known whether libvirt did it, that is left to
  /// recover().
  void act(const Phase& phase, Subject& subject, const Act& act);
  /// An ACT says with it whether libvirt is going to tell vdsm-hookd of PHASE, whose events this command fires itself.
  /// Each true stands for one time.
  void expect(const Phase& phase, bool is_expected);
  /// Fires PHASE's hook points after. Cancelled, it leaves them to recover().
  void after(const Phase& phase, Subject& subject);
  /// Does all three: before(), act() and after().
  Ended pass(const Phase& phase, Subject& subject, const Act& act = {});
  /// Lets hooks take back what they did in PHASE, if any ran; of devices those whose hooks ran, as they were then.
  void undo(const Phase& phase, Subject subject);
  /// Fires what follows when libvirt refused PHASE, but for undo().
  void failed(const Phase& phase, Subject& subject);
  /// Goes on with a run that was killed: of its events those fire that were not over.
  void take_over(VmRun run);

  /// FUNCTION becomes Request::also_judge of every hook before.
  void judge_before_with(std::function<std::string(bool)> function) { also_judge_ = std::move(function); }
  /// Whether anything may run at PHASE's hook points before.
  bool has_hooks_before(const Phase& phase) const;

  /// What follows takes back what was done: it is not cancelled any more, no hook is judged by more than its exit code,
  /// and a veto before it does not count.
  void take_back_from_here();

  /// Nothing is left to recover from, unless the command was cancelled when libvirt had acted.
  void finish();

  Ended ended() const { return ended_; }
  Secrets& secrets() { return secrets_; }
  const VmJournal& journal() const { return *journal_; }

 private:
  /// What takes back what was done runs to its end, also when the command is cancelled.
  std::stop_token stop() const { return direction_ == Direction::forward ? stop_ : std::stop_token(); }
  /// Whether hooks make what undo() takes back.
  bool is_creating() const {
    return direction_ == Direction::forward && run_.stage == VmRun::Stage::before && !run_.phase->undo.empty();
  }
  enum class Presence { runs, gone, unknown };
  Presence presence() const;
  bool has_hooks_at(std::string_view event) const;
  bool fire(std::string_view event, Subject& subject);
  bool fire_and_use(std::string_view event, const Phase& phase, Subject& subject);
  bool fire_for_devices(const HookPoint& point, Subject& subject);
  bool fire_for_disks(const HookPoint& point, Subject& subject);
  Report run(std::string_view event, const std::string& document, const Subject& subject, const std::string& device);
  void note_event(std::string_view event, const std::string& device, bool is_over);
  void fail(const Phase& phase, Subject& subject, bool is_veto);
  void fail_after_error(const Phase& phase, Subject& subject, bool is_veto);
  void give_up(const Phase& phase, Subject& subject, Presence before);
  void enter(const Phase& phase, VmRun::Stage stage, const Subject& subject,
             const std::function<void(VmRecord&)>& also = {});
  void write_down(const std::function<void(VmRecord&)>& change);
  std::vector<std::string> events_from(const Phase& phase, bool is_over) const;

  const Engine& engine_;
  HookOptions options_;
  LifecycleObserver& observer_;
  const std::stop_token stop_;
  Phases phases_;
  virConnect* connection_ = nullptr;
  std::optional<VmJournal> journal_;
  std::string vm_uuid_, host_uuid_;
  std::unique_ptr<VmLock> lock_;
  VmRun run_;
  Ended ended_ = Ended::done;
  enum class Direction { forward, back } direction_ = Direction::forward;
  bool is_ending_ = false;  // the VM is to end: what cannot be written down keeps nobody from it
  bool is_untold_ = true;   // that it cannot be written down
  bool is_used_ = true;     // what hooks leave is handed on
  std::function<std::string(bool)> also_judge_;
  std::vector<Edit> edits_;  // that were adopted
  Secrets secrets_;
};

}  // namespace vdsm_hook
