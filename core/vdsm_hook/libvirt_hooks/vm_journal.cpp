#include "vdsm_hook/libvirt_hooks/vm_journal.hpp"

#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/libvirt_hooks/vm_lock.hpp"

namespace vdsm_hook {
namespace {

constexpr std::string_view kRecord = "record", kRecordOfFirstVersion = ".run";
constexpr std::size_t kMaxRecordBytes = 2 * kMaxPayloadBytes;

// No fsync: what is in RUNTIME_DIR does not outlive the machine. One writer at a time: what stands beside FILE is left
// of one that was killed.
void write_file(const Directory& directory, const std::string& name, const std::string& file,
                std::string_view content) {
  const auto temporary = name + ".new";
  directory.remove(temporary);
  try {
    const auto opened = directory.open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!opened) opened.fail("write", file);
    write_all(opened.fd.get(), content, file);
    if (const int error = directory.rename(temporary, name); error != 0)
      throw Error::from_errno("cannot write " + file, error);
  } catch (...) {
    directory.remove(temporary);
    throw;
  }
}

std::optional<std::string> read_if_there(const std::string& file, std::size_t max_bytes) {
  const auto opened = open_path(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, Links::own);
  if (opened.error == ENOENT) return std::nullopt;
  if (!opened) opened.fail("open", file);
  auto text = read_to_end(opened.fd.get(), max_bytes, file);
  if (!text) throw Error(Errc::bad_document, "it is longer than " + std::to_string(max_bytes) + " bytes");
  return text;
}

void remove_file(const Directory& directory, const std::string& name, const std::string& file) {
  if (const int error = directory.remove(name); error != 0 && error != ENOENT)
    throw Error::from_errno("cannot remove " + file, error);
}

}  // namespace

VmRecord VmJournal::read() const {
  auto name = vm_.file(kRecord);
  try {
    if (const auto text = read_if_there(name, kMaxRecordBytes)) return record_from(*text);
    for (const auto& other : vm_.names()) {
      if (!other.ends_with(kRecordOfFirstVersion)) continue;
      name = vm_.file(other);
      throw Error(Errc::bad_document, "the first version of vdsm-hook has written it");
    }
    return {};
  } catch (const Error& error) {
    if (error.code() != Errc::bad_document) throw;
    throw Error(
        Errc::engine_failure,
        name + ", where it is written down what happens to the VM, cannot be read (" + error.what() +
            "): see in it what was left, and remove it; `vdsm-hook vm destroy` ends a VM that runs all the same");
  }
}

// The directory itself is what is locked: no file for it can be left behind, and it is the one that has the name now.
Directory VmJournal::open_alone() const {
  const auto end = std::chrono::steady_clock::now() + kMaxLockWait;
  while (true) {
    auto directory = vm_.make();
    if (!directory) continue;  // whoever was the last removed it
    if (::flock(directory.fd(), LOCK_EX | LOCK_NB) == 0) {
      if (const auto st = directory.status(); st && st->st_nlink > 0) return directory;
      continue;
    }
    if (errno != EWOULDBLOCK && errno != EINTR) throw Error::from_errno("cannot lock " + vm_.path(), errno);
    if (std::chrono::steady_clock::now() >= end)
      throw Error(Errc::engine_failure, vm_.path() + " is being changed by another process for " +
                                            to_text(kMaxLockWait) + ": see which one has stopped there");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void VmJournal::change(const std::function<void(VmRecord&)>& change) {
  const auto alone = open_alone();
  auto record = read();
  const bool was_empty = record.is_empty();
  change(record);
  if (!record.is_empty()) {
    write_file(alone, std::string(kRecord), vm_.file(kRecord), to_text(record));
  } else {
    if (!was_empty) remove_file(alone, std::string(kRecord), vm_.file(kRecord));
    vm_.remove_if_empty();  // fails where a lock is in it
  }
}

void VmJournal::forget() const {
  const auto directory = vm_.find();
  for (const auto& name : vm_.names())
    if (name.starts_with(kRecord) || name.ends_with(kRecordOfFirstVersion))
      remove_file(directory, name, vm_.file(name));
}

std::optional<VmRun> VmJournal::run_of(std::string_view host_uuid) const {
  auto record = read();
  const auto found = record.runs.find(in_lower_case(host_uuid));
  return found == record.runs.end() ? std::nullopt : std::optional(std::move(found->second));
}

bool VmJournal::is_fired_by_command(std::string_view event) const {
  const auto record = read();
  return std::any_of(record.runs.begin(), record.runs.end(), [&](const auto& entry) {
    const auto& run = entry.second;
    return run.has_acted() && std::find(run.own_events.begin(), run.own_events.end(), event) != run.own_events.end() &&
           VmLock::is_held(vm_, entry.first);
  });
}

void VmJournal::note_fired(std::string_view event) {
  const auto is_left = [this](const auto& entry) { return !VmLock::is_held(vm_, entry.first); };
  const auto now = read();
  if (std::none_of(now.runs.begin(), now.runs.end(), is_left)) return;
  change([&](VmRecord& record) {
    for (auto& entry : record.runs)
      if (is_left(entry)) entry.second.fired.push_back({std::string(event), "", true});
  });
}

bool VmJournal::take_expected(std::string_view event) {
  if (read().expected.empty()) return false;
  bool is_taken = false;
  change([&](VmRecord& record) {
    // While a command waits for libvirt nothing is too old: to save a large VM takes long.
    if (!VmLock::is_held_for_any_host(vm_)) record.forget_old_expected();
    is_taken = record.unexpect(event);
  });
  return is_taken;
}

}  // namespace vdsm_hook
